/** Each message of `check` has a test. */
import { assert, assertEquals } from "@std/assert";
import { messageParts, texts } from "./messages.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

const NOT_MESSAGES = [
  "src/config/differences.ts", // for the manual
  "src/config/manual.ts",
  // Half of it for the manual; tests/unit/config/refusals_test.ts has each reason.
  "src/config/nginx_known.ts",
];

Deno.test("each text of a message of check is in a test of the configuration's readers", () => {
  const parts = files("src/config").filter(({ path }) => !NOT_MESSAGES.includes(path))
    .flatMap(({ path, text }) => messageParts(path, text));
  assert(parts.length > 250, `${parts.length} texts found`);

  const tested = files("tests/unit/config").flatMap(({ path, text }) => texts(path, text));
  const untested = parts.filter(({ pattern }) => !tested.some((text) => pattern.test(text)));

  assertEquals(untested.map(({ place, text }) => `${place}: no test has "${text}"`), []);
});

Deno.test("texts of messages are found, and a test that has one of them", () => {
  const source = `
    const EXPECTED = "a thing " + "such as one";
    const other = name === "things" ? "thing" : undefined;
    function read(node) {
      if (other) return reading.refuse(node, EXPECTED);
      return problems.add({ span, cannot: \`use \${text} in things\`, found: "none", expected: "more" });
    }
  `;
  const found = messageParts("a.ts", source);
  assertEquals(found.map(({ place, text }) => `${place}: ${text}`), [
    "a.ts:2: a thing such as one",
    "a.ts:6: use … in things",
    "a.ts:6: more",
  ]);

  const [whole = ""] = texts("b.ts", 'check(\'Cannot use "x" in things: \' + "need a thing");');
  assertEquals(found.map(({ pattern }) => pattern.test(whole)), [false, true, false]);
});

interface File {
  /** From the root. */
  readonly path: string;
  readonly text: string;
}

function files(folder: string): readonly File[] {
  return [...Deno.readDirSync(ROOT + folder)].flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    return isDirectory ? files(path) : [{ path, text: Deno.readTextFileSync(ROOT + path) }];
  });
}
