import { assertEquals, assertThrows } from "@std/assert";
import { ConfigError } from "../../../src/config/problem.ts";
import { readYaml } from "../../../src/config/read_yaml.ts";
import type { PeerServerConf, ResolverConf } from "../../../src/peer/conf.ts";

const SERVERS = 'servers: [{ locations: { /: { proxy: { pass: "http://app" } } } }]';

function groupOf(
  server: string,
  top = "",
): { peers: readonly PeerServerConf[]; resolver: ResolverConf } {
  const { groups } = readYaml(
    `${top}\nupstreams: { app: { servers: ${server} } }\n${SERVERS}`,
    "t",
  );
  return groups[0]!;
}

function problemsOf(server: string, top = ""): string {
  return assertThrows(() => groupOf(server, top), ConfigError).message;
}

const SYSTEM: ResolverConf = {
  servers: [],
  validMs: undefined,
  timeoutMs: 30_000,
  ipv4: true,
  ipv6: true,
};

Deno.test("resolver: nginx's words and the map say the same", () => {
  const conf: ResolverConf = {
    servers: [{ hostname: "10.0.0.1", port: 53 }, { hostname: "::1", port: 5353 }],
    validMs: 30_000,
    timeoutMs: 5_000,
    ipv4: true,
    ipv6: false,
  };
  const words = '"10.0.0.1 [::1]:5353 valid=30s timeout=5s ipv6=off"';
  const map = '{ servers: [10.0.0.1, "[::1]:5353"], valid: 30s, timeout: 5s, ipv6: off }';
  for (const text of [words, map]) {
    assertEquals(groupOf("a.test", `resolver: ${text}`).resolver, conf, text);
  }
});

Deno.test("resolver: the system by default; resolver_timeout where there is no timeout", () => {
  assertEquals(groupOf("a.test").resolver, SYSTEM);
  assertEquals(groupOf("a.test", "resolver: system valid=5s").resolver, {
    ...SYSTEM,
    validMs: 5_000,
  });
  assertEquals(groupOf("a.test", "resolver_timeout: 2s").resolver.timeoutMs, 2_000);
});

Deno.test("resolver: what cannot be one", () => {
  for (
    const text of [
      "dns.test",
      "10.0.0.1:0",
      "10.0.0.1 system",
      "10.0.0.1 ipv4=off ipv6=off",
      "10.0.0.1 vaild=3s",
      "[]",
    ]
  ) {
    problemsOf("a.test", `resolver: ${text}`); // it throws
  }
});

Deno.test("servers: names, followed names and services", () => {
  const top = "resolver: 10.0.0.1";
  const address = (text: string) => groupOf(text, top).peers[0]!.address;
  const name = { transport: "name", hostname: "a.test", port: 80 } as const;
  assertEquals(address("a.test"), { ...name, isFollowed: false, service: undefined });
  assertEquals(address("a.test:80 resolve"), { ...name, isFollowed: true, service: undefined });
  const service = (service: string) => ({ ...name, isFollowed: true, service });
  assertEquals(address("a.test service=http resolve"), service("_http._tcp.a.test"));
  assertEquals(
    address("{ address: a.test, service: _x._udp, resolve: on }"),
    service("_x._udp.a.test"),
  );
  assertEquals(address("127.0.0.1 resolve"), { transport: "tcp", hostname: "127.0.0.1", port: 80 });
});

Deno.test("servers: a service needs a name, resolve, and a resolver that knows services", () => {
  for (
    const [server, top] of [
      ["a.test service=http", "resolver: 10.0.0.1"],
      ["a.test service=http resolve", ""],
      ["127.0.0.1 service=http resolve", "resolver: 10.0.0.1"],
    ] as const
  ) {
    assertEquals(problemsOf(server, top).includes("service"), true, server);
  }
});
