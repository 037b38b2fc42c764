import { type Controlled, ProcessControl } from "../../../src/control/process_control.ts";
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { type Program, runProgram } from "../../../src/control/commands.ts";
import { DEFAULT_LISTEN } from "../../../src/control/default_config.ts";
import type { ProcessFacts } from "../../../src/control/process_limits.ts";
import { CannotListen, type RunningServer } from "../../../src/control/running_server.ts";
import { type LifeRequestKind, RequestQueue } from "../../../src/control/life_requests.ts";
import type { SluiceConf } from "../../../src/http/conf.ts";

const GOOD = `servers:\n  - listen: 127.0.0.1:0\n    locations: { /: { return: 200 ok } }\n`;

/** What a program did, from its start to its exit status. */
interface Story {
  readonly status: number;
  readonly out: readonly string[];
  readonly err: readonly string[];
  /** What was done to the server and the demo upstream, in order. */
  readonly events: readonly string[];
  readonly confs: readonly SluiceConf[];
  /** Of the error log. */
  readonly warnings: readonly string[];
}

interface Script {
  readonly files?: Readonly<Record<string, string | Error>>;
  readonly signals?: readonly LifeRequestKind[];
  readonly startFails?: Error;
  readonly facts?: Partial<ProcessFacts>;
  /** Draining or stopping does not end. */
  readonly hangs?: boolean;
}

/** A server that no command looks into. */
const NOTHING: Controlled = {
  readiness: "serving",
  groups: new Map(),
  reported: () => {
    throw new Error("no command asks for it");
  },
  reopenLogs: () => Promise.resolve(),
};

async function play(args: readonly string[], script: Script = {}): Promise<Story> {
  const [out, err, events, confs] = [[], [], [], []] as [
    string[],
    string[],
    string[],
    SluiceConf[],
  ];
  const warnings: string[] = [];
  const requests = new RequestQueue();
  for (const kind of script.signals ?? ["stop"]) requests.add({ kind, received: kind });
  const act = (event: string): Promise<void> => {
    events.push(event);
    return script.hangs === true ? new Promise(() => {}) : Promise.resolve();
  };
  const server: RunningServer = {
    workerNames: ["4711"],
    addresses: ["127.0.0.1:4000", "[::]:4001"],
    adminAddress: undefined,
    control: new ProcessControl(NOTHING),
    stats: () => {
      throw new Error("no command asks for it");
    },
    reload: () => act("reload"),
    reopenLogs: () => act("reopen"),
    log: (level, message) => void (level === "warn" && warnings.push(message)),
    shutdown: () => act("shutdown"),
    stop: () => act("stop"),
  };
  const program: Program = {
    version: "1.2.3",
    startServer(conf) {
      confs.push(conf);
      events.push("start");
      return script.startFails === undefined
        ? Promise.resolve(server)
        : Promise.reject(script.startFails);
    },
    readFile(path) {
      const text = script.files?.[path];
      return typeof text === "string"
        ? Promise.resolve(text)
        : Promise.reject(text ?? new Deno.errors.NotFound(`readfile '${path}'`));
    },
    startDemoUpstream: () =>
      Promise.resolve({
        addresses: ["127.0.0.1:5000", "127.0.0.1:5001"],
        stop: () => Promise.resolve(void events.push("stop demo")),
      }),
    requests,
    isGranted: () => true,
    facts: { userId: undefined, openFilesMax: undefined, ...script.facts },
    out: (line) => out.push(line),
    err: (line) => err.push(line),
  };
  return { status: await runProgram(args, program), out, err, events, confs, warnings };
}

Deno.test("run: without a file the embedded configuration is in front of the demo upstream", async () => {
  const { status, out, err, events, confs } = await play(["run"]);
  assertEquals([status, out, events], [0, [], ["start", "stop", "stop demo"]]);
  assertEquals(err.slice(0, 2), [
    "sluice: listening on 127.0.0.1:4000",
    "sluice: listening on [::]:4001",
  ]);
  assertEquals(err.filter((line) => line.includes(" curl ")).length, 3);
  assertEquals(confs[0]?.listeners.map(({ name }) => name), [DEFAULT_LISTEN]);
  assertEquals(confs[0]?.groups[0]?.peers.map(({ name }) => name), [
    "127.0.0.1:5000",
    "127.0.0.1:5001",
  ]);
});

Deno.test("run --listen: the embedded configuration listens there", async () => {
  const { confs } = await play(["run", "--listen", "[::1]:8099"]);
  assertEquals(confs[0]?.listeners.map(({ name }) => name), ["[::1]:8099"]);
});

Deno.test("run --listen: what is no address is refused, whatever it holds", async () => {
  const { status, err, events } = await play(["run", "--listen", '8080"\nservers: []']);
  assertEquals([status, events], [1, ["stop demo"]]);
  assertMatch(err.join("\n"), /^the embedded configuration:\d+:13: /);
});

Deno.test("run -c: a file is served until the signal", async () => {
  const { status, err, events } = await play(["run", "-c", "a.yaml"], {
    files: { "a.yaml": GOOD },
  });
  assertEquals([status, events], [0, ["start", "stop"]]);
  assertEquals(err.length, 2);
});

for (
  const [signals, hangs, expected] of [
    [["stop"], false, ["start", "stop"]],
    [["quit"], false, ["start", "shutdown"]],
    [["quit", "stop"], true, ["start", "shutdown", "stop"]],
    [["quit", "quit", "stop"], true, ["start", "shutdown", "stop"]],
    [["stop", "stop"], true, ["start", "stop"]],
  ] as const
) {
  Deno.test(`run: ${signals.join(", then ")}${hangs ? ", nothing ends by itself" : ""}`, async () => {
    // With nothing ending by itself, the last signal is the one that ends the waiting.
    const ending = hangs ? [...signals, "stop" as const] : signals;
    const { status, events } = await play(["run", "-c", "a.yaml"], {
      files: { "a.yaml": GOOD },
      signals: ending,
      hangs,
    });
    assertEquals([status, events], [0, [...expected]]);
  });
}

Deno.test("check: a right file is fine, and no server starts", async () => {
  const { status, out, events } = await play(["check", "-c", "a.yaml"], {
    files: { "a.yaml": GOOD },
  });
  assertEquals([status, out, events], [0, ["sluice: the configuration a.yaml is fine"], []]);
});

Deno.test("convert: a file is printed in the other syntax", async () => {
  const nginx = "events {\n}\nhttp {\n    server {\n        return 204;\n    }\n}";
  const yaml = "servers:\n  - return: 204";
  const files = { "a.conf": nginx, "a.yaml": yaml };
  const toYaml = await play(["convert", "a.conf"], { files });
  assertEquals([toYaml.status, toYaml.out], [0, [`# Converted from a.conf.\n${yaml}`]]);
  const toNginx = await play(["convert", "a.yaml"], { files });
  assertEquals([toNginx.status, toNginx.out], [0, [`# Converted from a.yaml.\n${nginx}`]]);
});

Deno.test("check: without a file it is about the embedded configuration", async () => {
  const { status, out, events } = await play(["check"]);
  assertEquals([status, out, events], [0, ["sluice: the embedded configuration is fine"], []]);
});

Deno.test("check: every error of a file is told, unknown variables too", async () => {
  const bad = GOOD.replace("locations", "locatoins") + "  - listen: 99999999\n";
  const { status, out, err } = await play(["check", "-c", "a.yaml"], { files: { "a.yaml": bad } });
  assertEquals([status, out], [1, []]);
  assertMatch(err.join("\n"), /a\.yaml:3:.*locatoins.*did you mean "locations"/);
  assertMatch(err.join("\n"), /a\.yaml:4:/);
  const unknown = GOOD.replace("200 ok", "200 $xyz");
  const second = await play(["check", "-c", "a.yaml"], { files: { "a.yaml": unknown } });
  assertEquals(second.status, 1);
  assertMatch(second.err.join("\n"), /xyz/);
});

for (
  const [error, expected] of [
    [
      new Deno.errors.NotFound("os error 2"),
      "sluice: Cannot read a.yaml: there is no such file or folder",
    ],
    [new Deno.errors.IsADirectory("os error 21"), "sluice: Cannot read a.yaml: it is a directory"],
    [
      new Deno.errors.NotCapable(
        'Requires read access to "a.yaml", run again with the --allow-read flag',
      ),
      'sluice: Cannot read a.yaml: no permission: Requires read access to "a.yaml", run again with ' +
      "the --allow-read flag",
    ],
    [
      new Deno.errors.PermissionDenied("Permission denied (os error 13)"),
      "sluice: Cannot read a.yaml: Permission denied (os error 13)",
    ],
  ] as const
) {
  Deno.test(`run: a file that gives ${error.name} is one line`, async () => {
    const { status, err } = await play(["run", "-c", "a.yaml"], { files: { "a.yaml": error } });
    assertEquals([status, err], [1, [expected]]);
  });
}

for (
  const [error, expected] of [
    [
      new CannotListen("127.0.0.1:80", new Deno.errors.AddrInUse("os error 98")),
      "sluice: Cannot listen on 127.0.0.1:80: another program listens there already",
    ],
    [
      new CannotListen("unix:/run/x.sock", new Deno.errors.AddrInUse("os error 98")),
      "sluice: Cannot listen on unix:/run/x.sock: there is a file already: another program listens " +
      "there, or one that was killed has left it",
    ],
    [
      new CannotListen("192.0.2.1:80", new Deno.errors.AddrNotAvailable("os error 99")),
      "sluice: Cannot listen on 192.0.2.1:80: this machine does not have this address",
    ],
    [
      new Deno.errors.NotFound("No such file or directory (os error 2): open '/no/a.log'"),
      "sluice: Cannot start: No such file or directory (os error 2): open '/no/a.log'",
    ],
    [
      Object.assign(new Error("Too many open files (os error 24)"), { code: "EMFILE" }),
      "sluice: Cannot start: Too many open files (os error 24)",
    ],
  ] as const
) {
  Deno.test(`run: a start that fails is one line: ${expected}`, async () => {
    const { status, err, events } = await play(["run"], { startFails: error });
    assertEquals([status, err, events], [1, [expected], ["start", "stop demo"]]);
  });
}

Deno.test("run: a bug is not explained away", async () => {
  await assertRejects(
    () => play(["run"], { startFails: new TypeError("a bug") }),
    TypeError,
    "a bug",
  );
});

Deno.test("a wrong command line is exit status 2", async () => {
  const { status, err } = await play(["run", "--lsten", "80"]);
  assertEquals(status, 2);
  assertEquals(err, [
    "sluice: Cannot use --lsten: there is no such flag; did you mean --listen? (--help tells more)",
  ]);
});

Deno.test("--version and --help print and end", async () => {
  assertEquals((await play(["--version"])).out, ["sluice 1.2.3"]);
  assertMatch((await play(["--help"])).out.join("\n"), /^Sluice, an edge reverse proxy\n\nUsage:/);
});

for (
  const [setting, facts, expected] of [
    ["user: www-data", { userId: 0 }, 'Cannot become user "www-data": a process in Deno keeps its'],
    ["user: root", { userId: 0 }, undefined],
    ["user: www-data", { userId: 1000 }, undefined],
    ["user: www-data", {}, undefined],
    [
      "worker_rlimit_nofile: 65536",
      { openFilesMax: 1024 },
      "Cannot set worker_rlimit_nofile to 65536: the process may open 1024 files",
    ],
    ["worker_rlimit_nofile: 1024", { openFilesMax: 1024 }, undefined],
    ["worker_rlimit_nofile: 65536", {}, undefined],
    ["daemon: off", {}, undefined],
  ] as const
) {
  Deno.test(`run: ${setting}, where the process is ${JSON.stringify(facts)}`, async () => {
    const { status, err } = await play(["run", "-c", "a.yaml"], {
      files: { "a.yaml": `${setting}\n${GOOD}` },
      facts,
    });
    assertEquals(status, expected === undefined ? 0 : 1);
    if (expected !== undefined) assertMatch(err.join("\n"), new RegExp(expected));
  });
}

Deno.test("run: what cannot be had and need not be is a warning in nginx's words", async () => {
  const { warnings } = await play(["run", "-c", "a.yaml"], {
    files: { "a.yaml": `user: www-data\nworker_connections: 2000\n${GOOD}` },
    facts: { userId: 1000, openFilesMax: 1024 },
  });
  assertEquals(warnings, [
    'the "user" directive makes sense only if the process runs with super-user privileges, ignored',
    "2000 worker_connections exceed open file resource limit: 1024",
  ]);
});

Deno.test("run: daemon on is refused", async () => {
  const { status, err } = await play(["run", "-c", "a.conf"], {
    files: { "a.conf": "daemon on; http { server { listen 8080; } }" },
  });
  assertEquals(status, 1);
  assertMatch(err.join("\n"), /need off: the process that is started is the server itself/);
});
