import { assertEquals } from "@std/assert";
import { readYaml } from "../../../src/config/mod.ts";
import { needsOf } from "../../../src/control/needs.ts";
import { isKnownVariable } from "../../../src/http/variables.ts";

/** What logs and the admin listener need, as `flag=what`. */
function needs(text: string): string[] {
  const yaml = `${text}\nservers: [{ listen: "127.0.0.1:80", return: 200 }]`;
  return needsOf(readYaml(yaml, "test.yaml", { isKnownVariable }))
    .filter(({ directive }) => ["access_log", "error_log", "admin"].includes(directive))
    .map(({ flag, what }) => `${flag}=${what}`);
}

Deno.test("permissions: the files of logs, and the folder of a path with variables", () => {
  assertEquals(needs("log: { access: [/a/x.log, /b/x.gz combined gzip], error: [/c/e, stderr] }"), [
    "write=/c/e",
    "write=/a/x.log",
    "write=/b/x.gz",
  ]);
  assertEquals(needs("log: { access: /logs/$host/x.log }"), ["write=/logs"]);
});

Deno.test("permissions: a syslog's address, a socket to send from, and this host's name", () => {
  assertEquals(needs('log: { access: "syslog:server=10.0.0.1:5140" }'), [
    "sys=hostname",
    "net=10.0.0.1:5140",
    "net=0.0.0.0:0",
  ]);
  assertEquals(needs('log: { access: "syslog:server=127.0.0.1,nohostname" }'), [
    "net=127.0.0.1:514",
    "net=127.0.0.1:0",
  ]);
  assertEquals(needs('log: { access: "syslog:server=unix:/dev/log,nohostname" }'), [
    "read=/dev/log",
    "write=/dev/log",
    "net=",
  ]);
});

Deno.test("permissions: the admin listener's address and its token file", () => {
  assertEquals(needs("admin: { listen: 127.0.0.1:9090, token_file: /x }\nlog: { access: off }"), [
    "net=127.0.0.1:9090",
    "read=/x",
  ]);
});
