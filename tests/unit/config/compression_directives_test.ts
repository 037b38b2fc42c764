/** What may be written for gzip and its like, expires and add_trailer. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { ConfigError } from "../../../src/config/problem.ts";
import { readYaml } from "../../../src/config/read_yaml.ts";
import type { ResponseConf } from "../../../src/http/response_conf.ts";

function responseOf(settings: string): ResponseConf {
  const yaml = `servers: [{ locations: { /: { return: 200, ${settings} } } }]`;
  const conf = readYaml(yaml, "f", { isKnownVariable: (name) => name === "uri" });
  const found = conf.listeners[0]?.servers[0]?.locations[0];
  assert(found !== undefined);
  return found.response;
}

function problemsIn(settings: string): string[] {
  const error = assertThrows(() => responseOf(settings), ConfigError);
  return error.problems.map(({ message }) => message);
}

Deno.test("config: gzip's defaults are nginx's, text/html is always compressed", () => {
  const { compression } = responseOf("gzip: on, gzip_types: [text/CSS, '*']");
  const types = new Set(["text/html", "text/css", "*"]);
  assertEquals(compression.gzip, { isOn: true, types, minLengthBytes: 20, level: 1 });
  assertEquals(compression.brotli.isOn, false);
  assertEquals(compression.minorVersion, 1);
  assertEquals(compression.proxied, new Set());
  assertEquals(responseOf("gzip_proxied: expired auth").compression.proxied.size, 2);
  assertEquals(responseOf("gzip_disable: msie6 x").compression.disable.length, 2);
});

Deno.test("config: gzip and its like refuse what they cannot take", () => {
  assertEquals(problemsIn("gzip_types: css"), [
    'Cannot use "css" in gzip_types: need media types such as "text/css application/json", or "*" for all',
  ]);
  assertEquals(problemsIn("gzip_types: []"), [
    'Cannot set gzip_types to a list: need media types such as "text/css application/json", or "*" for all',
  ]);
  assertEquals(problemsIn("gzip_comp_level: 10"), [
    'Cannot set gzip_comp_level to "10": need a whole number from 1 to 9',
  ]);
  assertEquals(problemsIn('gzip_disable: "["'), [
    'Cannot use "[" in gzip_disable: need regexes of User-Agent fields such as "msie6" or "MSIE [4-6]\\."',
  ]);
  assertEquals(problemsIn("gzip_http_version: 2"), [
    'Cannot set gzip_http_version to "2": need one of 1.1, 1.0',
  ]);
});

Deno.test("config: expires", () => {
  assertEquals(responseOf("expires: off").expires, undefined);
  assertEquals(responseOf("expires: 1d12h").expires, { text: "1d12h", fromModified: false });
  assertEquals(responseOf("expires: modified -1h").expires, { text: "-1h", fromModified: true });
  assertEquals(responseOf("expires: $uri").expires, { text: "$uri", fromModified: false });
  const expected =
    'need a time such as 30d, -1 or @15h30m, "modified 1d", epoch, max, off, or a text with $variables';
  for (const wrong of ["soon", "30x", "1h1d", "modified max", "@25h", "modified", "1d 2"]) {
    assertEquals(problemsIn(`expires: "${wrong}"`), [
      `Cannot set expires to "${wrong}": ${expected}`,
    ]);
  }
});

Deno.test("config: add_trailer", () => {
  assertEquals(responseOf("add_trailer: { A: $uri }").trailers, [
    { name: "A", value: "$uri", always: false },
  ]);
  assertEquals(problemsIn("add_trailer: { 'A b': c }"), [
    'Cannot use "A b" in add_trailer: need the name of a field',
  ]);
});

Deno.test("config: charset", () => {
  assertEquals(responseOf("charset: off").charset, undefined);
  const { charset } = responseOf("charset: utf-8, charset_types: '*'");
  assertEquals(charset, { charset: "utf-8", types: new Set(["text/html", "*"]) });
  assertEquals(problemsIn('charset: "a b"'), [
    'Cannot set charset to "a b": need off, or the name of a charset such as utf-8, or a text with $variables',
  ]);
});

Deno.test("config: add_header_inherit and add_trailer_inherit: all, nothing, or behind one's own", () => {
  const namesOf = (server: string, location: string) => {
    const yaml = `servers: [{ ${server}, locations: { /: { return: 200, ${location} } } }]`;
    const { response } = readYaml(yaml, "f").listeners[0]!.servers[0]!.locations[0]!;
    return [response.addHeaders, response.trailers].map((all) =>
      all.map(({ name }) => name).join()
    );
  };
  const server = "add_header: { A: a }, add_trailer: { T: t }";
  assertEquals(namesOf(server, ""), ["A", "T"]);
  assertEquals(namesOf(server, "add_header: { B: b }"), ["B", "T"]);
  assertEquals(namesOf(server, "add_header_inherit: off, add_trailer_inherit: off"), ["", ""]);
  assertEquals(
    namesOf(
      `${server}, add_header_inherit: merge`,
      "add_trailer_inherit: merge, add_header: { B: b }, add_trailer: { U: u }",
    ),
    ["B,A", "U,T"],
  );
  assertEquals(problemsIn("add_header_inherit: some"), [
    'Cannot set add_header_inherit to "some": need one of on, off, merge',
  ]);
});
