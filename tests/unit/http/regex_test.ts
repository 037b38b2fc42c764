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
  ["^a++b$", "aab", true],
  ["^a++ab$", "aab", false],
  ["^(?>a|ab)c$", "abc", false],
  ["^(?>ab|a)c$", "abc", true],
  ["^x{1,2}+x$", "xx", false],
  ["a(?i)b|c", "aB", true],
  ["a(?i)b|c", "C", true],
  ["a(?i)b|c", "AB", false],
  ["^(?:(?i)a)b$", "AB", false],
  ["(?i)^A(?-i)b$", "ab", true],
  ["(?i)^A(?-i)b$", "aB", false],
  ["^ab$", "ab\n", true],
  ["^ab\\z", "ab\n", false],
  ["(?m)^b$", "a\nb\nc", true],
  ["(?s)^a.b$", "a\nb", true],
  ["(?x) a b # ab\n c", "abc", true],
  ["^[[:^digit:]]+$", "ab", true],
  ["^[[:^digit:]]+$", "a1", false],
  ["^[a\\]\\-z]+$", "a]-z", true],
  ["^[\\w-]+$", "a-b", true],
  ["^\\N$", "\r", true],
  ["^\\R$", "\r\n", true],
  ["^(a)(b)\\g{-1}\\g1$", "abba", true],
  ["^a{,2}$", "a{,2}", true],
  ["^a{2$", "a{2", true],
  ["(*UTF8)^a$", "a", true],
  ["^[\\101]\\x42\\cA$", "AB\x01", true],
];

for (const [pcre, text, matches] of SPELLINGS) {
  Deno.test(`regex ${pcre} ${matches ? "matches" : "does not match"} ${JSON.stringify(text)}`, () => {
    assertEquals(compileRegex(pcre, false).test(text), matches);
  });
}

Deno.test("regex: what the runtime cannot do is refused by name", () => {
  for (
    const [pcre, word] of [
      ["(*COMMIT)a", "verbs"],
      ["a**", "quantifier"],
      ["*a", "quantifier"],
      ["(a", "missing closing parenthesis"],
      ["a)", "unmatched closing parenthesis"],
      ["(a)\\2", "non-existent group"],
      ["[b-a]", "out of order"],
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

Deno.test("regex: groups are numbered as in the pattern, whatever stands between them", () => {
  const regex = compileRegex("^(a)(?>x|xy)(?<rest>b)++(c)$", false);
  const match = regex.exec("axbbc");
  assertEquals([...match ?? []], ["axbbc", "a", "b", "c"]);
  assertEquals(match?.groups?.["rest"], "b");
  assertEquals(regex.test("axyc"), false);
});
