/** What may be written for the directives about files. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { ConfigError } from "../../../src/config/problem.ts";
import { readYaml } from "../../../src/config/read_yaml.ts";
import type { LocationConf } from "../../../src/http/conf.ts";

const OPTIONS = { isKnownVariable: (name: string) => name === "uri" };

function locationsOf(server: string): readonly LocationConf[] {
  return readYaml(`servers: [{ ${server} }]`, "f", OPTIONS).listeners[0]!.servers[0]!.locations;
}

function locationOf(settings: string, location = "/"): LocationConf {
  const [found] = locationsOf(`locations: { "${location}": { ${settings} } }`);
  assert(found !== undefined);
  return found;
}

function problemsIn(settings: string, location = "/"): string[] {
  const error = assertThrows(() => locationOf(settings, location), ConfigError);
  return error.problems.map(({ message }) => message);
}

Deno.test("config: a location with a root and no action serves files", () => {
  assertEquals(locationOf("root: /srv").action, { kind: "static" });
  assertEquals(locationOf("root: /srv").files.place, {
    kind: "root",
    path: "/srv",
    matchedLength: 0,
  });
  assertEquals(problemsIn("index: a"), [
    'Cannot use location "/" for nothing: need proxy.pass, return or handler, or a root for files',
  ]);
});

Deno.test("config: root and alias are inherited together, and one takes the other's place", () => {
  const [first, second] = locationsOf(
    "root: /srv, locations: { /a/: { alias: /x/ }, /b/: {} }",
  );
  assertEquals(first!.files.place, { kind: "alias", path: "/x/", matchedLength: 3 });
  assertEquals(second!.files.place.path, "/srv");
  assertEquals(locationOf("alias: /x/$uri", "~ ^/r").files.place.matchedLength, -1);
});

Deno.test("config: root and alias refuse what cannot be", () => {
  assertEquals(problemsIn("root: /a, alias: /b"), [
    "Cannot have both root and alias: need one of them",
  ]);
  assertEquals(problemsIn("alias: /b", "@n"), [
    "Cannot use alias in a named location: it has no prefix: need root",
  ]);
  assertEquals(problemsIn('alias: /b, try_files: "$uri =404"', "~ ^/b"), [
    "Cannot use try_files with an alias that is the whole path of a file: need root",
  ]);
  assertEquals(problemsIn('return: 200, root: ""'), [
    'Cannot set root to "": need a path such as "/srv/www" or "/srv/$host"',
  ]);
  assertEquals(problemsIn("return: 200, root: /$none"), [
    'Cannot use "$none" in root: no such variable',
  ]);
});

Deno.test("config: what no location matches is served where the server has a root", () => {
  const patterns = (server: string) => locationsOf(server).map(({ pattern }) => pattern);
  assertEquals(patterns("root: /srv"), [""]);
  assertEquals(patterns("root: /srv, locations: { /a: {} }"), ["/a", ""]);
  assertEquals(patterns("root: /srv, locations: { /: {} }"), ["/"]);
});

Deno.test("config: try_files", () => {
  const tries = (text: string) => locationOf(`root: /srv, try_files: "${text}"`).files.tryFiles;
  assertEquals(tries("$uri $uri/ @a"), {
    files: ["$uri", "$uri/"],
    end: { kind: "named", name: "@a" },
  });
  assertEquals(tries("$uri =404")?.end, { kind: "status", status: 404 });
  assertEquals(tries("$uri /x?$uri")?.end, { kind: "path", target: "/x?$uri" });
  for (const wrong of ["$uri", "", "$uri =99", "$uri =x"]) {
    const [message = ""] = problemsIn(`root: /srv, try_files: "${wrong}"`);
    assert(message.startsWith("Cannot set try_files to "), message);
  }
});

Deno.test("config: index, disable_symlinks, types", () => {
  assertEquals(locationOf("root: /a").files.index, ["index.html"]);
  assertEquals(locationOf("root: /a, index: [a, $uri.b]").files.index, ["a", "$uri.b"]);
  assertEquals(problemsIn("root: /a, index: []"), [
    'Cannot set index to a list: need names of files such as "index.html index.htm"',
  ]);

  const links = (text: string) => locationOf(`root: /a, disable_symlinks: ${text}`).files.symlinks;
  assertEquals(links("on"), { refuses: "all", from: "" });
  assertEquals(links("if_not_owner from=/a"), { refuses: "other_owner", from: "/a" });
  const expected =
    "need off, on or if_not_owner, the latter two with from=PATH behind it if wanted";
  for (const wrong of ["maybe", "off from=/a", "on to=/a"]) {
    assertEquals(problemsIn(`root: /a, disable_symlinks: ${wrong}`), [
      `Cannot set disable_symlinks to "${wrong}": ${expected}`,
    ]);
  }

  const { types } = locationOf("root: /a, types: { text/x: 'A b', text/y: c }").types;
  assertEquals([...types], [["a", "text/x"], ["b", "text/x"], ["c", "text/y"]]);
  assertEquals(problemsIn("root: /a, types: { text: a, text/x: [] }"), [
    'Cannot use "text" in types: need a media type such as "text/html"',
    'Cannot set text/x to a list: need endings of names such as "html htm"',
  ]);
  assertEquals(problemsIn("root: /a, types: html"), [
    'Cannot set types to "html": need a map of media types to endings, such as ' +
    '{text/html: "html htm", image/png: png}',
  ]);
});

Deno.test("config: store on keeps files where the location's are", () => {
  const settings = 'root: /srv/, proxy: { pass: "http://a.b:1", store: on }';
  const { action } = locationOf(settings);
  assert(action.kind === "proxy");
  assertEquals(action.store?.path, { kind: "root", path: "/srv/", matchedLength: 0 });
  for (const place of ["", "root: srv, "]) {
    assertEquals(problemsIn(`${place}proxy: { pass: "http://a.b:1", store: on }`), [
      "Cannot set store to on: need a root or alias that begins with a slash",
    ]);
  }
});
