/** The checker has to be able to fail: bad input for every rule. */
import { assertEquals } from "@std/assert";
import { checkFiles, checkTopLevel, ignoredNames, importsOf } from "./rules.ts";
import { only } from "./scan.ts";

const ALLOWED = [
  ["src/upstream/connect.ts", 'import { Peer } from "../peer/mod.ts";'],
  ["src/upstream/connect.ts", 'import { x } from "./init.ts";'],
  ["src/upstream/connect.ts", 'import type { Buf } from "../buffer/mod.ts";'],
  ["src/buffer/slab.ts", 'import { write } from "../log/error.ts";'],
  ["src/wire/h2/frame.ts", 'import { token } from "../chars.ts";'],
  ["src/control/reload.ts", 'import { read } from "../config/read.ts";'],
  ["src/config/read.ts", 'import { parse } from "@std/yaml";'],
  ["src/event/tls.ts", 'import tls from "node:tls";'],
  ["main.ts", 'import { run } from "./src/control/run.ts";'],
  ["mod.ts", 'export * from "./src/http/mod.ts";'],
  ["tests/unit/wire/head_test.ts", 'import "../../../src/upstream/journey.ts";'],
  ["src/wire/head.ts", '// import { x } from "../buffer/mod.ts";'],
  ["src/wire/head.ts", "// as any, AbortSignal.timeout\nconst message = `as any`;"],
  ["src/wire/head.ts", "const anything: Many = company as Anything;"],
  ["src/event/signals.ts", "// SIGUSR1 belongs to the inspector"],
  ["src/control/top.ts", "console.log(table);"],
  ["tests/support/origin.ts", "await Promise.race([gate, closed]);"],
] as const;

for (const [path, text] of ALLOWED) {
  Deno.test(`shape: ${path} may say ${text}`, () => {
    assertEquals(checkFiles([{ path, text }]), []);
  });
}

const REFUSED = [
  [
    "src/buffer/slab.ts",
    'import { Driver } from "../event/mod.ts";',
    "src/buffer/slab.ts:1: imports src/event/mod.ts: event stands above buffer",
  ],
  [
    "src/upstream/init.ts",
    '\nimport type {\n  Client,\n} from "../downstream/conn.ts";',
    "src/upstream/init.ts:4: imports src/downstream/conn.ts: " +
    "upstream and downstream never import each other",
  ],
  [
    "src/downstream/conn.ts",
    'export * from "../upstream/journey.ts";',
    "src/downstream/conn.ts:1: imports src/upstream/journey.ts: " +
    "downstream and upstream never import each other",
  ],
  [
    "src/wire/head.ts",
    'import { Buf } from "../buffer/mod.ts";',
    "src/wire/head.ts:1: imports src/buffer/mod.ts: wire imports nothing of ours",
  ],
  [
    "src/log/access.ts",
    'const { Head } = await import("../wire/head.ts");',
    "src/log/access.ts:1: imports src/wire/head.ts: log imports nothing of ours",
  ],
  [
    "src/http/mirror.ts",
    'new Worker(new URL("../control/worker.ts", import.meta.url));',
    "src/http/mirror.ts:1: imports src/control/worker.ts: control stands above http",
  ],
  [
    "src/config/read.ts",
    'import "../../tests/support/within.ts";',
    "src/config/read.ts:1: imports tests/support/within.ts: src/ imports nothing outside of src/",
  ],
  [
    "src/utils/misc.ts",
    "",
    "src/utils/misc.ts:1: not in a folder of the layout that DESIGN.md fixes",
  ],
  ["src/misc.ts", "", "src/misc.ts:1: not in a folder of the layout that DESIGN.md fixes"],
  ["src/event/tcpConn.ts", "", "src/event/tcpConn.ts:1: file and folder names are snake_case"],
  [
    "tests/scenario/a-b_test.ts",
    "",
    "tests/scenario/a-b_test.ts:1: file and folder names are snake_case",
  ],
  [
    "tests/a.ts",
    "\n\nlet x: any;",
    "tests/a.ts:3: the type any: write the type, or unknown and a check",
  ],
  [
    "main.ts",
    "const y = `${x as any}`;",
    "main.ts:1: the type any: write the type, or unknown and a check",
  ],
  [
    "src/peer/a.ts",
    "let x: Map<string, any>;",
    "src/peer/a.ts:1: the type any: write the type, or unknown and a check",
  ],
  [
    "src/peer/a.ts",
    "// @ts-" + "ignore: later\nf();",
    "src/peer/a.ts:1: a switched-off type check: make the types right instead",
  ],
  [
    "src/event/a.ts",
    "await Promise.race([a, b]);",
    "src/event/a.ts:1: Promise.race leaks a reaction per race: wake by a one-slot callback",
  ],
  [
    "src/event/a.ts",
    "connect({ signal: AbortSignal.timeout(5) });",
    "src/event/a.ts:1: AbortSignal.timeout retains memory until it fires: " +
    "use the deadlines of event/",
  ],
  [
    "src/control/a.ts",
    'Deno.addSignalListener("SIGUSR1", reopen);',
    "src/control/a.ts:1: SIGUSR1 opens Deno's inspector: use another signal or the admin API",
  ],
  [
    "src/http/a.ts",
    "console.log(1);",
    "src/http/a.ts:1: console in a hot folder: what is worth saying goes to log",
  ],
] as const;

for (const [path, text, finding] of REFUSED) {
  Deno.test(`shape: finds "${finding}"`, () => {
    assertEquals(checkFiles([{ path, text }]), [finding]);
  });
}

Deno.test("shape: the top level may not grow, nor lose anything", () => {
  const entries = [".ci", ".git", ".gitignore", "LICENSE", "README.md", "coverage", "deno.json"]
    .concat(["deno.lock", "deploy", "main.ts", "mod.ts", "src", "tests", "utils"]);

  assertEquals(checkTopLevel(entries, ignoredNames("/coverage/\n# tools\nnode_modules/\n")), [
    "utils: not among the top-level entries that DESIGN.md fixes",
    "CONTRIBUTING.md: missing at the top level",
    "SECURITY.md: missing at the top level",
  ]);
});

Deno.test("shape: imports are found with their lines, in all their forms", () => {
  const text = [
    'import a, { type b } from "./a.ts";',
    'export { c } from "./c.ts";',
    'import "./d.ts";',
    "/* import './no.ts' */",
    'export const e = () => import("./e.ts");',
    "export type F = string;",
  ].join("\n");

  assertEquals(importsOf(text), [
    { specifier: "./a.ts", line: 1 },
    { specifier: "./c.ts", line: 2 },
    { specifier: "./d.ts", line: 3 },
    { specifier: "./e.ts", line: 5 },
  ]);
});

const SCANS = [
  ["a / b; // c\nd", "a / b;     \nd"],
  ["x = /['\"]/g; 'y'", "x =       g;    "],
  ["`a${b + `c${d}` + {e}}f` g", "    b +     d   + {e}    g"],
  ["'it\\'s' + i /* no */ + j", "        + i          + j"],
  ["return /[/'].*/.test(s)", "return         .test(s)"],
] as const;

for (const [text, code] of SCANS) {
  Deno.test(`scan: code alone in ${text}`, () => {
    assertEquals(only(text, "code"), code);
  });
}
