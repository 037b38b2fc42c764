import { assert, assertEquals, assertThrows } from "@std/assert";
import { ConfigError } from "../../../src/config/problem.ts";
import { readYaml } from "../../../src/config/read_yaml.ts";
import type { ProxyAction } from "../../../src/http/conf.ts";

function textOf(proxy: string): string {
  return `upstreams: { app: { servers: [127.0.0.1:1] } }
servers: [{ locations: { /: { proxy: { ${proxy} } } } }]`;
}

function read(proxy: string): ProxyAction {
  const { listeners } = readYaml(textOf(proxy), "test.yaml");
  const action = listeners[0]?.servers[0]?.locations[0]?.action;
  assert(action?.kind === "proxy");
  return action;
}

function problemsOf(proxy: string): string[] {
  const error = assertThrows(() => readYaml(textOf(proxy), "f"), ConfigError);
  return error.problems.map(({ message }) => message.replace(/^Cannot /, ""));
}

Deno.test("config: http:// is without TLS, whatever is said of it", () => {
  const { dial, proxyHost, proxyPort } = read("pass: http://app, ssl_verify: on, ssl_name: x");
  assertEquals(dial, {
    bind: undefined,
    socketKeepalive: false,
    protocol: "off",
    tls: undefined,
  });
  assertEquals([proxyHost, proxyPort], ["app", "80"]);
});

Deno.test("config: https:// has nginx's defaults, but for the sessions that are not there", () => {
  assertEquals(read("pass: https://app").dial.tls, {
    sendsServerName: false,
    name: "$proxy_host",
    verify: false,
    verifyDepth: 1,
    trustedCertificatePath: undefined,
    certificatePath: undefined,
    certificateKeyPath: undefined,
    minVersion: "TLSv1.2",
    maxVersion: "TLSv1.3",
  });
});

Deno.test("config: the default port of https:// is 443, and left out of $proxy_host", () => {
  const cases: [url: string, peer: string, host: string, port: string][] = [
    ["https://127.0.0.1", "127.0.0.1:443", "127.0.0.1", "443"],
    ["https://a.test:443/x", "a.test:443", "a.test", "443"],
    ["https://a.test:80", "a.test:80", "a.test:80", "80"],
    ["HTTPS://[::1]:8443", "[::1]:8443", "[::1]:8443", "8443"],
    ["http://a.test:443", "a.test:443", "a.test:443", "443"],
    ["https://app", "127.0.0.1:1", "app", "443"],
    ["https://unix:/run/a.sock:/x", "unix:/run/a.sock", "localhost", ""],
  ];
  for (const [url, peer, host, port] of cases) {
    const { group, proxyHost, proxyPort } = read(`pass: "${url}"`);
    assertEquals([group?.peers[0]?.name, proxyHost, proxyPort], [peer, host, port], url);
  }
});

Deno.test("config: all that TLS can be told", () => {
  const { tls } = read(
    "pass: https://app, ssl_server_name: on, ssl_name: $host, ssl_verify: on, " +
      "ssl_verify_depth: 3, ssl_trusted_certificate: ca.pem, ssl_certificate: c.pem, " +
      "ssl_certificate_key: k.pem, ssl_protocols: TLSv1.3, ssl_session_reuse: off",
  ).dial;
  assertEquals(tls, {
    sendsServerName: true,
    name: "$host",
    verify: true,
    verifyDepth: 3,
    trustedCertificatePath: "ca.pem",
    certificatePath: "c.pem",
    certificateKeyPath: "k.pem",
    minVersion: "TLSv1.3",
    maxVersion: "TLSv1.3",
  });
});

Deno.test("config: what belongs together has to be there", () => {
  assertEquals(problemsOf("pass: https://app, ssl_verify: on"), [
    'pass to "https://app": need ssl_trusted_certificate for ssl_verify',
  ]);
  assertEquals(problemsOf("pass: https://app, ssl_certificate: c.pem"), [
    'pass to "https://app": need ssl_certificate_key for ssl_certificate',
  ]);
});

Deno.test("config: what the runtime cannot do is refused, with the reason", () => {
  const cases: [setting: string, message: string][] = [
    [
      "ssl_session_reuse: on",
      'set ssl_session_reuse to "on": need off: the runtime resumes no TLS sessions, but ' +
      "connections that are kept save handshakes too",
    ],
    [
      "ssl_ciphers: HIGH",
      "use ssl_ciphers: the runtime chooses among its own ciphers, all of them forward secret",
    ],
    [
      "ssl_conf_command: Options x",
      "use ssl_conf_command: the runtime has no OpenSSL that could be given commands",
    ],
    ["ssl_crl: a", "use ssl_crl: the runtime does not look at lists of revoked certificates"],
    [
      "ssl_password_file: a",
      "use ssl_password_file: keys with a password are not supported: keep the key in a file " +
      "without one",
    ],
    [
      "ssl_protocols: TLSv1 TLSv1.2",
      'set ssl_protocols to "TLSv1 TLSv1.2": need TLSv1.2, TLSv1.3 or both: the runtime has no ' +
      "older versions",
    ],
    ["ssl_protocols: TLS", 'set ssl_protocols to "TLS": need TLSv1.2, TLSv1.3 or both'],
    [
      "ssl_certificate: /c/$host.pem",
      'set ssl_certificate to "/c/$host.pem": need the path of a file in PEM: it is read at the ' +
      "start, without variables",
    ],
    [
      'ssl_certificate_key: "engine:x:y"',
      'set ssl_certificate_key to "engine:x:y": need the path of a file in PEM: the runtime reads ' +
      "keys from files only",
    ],
    [
      "bind: 192.0.2.1 transparent",
      'set bind to "192.0.2.1 transparent": need the address alone: the runtime has no ' +
      "transparent sockets",
    ],
    [
      "bind: $remote_addr",
      'set bind to "$remote_addr": need an IP address such as "192.0.2.1" or "::1", or off: ' +
      "variables are not supported here",
    ],
    [
      "bind: a.test",
      'set bind to "a.test": need an IP address such as "192.0.2.1" or "::1", or off',
    ],
  ];
  for (const [setting, message] of cases) {
    assertEquals(problemsOf(`pass: https://app, ${setting}`), [message]);
  }
});

Deno.test("config: where connections come from", () => {
  const cases: [bind: string, address: string | undefined][] = [
    ["127.0.0.2", "127.0.0.2"],
    ['"::1"', "::1"],
    ['"[::1]"', "::1"],
    ["off", undefined],
  ];
  for (const [bind, address] of cases) {
    assertEquals(read(`pass: http://app, bind: ${bind}`).dial.bind, address);
  }
  assertEquals(read("pass: http://app, socket_keepalive: on").dial.socketKeepalive, true);
});
