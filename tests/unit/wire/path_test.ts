import { assert, assertEquals, assertThrows } from "@std/assert";
import { BadMessage, escapePath, normalizePath } from "../../../src/wire/mod.ts";
import { withRandom } from "../../support/random.ts";

/** What nginx 1.22 makes of each. */
const NORMAL: Readonly<Record<string, string>> = {
  "": "/",
  "/": "/",
  "//": "/",
  "/a": "/a",
  "/a/": "/a/",
  "/a//b///c": "/a/b/c",
  "/a/./b": "/a/b",
  "/a/.": "/a/",
  "/.": "/",
  "/./": "/",
  "/a/b/..": "/a/",
  "/a/b/../": "/a/",
  "/a/b/../c": "/a/c",
  "/a/..": "/",
  "/a/../": "/",
  "/a/b/c/../../d": "/a/d",
  "/...": "/...",
  "/..a/.b/c..": "/..a/.b/c..",
  "/a%20b": "/a b",
  "/%61": "/a",
  "/a%2fb": "/a/b",
  "/a/%2e%2E/b": "/b",
  "/a/%2e/b": "/a/b",
  "/a%2f%2e%2e%2fb": "/b",
  "/%252e%252e/a": "/%2e%2e/a",
  "/%23%3f": "/#?",
  "/%e4%ff": "/\xe4\xff",
  "/%0d%0a": "/\r\n",
  "/a%2f%2fb": "/a/b",
};

for (const [path, normal] of Object.entries(NORMAL)) {
  Deno.test(`the path ${JSON.stringify(path)} is ${JSON.stringify(normal)}`, () => {
    assertEquals(normalizePath(path), normal);
  });
}

for (
  const path of [
    "/..",
    "/../a",
    "/a/../..",
    "/a/../../b",
    "/%2e%2e/",
    "/%2e%2e%2fa",
    "//..",
    "/%",
    "/%2",
    "/%2g",
    "/%g2",
    "/% 2",
    "/%+2",
    "/%0x",
    "/%00",
    "/a%00b",
  ]
) {
  Deno.test(`the path ${JSON.stringify(path)} is refused`, () => {
    const error = assertThrows(() => normalizePath(path));
    assert(error instanceof BadMessage);
    assertEquals(error.status, 400);
  });
}

Deno.test("a path escaped and normalised again is the same path", async () => {
  await withRandom((random) => {
    for (let round = 0; round < 2_000; round++) {
      const length = random.integer(0, 12);
      const units = Array.from(
        { length },
        () =>
          random.chance(0.4) ? random.pick([".", "/", "%2e", "a"]) : code(random.integer(1, 255)),
      );
      let normal: string;
      try {
        normal = normalizePath("/" + units.join(""));
      } catch (error) {
        assert(error instanceof BadMessage);
        continue;
      }
      assert(normal.startsWith("/"));
      assert(!/\/\/|(^|\/)\.\.?(\/|$)/.test(normal), normal);
      const escaped = escapePath(normal);
      assert(/^[\x21-\x7e]*$/.test(escaped) && !/["#<>?\\^`{|}]/.test(escaped), escaped);
      assertEquals(normalizePath(escaped), normal);
    }
  });
});

function code(unit: number): string {
  return String.fromCharCode(unit);
}

Deno.test("escapePath escapes what nginx escapes", () => {
  let kept = "";
  for (let unit = 0; unit < 256; unit++) {
    const text = code(unit);
    const escaped = escapePath(text);
    if (escaped === text) kept += text;
    else assertEquals(escaped, "%" + unit.toString(16).toUpperCase().padStart(2, "0"));
  }
  assertEquals(
    kept,
    "!$&'()*+,-./0123456789:;=@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]_abcdefghijklmnopqrstuvwxyz~",
  );
});
