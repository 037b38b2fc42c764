import { assertEquals, assertThrows } from "@std/assert";
import { ConfigError, readConf } from "../../../src/config/mod.ts";

const YAML = `servers: [{ listen: 8080, locations: { /: { return: 200 ok } } }]\n`;
const NGINX = `http { server { listen 8080; location / { return 200 ok; } } }\n`;

for (const [name, text] of [["a.yaml", YAML], ["a.conf", NGINX]] as const) {
  Deno.test(`-g stands before ${name}`, () => {
    const globals = "pid /run/x.pid; error_log stderr info;";
    const { conf } = readConf(text, name, { globals });
    assertEquals([conf.pid, conf.errorLogs], ["/run/x.pid", [{ path: "stderr", level: "info" }]]);
  });

  Deno.test(`-g: a mistake in it has its place, beside ${name}`, () => {
    const error = assertThrows(() => readConf(text, name, { globals: "pdi x;" }), ConfigError);
    assertEquals(error.problems.map(({ file, line }) => [file, line]), [["-g", 1]]);
  });
}

Deno.test("-g: what the file sets too is refused where the file sets it", () => {
  const yaml = `pid: /run/y.pid\nlog: { error: { path: stderr, level: warn } }\n${YAML}`;
  const globals = "pid /run/x.pid; error_log stderr info;";
  const error = assertThrows(() => readConf(yaml, "a.yaml", { globals }), ConfigError);
  assertEquals(error.problems.map(({ file, line, message }) => [file, line, message]), [
    ["a.yaml", 1, "Cannot set pid here: -g on the command line sets it already"],
    ["a.yaml", 2, "Cannot set error here: -g on the command line sets it already"],
  ]);
});

Deno.test("-g: a file of nginx's is told in nginx's words", () => {
  const conf = `worker_processes 1;\nevents { }\n${NGINX}`;
  const globals = "worker_processes 2;";
  const error = assertThrows(() => readConf(conf, "n.conf", { globals }), ConfigError);
  assertEquals(error.problems.map(({ message }) => message), [
    '"worker_processes" directive is duplicate in n.conf:1: ' +
    "-g on the command line sets it already",
  ]);
});
