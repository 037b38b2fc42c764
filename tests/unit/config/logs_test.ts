import { assertEquals, assertThrows } from "@std/assert";
import { ConfigError, readYaml } from "../../../src/config/mod.ts";
import type { SluiceConf } from "../../../src/http/conf.ts";
import { isKnownVariable } from "../../../src/http/variables.ts";

function read(text: string): SluiceConf {
  return readYaml(text, "test.yaml", { isKnownVariable });
}

/** What is wrong with a configuration that has `text` and one server. */
function problemsOf(text: string): string[] {
  const yaml = `${text}\nservers: [{ listen: "127.0.0.1:80", return: 200 }]`;
  const { problems } = assertThrows(() => read(yaml), ConfigError);
  return problems.map(({ message }) => message);
}

function accessLogsOf(access: string) {
  return read(`log: { access: ${access} }\nservers: [{ return: 200 }]`)
    .listeners[0]!.servers[0]!.accessLogs;
}

Deno.test("access_log: what each way of writing it says", () => {
  assertEquals(accessLogsOf("off"), []);
  assertEquals(accessLogsOf("[stdout, /x.log json]").map(({ path }) => path), [
    "stdout",
    { file: "/x.log" },
  ]);
  assertEquals(accessLogsOf("/x.gz combined gzip flush=5s").map(({ path }) => path), [
    { file: "/x.gz", gzipLevel: 1 },
  ]);
  assertEquals(
    accessLogsOf('"/x/$host.log combined if=$arg_log"').map(({ path, when }) => [path, when]),
    [
      [{ template: "/x/$host.log" }, "$arg_log"],
    ],
  );
  assertEquals(accessLogsOf("/dev/stdout").map(({ path }) => path), ["stdout"]);
  // What stands in the path's place is one, unless it is a parameter without it.
  assertEquals(accessLogsOf("day=1.log combined").map(({ path }) => path), [{ file: "day=1.log" }]);
});

Deno.test("syslog: address, facility, severity, tag and nohostname, with nginx's defaults but the tag", () => {
  const syslogOf = (text: string) => accessLogsOf(`"syslog:${text}"`).map(({ path }) => path);
  assertEquals(syslogOf("server=127.0.0.1"), [{
    syslog: {
      server: { transport: "udp", hostname: "127.0.0.1", port: 514 },
      facility: 23,
      severity: 6,
      tag: "sluice",
      hasHostname: true,
    },
  }]);
  assertEquals(syslogOf("server=[::1]:5140,facility=mail,severity=crit,tag=a_1,nohostname"), [{
    syslog: {
      server: { transport: "udp", hostname: "::1", port: 5140 },
      facility: 2,
      severity: 2,
      tag: "a_1",
      hasHostname: false,
    },
  }]);
  assertEquals(syslogOf("server=unix:/dev/log,nohostname").length, 1);
});

Deno.test("logs: what cannot be is refused with the reason", () => {
  const cases: [text: string, ...messages: string[]][] = [
    [
      "log: { access: buffer=64k }",
      'Cannot set access to "buffer=64k": need a path and a format',
    ],
    [
      'log: { access: "syslog:facility=mail" }',
      'Cannot use "syslog:facility=mail" in path: need server=ADDRESS',
    ],
    [
      'log: { access: "syslog:server=a.example" }',
      'Cannot use "syslog:server=a.example" in path: need an address of a syslog such as "127.0.0.1:514" or "unix:/dev/log"',
    ],
    [
      'log: { access: "syslog:server=127.0.0.1,facility=mial" }',
      'Cannot use "syslog:server=127.0.0.1,facility=mial" in path: no such facility of a syslog: "mial"; did you mean "mail"?',
    ],
    [
      'log: { access: "syslog:server=127.0.0.1,severity=loud" }',
      'Cannot use "syslog:server=127.0.0.1,severity=loud" in path: no such severity of a syslog: "loud"',
    ],
    [
      'log: { access: "syslog:server=127.0.0.1,tag=a-b" }',
      'Cannot use "syslog:server=127.0.0.1,tag=a-b" in path: need a tag of 1 to 32 letters, digits and _',
    ],
    [
      'log: { access: "syslog:server=127.0.0.1,nohost" }',
      'Cannot use "syslog:server=127.0.0.1,nohost" in path: no such parameter of a syslog: "nohost"',
    ],
    [
      'log: { error: "memory:32m debug" }',
      'Cannot use "memory:32m" in path: a log in memory can be read with a debugger of nginx alone: use a file',
    ],
    [
      'log: { access: "/x/$arg_a combined gzip" }',
      "Cannot use gzip in access_log to variables: need the path of a file",
    ],
    [
      'log: { access: "stdout combined gzip=2" }',
      "Cannot use gzip in access_log to stdout: need the path of a file",
    ],
    [
      'log: { access: "syslog:server=127.0.0.1 combined gzip" }',
      "Cannot use gzip in access_log to a syslog: need the path of a file",
    ],
    [
      "log: { access: [/x combined gzip, /x] }",
      'Cannot have two access logs in "/x": need the same gzip for one file',
    ],
    [
      "log: { access: /x combined gzip=10 }",
      'Cannot set gzip to "10": need on, off or a level from 1 to 9',
    ],
    ["log: { access: /x combined if=$nope }", 'Cannot use "$nope" in if: no such variable'],
    ["log: { access: /x/$nope }", 'Cannot use "$nope" in path: no such variable'],
    [
      "log: { open_file_cache: max=0 }",
      'Cannot set max to "0": need a whole number from 1 to 100000',
    ],
    [
      "log: { open_file_cache: inactive=1s }",
      'Cannot set open_file_cache to "inactive=1s": need max=N',
    ],
  ];
  for (const [text, ...messages] of cases) assertEquals(problemsOf(text), messages, text);
});

Deno.test("admin: an address and a token, however they are written", () => {
  const adminOf = (text: string) => read(`admin: ${text}\nservers: [{ return: 200 }]`).admin;
  const address = { transport: "tcp", hostname: "127.0.0.1", port: 9090 } as const;
  assertEquals(adminOf("127.0.0.1:9090"), {
    address,
    token: undefined,
    tokenPath: undefined,
    isTokenForAll: false,
  });
  assertEquals(adminOf("127.0.0.1:9090 token_file=/x token_for=all"), {
    address,
    token: undefined,
    tokenPath: "/x",
    isTokenForAll: true,
  });
  assertEquals(
    adminOf("{ listen: unix:/run/x.sock, token: 0123456789abcdef }")?.token,
    "0123456789abcdef",
  );
  assertEquals(read("servers: [{ return: 200 }]").admin, undefined);
});

Deno.test("admin: what cannot be is refused with the reason", () => {
  const cases: [text: string, ...messages: string[]][] = [
    [
      "admin: { token_file: /x }",
      'Cannot set admin to a map: need an address such as "127.0.0.1:9090", and a token',
    ],
    [
      "admin: { listen: 127.0.0.1:1, token: short }",
      'Cannot set token to "short": need a token of at least 16 characters, without blanks',
    ],
    [
      "admin: { listen: 127.0.0.1:1, token: 0123456789abcdef, token_file: /x }",
      "Cannot use token and token_file in admin: need one of them",
    ],
    [
      "admin: { listen: 127.0.0.1:1, token_for: all }",
      "Cannot use token_for=all in admin without a token: need token_file or token",
    ],
    [
      "admin: 127.0.0.1:80",
      "Cannot have admin on 127.0.0.1:80: a server listens there",
    ],
    [
      "admin: { listen: 127.0.0.1:1, token_fore: all }",
      'Cannot use "token_fore" in admin: no such parameter; did you mean "token_for"?',
    ],
  ];
  for (const [text, ...messages] of cases) assertEquals(problemsOf(text), messages, text);
});
