/** What may be written for the directives about access. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { ConfigError } from "../../../src/config/problem.ts";
import { readYaml } from "../../../src/config/read_yaml.ts";
import type { LocationConf } from "../../../src/http/conf.ts";

function locationOf(settings: string): LocationConf {
  const conf = readYaml(`servers: [{ locations: { /: { return: 200, ${settings} } } }]`, "f");
  const found = conf.listeners[0]?.servers[0]?.locations[0];
  assert(found !== undefined);
  return found;
}

function problemsIn(settings: string): string[] {
  const error = assertThrows(() => locationOf(settings), ConfigError);
  return error.problems.map(({ message }) => message);
}

Deno.test("config: access as words, as a list, and as maps", () => {
  const rules = (settings: string) =>
    locationOf(`access: ${settings}`).access.rules.map(({ isAllowed, from }) =>
      `${isAllowed ? "allow" : "deny"} ${
        typeof from === "string" ? from : `${from.bytes.join(".")}/${from.bits}`
      }`
    );
  assertEquals(rules("deny all"), ["deny all"]);
  assertEquals(rules("allow 192.0.2.77/28"), ["allow 192.0.2.64/28"]);
  assertEquals(rules("[allow 10.0.0.0/8, { deny: all }]"), ["allow 10.0.0.0/8", "deny all"]);
  assertEquals(rules("{ allow: 192.0.2.1, deny: 'unix:' }"), ["allow 192.0.2.1/32", "deny unix:"]);
});

Deno.test("config: access refuses what is no rule, and what is no network", () => {
  for (const wrong of ["[]", "allow", "permit all", "allow a b", "[[allow all]]"]) {
    const [message = ""] = problemsIn(`access: ${wrong}`);
    assert(message.startsWith("Cannot set access to "), `${wrong}: ${message}`);
  }
  assertEquals(problemsIn("access: [allow example.org, deny 1.2.3.4/33]"), [
    'Cannot use "example.org" in access: need an address, a network such as "192.0.2.0/24", "unix:" or "all"',
    'Cannot use "1.2.3.4/33" in access: need an address, a network such as "192.0.2.0/24", "unix:" or "all"',
  ]);
});

Deno.test("config: auth_basic needs a file, wherever it stands", () => {
  assertEquals(problemsIn("auth_basic: r"), [
    "Cannot ask for a password (auth_basic): need auth_basic_user_file here or around it; nginx would let everybody in",
  ]);
  assertEquals(locationOf("auth_basic: r, auth_basic_user_file: /f").access.basic, {
    realm: "r",
    userFile: "/f",
  });
  assertEquals(locationOf("auth_basic: off, auth_basic_user_file: /f").access.basic, undefined);
});

Deno.test("config: limit_except takes methods once, and directives about access alone", () => {
  assertEquals(
    locationOf('limit_except: { "get put": {} }').limitExcept?.methods,
    new Set([
      "GET",
      "HEAD",
      "PUT",
    ]),
  );
  assertEquals(problemsIn("limit_except: { GETT: {} }"), [
    'Cannot use "GETT" in limit_except: need methods such as "GET POST"; did you mean "GET"?',
  ]);
  assertEquals(problemsIn("limit_except: { GET: {}, POST: {} }"), [
    "Cannot have a second limit_except in a location: need one",
  ]);
  assertEquals(problemsIn("limit_except: { GET: { client_max_body_size: 1m } }"), [
    'Cannot use "client_max_body_size" in limit_except: it belongs at the top level or in a server or in a location',
  ]);
});
