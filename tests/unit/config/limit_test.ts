/** What may be written for the directives about limits. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { ConfigError } from "../../../src/config/problem.ts";
import { readYaml } from "../../../src/config/read_yaml.ts";
import type { LocationConf } from "../../../src/http/conf.ts";

const ZONES = `
limit_req_zone: [$a zone=one:1m rate=10r/s, { key: "$a$b", zone: "two:64k", rate: 100r/m }]
limit_conn_zone: $a zone=addr:1m
`;

function locationOf(settings: string, zones = ZONES): LocationConf {
  const text = `${zones}\nservers: [{ locations: { /: { return: 200, ${settings} } } }]`;
  const known = (name: string) => name === "a" || name === "b";
  const conf = readYaml(text, "f", { isKnownVariable: known });
  const found = conf.listeners[0]?.servers[0]?.locations[0];
  assert(found !== undefined);
  return found;
}

function problemsIn(settings: string, zones = ZONES): string[] {
  const error = assertThrows(() => locationOf(settings, zones), ConfigError);
  return error.problems.map(({ message }) => message);
}

Deno.test("config: limit_req and limit_conn as words, as maps and as lists", () => {
  const one = { name: "one", key: "$a", sizeBytes: 1_048_576, rate: 10_000 };
  const two = { name: "two", key: "$a$b", sizeBytes: 65_536, rate: 1_666 };
  assertEquals(locationOf("limit_req: zone=one").limitRequests, {
    limits: [{ zone: one, burst: 0, delay: 0 }],
    dryRun: false,
    status: 503,
    logLevel: "error",
  });
  assertEquals(
    locationOf("limit_req: [zone=one burst=3 nodelay, { zone: two, burst: 4, delay: 2 }]")
      .limitRequests.limits,
    [{ zone: one, burst: 3, delay: Infinity }, { zone: two, burst: 4, delay: 2 }],
  );
  assertEquals(locationOf("limit_conn: addr 10").limitConnections.limits, [
    { zone: { name: "addr", key: "$a", sizeBytes: 1_048_576 }, connections: 10 },
  ]);
});

Deno.test("config: limits need their zones, once each", () => {
  assertEquals(problemsIn("limit_req: zone=onne, limit_conn: adr 1"), [
    'Cannot use zone "onne" in limit_req: no such limit_req_zone; did you mean "one"?',
    'Cannot use zone "adr" in limit_conn: no such limit_conn_zone; did you mean "addr"?',
  ]);
  assertEquals(problemsIn("limit_req: [zone=one, zone=one burst=2]"), [
    'Cannot use zone "one" twice in limit_req: need each zone once',
  ]);
  assertEquals(problemsIn("limit_req: zone=one delay=1 nodelay"), [
    "Cannot use both delay and nodelay in limit_req: need one of them",
  ]);
  assertEquals(problemsIn("limit_conn: addr"), [
    'Cannot use limit_conn: need a number, such as "addr 10"',
  ]);
  assertEquals(problemsIn("limit_conn: addr 70000"), [
    'Cannot set number to "70000": need a whole number from 1 to 65535',
  ]);
});

Deno.test("config: zones need a name, a size and a rate", () => {
  const zone = (text: string) => problemsIn("", `limit_req_zone: ["${text}"]`);
  assertEquals(zone("$a rate=1r/s"), [
    'Cannot use limit_req_zone: need a zone such as "zone=one:10m"',
  ]);
  assertEquals(zone("$a zone=one:10m"), [
    'Cannot use limit_req_zone: need a rate such as "rate=10r/s"',
  ]);
  assertEquals(
    zone("$a zone=one rate=1r/s")[0],
    'Cannot set zone to "one": need a name and a size, such as "one:10m"',
  );
  assertEquals(
    zone("$a zone=one:1k rate=1r/s")[0],
    'Cannot set zone to "1k": need a size such as "4k" or "1m", at least 8k, at most 1g',
  );
  assertEquals(
    zone("$a zone=one:1m rate=0r/s")[0],
    'Cannot set rate to "0r/s": need a rate such as "10r/s" or "30r/m"',
  );
  assertEquals(zone("$c zone=one:1m rate=1r/s")[0], 'Cannot use "$c" in key: no such variable');
  assertEquals(problemsIn("", "limit_conn_zone: [$a zone=x:1m, $b zone=x:1m]"), [
    'Cannot have a second zone "x": need each name once',
  ]);
});
