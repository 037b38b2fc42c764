import { assertEquals, assertMatch } from "@std/assert";
import { LOG_LEVELS } from "../../../src/log/conf.ts";
import { type ErrorContext, ErrorLog } from "../../../src/log/error_log.ts";

const NOW = new Date(2026, 10, 22, 4, 0, 0).getTime();

function collect(level: typeof LOG_LEVELS[number]): { log: ErrorLog; text: () => string } {
  const written: string[] = [];
  const sink = { append: (line: Uint8Array) => void written.push(new TextDecoder().decode(line)) };
  const log = new ErrorLog([{ level, sink }], { process: "4711#0", wallMs: () => NOW });
  return { log, text: () => written.join("") };
}

function lineOf(message: string, context?: ErrorContext): string {
  const { log, text } = collect("debug");
  log.log("error", message, context);
  return text();
}

Deno.test("error log: a line with all its context is nginx's", () => {
  const line = lineOf("connect() failed (111: Connection refused)", {
    connection: 7,
    doing: "connecting to upstream",
    client: "203.0.113.7",
    server: "example.org",
    request: "GET / HTTP/1.1",
    upstream: "http://127.0.0.1:9001/",
    host: "example.org",
  });
  assertEquals(
    line,
    "2026/11/22 04:00:00 [error] 4711#0: *7 connect() failed (111: Connection refused) while " +
      "connecting to upstream, client: 203.0.113.7, server: example.org, " +
      'request: "GET / HTTP/1.1", upstream: "http://127.0.0.1:9001/", host: "example.org"\n',
  );
});

Deno.test("error log: without context there is only the message", () => {
  assertEquals(
    lineOf("no live upstreams"),
    "2026/11/22 04:00:00 [error] 4711#0: no live upstreams\n",
  );
});

Deno.test("error log: nothing from outside can end a line or a quotation, or steer a terminal", () => {
  const evil = 'x"\n\r\x1b[2J\x9b\0';
  for (const key of ["client", "server", "request", "upstream", "host", "doing"] as const) {
    const line = lineOf(`bad: ${evil}`, { [key]: evil });
    assertEquals([...line].filter((character) => /\p{Cc}/u.test(character)), ["\n"]);
  }
  assertMatch(lineOf("m", { request: evil }), /request: "x\\x22\\x0A\\x0D\\x1B\[2J\\x9B\\x00"\n$/);
});

Deno.test("error log: a message may hold names in any script", () => {
  assertMatch(lineOf("Cannot open /tmp/naïve ő 😀"), /Cannot open \/tmp\/naïve ő 😀\n$/);
});

for (const level of LOG_LEVELS) {
  Deno.test(`error log: at level ${level} it writes that level and what is more severe`, () => {
    const { log, text } = collect(level);
    for (const other of LOG_LEVELS) log.log(other, "m");
    const on = LOG_LEVELS.slice(0, LOG_LEVELS.indexOf(level) + 1);
    assertEquals([...text().matchAll(/\[(\w+)\]/g)].map(([, name]) => name), [...on]);
    assertEquals(LOG_LEVELS.filter((other) => log.isOn(other)), [...on]);
  });
}
