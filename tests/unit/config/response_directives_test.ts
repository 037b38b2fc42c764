/** What may be written for the directives about responses and their fields. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { ConfigError } from "../../../src/config/problem.ts";
import { readYaml } from "../../../src/config/read_yaml.ts";
import type { LocationConf, ProxyAction } from "../../../src/http/conf.ts";

function locationOf(settings: string, location = "/"): LocationConf {
  const conf = readYaml(`servers: [{ locations: { ${location}: { ${settings} } } }]`, "f");
  const found = conf.listeners[0]?.servers[0]?.locations[0];
  assert(found !== undefined);
  return found;
}

function proxyOf(settings: string, location = "/", pass = "http://a.b:1"): ProxyAction {
  const { action } = locationOf(`proxy: { pass: "${pass}", ${settings} }`, location);
  assert(action.kind === "proxy");
  return action;
}

function problemsIn(settings: string): string[] {
  const error = assertThrows(
    () =>
      readYaml(`servers: [{ locations: { /: { ${settings} } } }]`, "f", {
        isKnownVariable: (name) => name === "uri",
      }),
    ConfigError,
  );
  return error.problems.map(({ message }) => message);
}

Deno.test("config: error_page as a map, as nginx's words, and as a list of either", () => {
  const page = (settings: string) =>
    locationOf(`return: 200, error_page: ${settings}`).response.errorPages;
  const one = [{ statuses: [404], status: undefined, target: "/x" }];
  assertEquals(page("{ 404: /x }"), one);
  assertEquals(page("404 /x"), one);
  assertEquals(page("[404 /x, { '500 502': '=200 @f' }, '403 = http://a/']"), [
    ...one,
    { statuses: [500, 502], status: 200, target: "@f" },
    { statuses: [403], status: 0, target: "http://a/" },
  ]);
});

Deno.test("config: error_page refuses what leads nowhere", () => {
  for (const wrong of ["404", "/x", "200 /x", "499 /x", "404 x", "404 =99 /x", "{ 404: [] }"]) {
    const [message = ""] = problemsIn(`return: 200, error_page: "${wrong}"`);
    assert(message.startsWith("Cannot set error_page to "), `${wrong}: ${message}`);
  }
  assertEquals(problemsIn("return: 200, error_page: { 404: /$none }"), [
    'Cannot use "$none" in error_page: no such variable',
  ]);
});

Deno.test("config: add_header values, with always, and several of a name", () => {
  const headers = (settings: string) =>
    locationOf(`return: 200, add_header: ${settings}`).response.addHeaders;
  assertEquals(headers("{ A: b, C: { value: d, always: on }, E: [f, { value: g }] }"), [
    { name: "A", value: "b", always: false },
    { name: "C", value: "d", always: true },
    { name: "E", value: "f", always: false },
    { name: "E", value: "g", always: false },
  ]);
  assertEquals(problemsIn('return: 200, add_header: { "A B": c }'), [
    'Cannot use "A B" in add_header: need the name of a field',
  ]);
  assertEquals(problemsIn('return: 200, add_header: { A: "b\\nc" }'), [
    'Cannot set A to "b\\nc": need a text of one line, without control characters',
  ]);
});

Deno.test("config: redirect is default, off, pairs, or a list; default depends on pass and location", () => {
  const redirects = (settings: string, ...rest: string[]) =>
    proxyOf(settings, ...rest).headers.redirects;
  assertEquals(redirects(""), [{ from: "http://a.b:1/", to: "/" }]);
  assertEquals(redirects("", "/x/", "http://a.b:1/y/"), [{ from: "http://a.b:1/y/", to: "/x/" }]);
  assertEquals(redirects("", '"~ ^/x"'), [{ from: "http://a.b:1/", to: "/" }]);
  assertEquals(redirects("redirect: off"), []);
  assertEquals(redirects("redirect: { 'http://c/': /d/ }"), [{ from: "http://c/", to: "/d/" }]);
  assertEquals(redirects("redirect: [default, '~^(.*)$ $1']"), [
    { from: "http://a.b:1/", to: "/" },
    { from: "~^(.*)$", to: "$1" },
  ]);
});

Deno.test("config: rules about cookies and fields", () => {
  const { headers, upstream } = proxyOf(
    "cookie_domain: a b, cookie_path: { /x: /y }, cookie_flags: { s: [secure, samesite=lax] }, " +
      "hide_header: X-A X-B, pass_header: [Server], ignore_headers: [x-accel-redirect, Vary]",
  );
  assertEquals(headers.cookies, {
    domains: [{ from: "a", to: "b" }],
    paths: [{ from: "/x", to: "/y" }],
    flags: [{ cookie: "s", flags: ["secure", "samesite=lax"] }],
  });
  assertEquals([headers.hide, headers.pass], [["X-A", "X-B"], ["Server"]]);
  assertEquals([...upstream.ignoreHeaders], ["x-accel-redirect", "vary"]);
});

Deno.test("config: rules about fields say what is wrong with them", () => {
  const proxy = (settings: string) => problemsIn(`proxy: { pass: "http://a.b", ${settings} }`)[0];
  assertEquals(
    proxy("redirect: { '~(': x }"),
    'Cannot use "~(" in redirect: need a regex (missing closing parenthesis)',
  );
  assertEquals(
    proxy("cookie_path: { /a: $nothing }"),
    'Cannot use "$nothing" in cookie_path: no such variable',
  );
  for (const wrong of ["redirect: a b c", "cookie_flags: { a: strong }", "hide_header: 'a:b'"]) {
    assert(proxy(wrong)?.startsWith(`Cannot set ${wrong.split(":")[0]} to`), proxy(wrong));
  }
});

Deno.test("config: a named location, and internal", () => {
  const { modifier, pattern, isInternal } = locationOf("return: 200, internal: on", '"@name"');
  assertEquals([modifier, pattern, isInternal], ["@", "@name", true]);
  assertThrows(
    () => proxyOf("", '"@name"', "http://a.b/uri"),
    ConfigError,
    "a name matches no part that it could replace",
  );
});
