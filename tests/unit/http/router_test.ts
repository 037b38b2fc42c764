import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { readYaml } from "../../../src/config/mod.ts";
import type { LocationModifier } from "../../../src/http/conf.ts";
import { LocationTable, Router, ServerTable } from "../../../src/http/router.ts";
import { Random } from "../../support/random.ts";

/** A table whose values are the keys themselves, as a configuration writes them. */
function locations(...keys: string[]): LocationTable<string> {
  return new LocationTable(keys.map((key) => {
    const [, modifier = "", pattern = ""] = /^(=|\^~|~\*|~)? ?(.*)$/.exec(key) ?? [];
    return { modifier: modifier as LocationModifier, pattern, value: key };
  }));
}

function servers(...names: string[][]): ServerTable<number> {
  return new ServerTable(names.map((names, index) => ({ names, value: index })));
}

Deno.test("location: one prefix matches all that starts with it", () => {
  const table = locations("/");
  assertEquals(table.find("/"), "/");
  assertEquals(table.find("/a/b"), "/");
  assertEquals(table.find("*"), undefined);
});

Deno.test("location: no location is undefined", () => {
  assertEquals(locations().find("/"), undefined);
  assertEquals(locations("/a", "= /b").find("/"), undefined);
});

Deno.test("location: the longest prefix wins, whatever the order", () => {
  const table = locations("/a/b", "/", "/a", "/a/b/c/d", "/b");
  assertEquals(table.find("/a/b/c"), "/a/b");
  assertEquals(table.find("/a/b/c/d/e"), "/a/b/c/d");
  assertEquals(table.find("/a/c"), "/a");
  assertEquals(table.find("/ab"), "/a");
  assertEquals(table.find("/b"), "/b");
  assertEquals(table.find("/c"), "/");
  assertEquals(table.find("/A"), "/");
});

Deno.test("location: an exact pattern matches nothing but itself, and comes first", () => {
  const table = locations("= /a", "/a", "/", "~ ^/a", "= /a/b");
  assertEquals(table.find("/a"), "= /a");
  assertEquals(table.find("/a/"), "~ ^/a");
  assertEquals(table.find("/a/b"), "= /a/b");
});

Deno.test("location: below an exact pattern the shorter prefix holds", () => {
  const table = locations("= /a/b", "/");
  assertEquals(table.find("/a/b/c"), "/");
  assertEquals(table.find("/a/b"), "= /a/b");
});

Deno.test("location: ^~ keeps regexes out only when it is the longest prefix", () => {
  const table = locations("^~ /static/", "/static/php/", "~ \\.php$", "/");
  assertEquals(table.find("/static/a.php"), "^~ /static/");
  assertEquals(table.find("/static/php/a.php"), "~ \\.php$");
  assertEquals(table.find("/a.php"), "~ \\.php$");
  assertEquals(table.find("/a.html"), "/");
});

Deno.test("location: regexes are tried in the order of the configuration", () => {
  const table = locations("~ ^/x", "~* \\.GIF$", "~ \\.gif$");
  assertEquals(table.find("/x.gif"), "~ ^/x");
  assertEquals(table.find("/a.gif"), "~* \\.GIF$");
  assertEquals(table.find("/a.Gif"), "~* \\.GIF$");
  assertEquals(table.find("/a"), undefined);
});

Deno.test("location: a regex without prefixes around it", () => {
  assertEquals(locations("~ a$").find("/ba"), "~ a$");
});

Deno.test("location: a value may be undefined or falsy", () => {
  const table = new LocationTable([
    { modifier: "=", pattern: "/zero", value: 0 },
    { modifier: "", pattern: "/", value: 1 },
  ]);
  assertEquals(table.find("/zero"), 0);
});

Deno.test("location: a bad regex throws SyntaxError", () => {
  assertThrows(() => locations("~ ("), SyntaxError);
});

Deno.test("location: the search agrees with nginx's rule written plainly", () => {
  const random = below(1);
  const word = () => "/" + Array.from({ length: random(4) }, () => "ab/"[random(3)]).join("");
  for (let round = 0; round < 300; round++) {
    const keys = new Set<string>();
    for (let index = random(12); index > 0; index--) {
      keys.add((random(3) === 0 ? "= " : "") + word());
    }
    const table = locations(...keys);
    for (let probe = 0; probe < 20; probe++) {
      const path = word() + (random(2) === 0 ? "" : word());
      const prefixes = [...keys].filter((key) => path.startsWith(key));
      const expected = keys.has("= " + path)
        ? "= " + path
        : prefixes.sort((a, b) => b.length - a.length)[0];
      assertEquals(table.find(path), expected, `${[...keys].join(", ")}: ${path}`);
    }
  }
});

Deno.test("server: a single server has every host", () => {
  assertEquals(servers(["a.org"]).find("b.org"), 0);
});

Deno.test("server: exact before wildcard before regex before default", () => {
  const table = servers(
    [""],
    ["~^www\\."],
    ["www.example.*"],
    ["*.example.org"],
    ["www.example.org"],
  );
  assertEquals(table.find("www.example.org"), 4);
  assertEquals(table.find("a.example.org"), 3);
  assertEquals(table.find("www.example.net"), 2);
  assertEquals(table.find("www.other.net"), 1);
  assertEquals(table.find("other.net"), 0);
  assertEquals(table.find(""), 0);
});

Deno.test("server: the longest wildcard wins, on whole labels", () => {
  const table = servers(
    ["default"],
    ["*.org"],
    ["*.example.org"],
    ["*.a.example.org"],
    ["mail.*"],
    ["mail.example.*"],
  );
  assertEquals(table.find("b.a.example.org"), 3);
  assertEquals(table.find("a.example.org"), 2);
  assertEquals(table.find("xexample.org"), 1);
  assertEquals(table.find("example.org"), 1);
  assertEquals(table.find("org"), 0);
  assertEquals(table.find("mail.example.net"), 5);
  assertEquals(table.find("mail.net"), 4);
  assertEquals(table.find("mail."), 0);
  assertEquals(table.find("mail.example.org"), 2);
});

Deno.test("server: .example.org is the name and all below it", () => {
  const table = servers(["default"], [".example.org"]);
  assertEquals(table.find("example.org"), 1);
  assertEquals(table.find("a.b.example.org"), 1);
  assertEquals(table.find(".example.org"), 0);
  assertEquals(table.find("myexample.org"), 0);
});

Deno.test("server: the first regex wins and ignores case", () => {
  const table = servers(["default"], ["~^A\\d"], ["~^a"]);
  assertEquals(table.find("a1.org"), 1);
  assertEquals(table.find("ab.org"), 2);
});

Deno.test("server: where two claim a name the first has it", () => {
  const table = servers(["a"], ["b", "*.c"], ["b", "*.c"]);
  assertEquals(table.find("b"), 1);
  assertEquals(table.find("x.c"), 1);
});

Deno.test("router: from servers to a compiled location", () => {
  const found = routerOf(["a.org", ["/", "/x"]], ["b.org", ["= /"]]);
  assertEquals(found.findLocation("b.org", "/"), "b.org =/");
  assertEquals(found.findLocation("b.org", "/x"), undefined);
  assertEquals(found.findLocation("other", "/x/y"), "a.org /x");
  assertStrictEquals(found.findServer("b.org").conf.serverNames[0], "b.org");
});

/** Random whole numbers below a bound, the same for the same seed. */
function below(seed: number): (bound: number) => number {
  const random = new Random(seed);
  return (bound) => random.integer(0, bound - 1);
}

function routerOf(...entries: [name: string, keys: string[]][]): Router<string> {
  const servers = entries.map(([name, keys]) => ({
    listen: "127.0.0.1:0",
    server_name: name,
    locations: Object.fromEntries(keys.map((key) => [key, { return: "200 ok" }])),
  }));
  const { listeners } = readYaml(JSON.stringify({ servers }), "test.yaml");
  return new Router(
    listeners[0]!.servers,
    (location, server) => `${server.serverNames[0]} ${location.modifier}${location.pattern}`,
  );
}
