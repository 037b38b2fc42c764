import { assertEquals, assertThrows } from "@std/assert";
import {
  compileTemplate,
  MalformedVariable,
  UnknownVariable,
  variablesOf,
} from "../../../src/log/template.ts";

type Source = Readonly<Record<string, string>>;

const SOURCE: Source = { uri: "/a", host: "example.org", empty: "" };
const lookup = (name: string) =>
  name in SOURCE ? (source: Source) => source[name] ?? "" : undefined;

for (
  const [text, expected] of [
    ["", ""],
    ["plain", "plain"],
    ["$uri", "/a"],
    ["${uri}", "/a"],
    ["$uri$host", "/aexample.org"],
    ["${uri}x", "/ax"],
    ["http://$host$uri?x=1", "http://example.org/a?x=1"],
    ["<$empty>", "<>"],
    ["$uri.", "/a."],
    ["é $uri é", "é /a é"],
  ] as const
) {
  Deno.test(`template ${JSON.stringify(text)} renders ${JSON.stringify(expected)}`, () => {
    const template = compileTemplate(text, lookup);
    assertEquals(template.render(SOURCE), expected);
    assertEquals(template.isConstant, !text.includes("$"));
  });
}

for (
  const [text, offset] of [["$", 0], ["a$", 1], ["$-", 0], ["x ${uri", 2], ["${}", 0]] as const
) {
  Deno.test(`template ${JSON.stringify(text)} is malformed at ${offset}`, () => {
    const error = assertThrows(() => variablesOf(text), MalformedVariable);
    assertEquals(error.offset, offset);
  });
}

Deno.test("template: an unknown variable is named with its offset", () => {
  const error = assertThrows(() => compileTemplate("a $uri $urj", lookup), UnknownVariable);
  assertEquals([error.variable, error.offset], ["urj", 7]);
});

Deno.test("template: variablesOf lists names with offsets, repeated ones too", () => {
  assertEquals(variablesOf("$a${b_1} $a"), [
    { name: "a", offset: 0 },
    { name: "b_1", offset: 2 },
    { name: "a", offset: 9 },
  ]);
});
