import { assertEquals, assertThrows } from "@std/assert";
import { compileRegex } from "../../../src/http/regex.ts";

const SPELLINGS: readonly (readonly [pcre: string, text: string, matches: boolean])[] = [
  ["^/a/(?P<id>\\d+)$", "/a/12", true],
  ["(?'id'x)\\k<id>", "xx", true],
  ["(?P<id>x)(?P=id)", "xx", true],
  ["(?i)^/A$", "/a", true],
  ["(?i:A)b", "ab", true],
  ["(?i:A)b", "aB", false],
  ["\\Aab\\z", "ab", true],
  ["ab\\Z", "ab\n", true],
  ["^a.c$", "a\rc", true],
  ["^a.c$", "a\nc", false],
  ["[[:alpha:]]+[[:digit:]_]", "ab_", true],
  ["^[]a]+$", "]a", true],
  ["\\Q.*\\E", ".*", true],
  ["\\Q.*\\E", "ab", false],
  ["^\\s$", "\xa0", false],
  ["^\\h$", "\xa0", true],
  ["x(?#a comment)y", "xy", true],
  ["\\x{41}", "A", true],
  ["é", "\xc3\xa9", true],
  ["[.]", "a", false],
  ["(?<!a)b", "cb", true],
];

for (const [pcre, text, matches] of SPELLINGS) {
  Deno.test(`regex ${pcre} ${matches ? "matches" : "does not match"} ${JSON.stringify(text)}`, () => {
    assertEquals(compileRegex(pcre, false).test(text), matches);
  });
}

Deno.test("regex: what the runtime cannot do is refused by name", () => {
  for (
    const [pcre, word] of [
      ["a++", "possessive"],
      ["a{2,}+", "possessive"],
      ["(?>a)", "atomic"],
      ["(*UTF8)a", "verbs"],
      ["(?|a)", "this kind of group"],
      ["(?R)", "this kind of group"],
      ["\\Kx", "this escape"],
      ["\\p{L}", "this escape"],
      ["[[:nothing:]]", "this class"],
      ["[a", "missing terminating ]"],
      ["a\\", "at the end of the pattern"],
    ] as const
  ) {
    assertThrows(() => compileRegex(pcre, false), SyntaxError, word, pcre);
  }
});
