import { assertEquals, assertThrows } from "@std/assert";
import { AccessLog, LineFormat, LOG_FORMATS, type LogEscape } from "../../../src/log/access_log.ts";
import { LogSink } from "../../../src/log/sink.ts";
import { type SpanLookup, UnknownVariable } from "../../../src/log/template.ts";
import { ScriptedTarget } from "./scripted_writer.ts";

type Source = Readonly<Record<string, string>>;

const REQUEST: Source = {
  remote_addr: "203.0.113.7",
  remote_user: "",
  time_local: "22/Nov/2026:04:00:00 +0000",
  time_iso8601: "2026-11-22T04:00:00+00:00",
  request: "GET /a?b=c HTTP/1.1",
  request_method: "GET",
  request_uri: "/a?b=c",
  server_protocol: "HTTP/1.1",
  request_time: "0.012",
  status: "200",
  body_bytes_sent: "612",
  host: "example.org",
  http_referer: "https://example.org/",
  http_user_agent: "curl/8.5.0",
  upstream_addr: "127.0.0.1:9001, 127.0.0.1:9002",
  upstream_status: "502, 200",
  upstream_response_time: "0.001, 0.010",
  upstream_failure: "",
};

/** Each value stands between other bytes. */
const spansOf: SpanLookup<Source> = (name) => (source, into) => {
  const value = source[name] ?? "";
  into.bytes = Uint8Array.from(`"${value}"`, (character) => character.charCodeAt(0));
  into.start = 1;
  into.end = 1 + value.length;
  return true;
};

/** The bytes, one a character, of the line of `source`. */
async function lineOf(
  format: string,
  escape: LogEscape,
  source: Source,
  spans?: SpanLookup<Source>,
): Promise<string> {
  const parts: Uint8Array[] = [];
  const target = new ScriptedTarget();
  target.open = () => ({
    write: (bytes) => Promise.resolve(parts.push(bytes.slice()) > 0 ? bytes.length : 0),
    close: () => {},
  });
  const sink = new LogSink(target, { bufferBytes: 65_536, flushMs: 1000 });
  const lines = new LineFormat<Source>(format, escape, (name) => (s) => s[name] ?? "", {
    ...(spans && { spans }),
  });
  new AccessLog(lines, sink).write(source);
  await sink.close();
  return parts.flatMap((part) => [...part]).map((byte) => String.fromCharCode(byte)).join("");
}

Deno.test("access log: combined is nginx's, byte for byte", async () => {
  const { text, escape } = LOG_FORMATS.combined;
  assertEquals(
    await lineOf(text, escape, REQUEST),
    '203.0.113.7 - - [22/Nov/2026:04:00:00 +0000] "GET /a?b=c HTTP/1.1" 200 612 ' +
      '"https://example.org/" "curl/8.5.0"\n',
  );
});

Deno.test("access log: a value that stands somewhere as bytes is written as its string is", async () => {
  const values = ["GET /", "", 'a "quoted" one', "caf\u00e9", "\u0001"];
  for (const escape of ["default", "json", "none"] as const) {
    const asStrings = await lineOf("<$a>$b", escape, { a: "x", b: "" });
    assertEquals(await lineOf("<$a>$b", escape, { a: "x", b: "" }, spansOf), asStrings);
    for (const value of values) {
      const source = { a: value, b: "x" };
      assertEquals(
        await lineOf("<$a>$b", escape, source, spansOf),
        await lineOf("<$a>$b", escape, source),
        `${escape}: ${value}`,
      );
    }
  }
});

Deno.test("access log: where there are no such bytes the string is asked for", async () => {
  const spans = () => () => false;
  assertEquals(await lineOf("<$a>", "default", { a: "x" }, spans), "<x>\n");
});

Deno.test("access log: json is one JSON object a line, whatever the values hold", async () => {
  const { text, escape } = LOG_FORMATS.json;
  const agent = 'a"\\\n\r\t\b\f\u0001\xff';
  const line = await lineOf(text, escape, { ...REQUEST, http_user_agent: agent });
  const object: unknown = JSON.parse(line);
  const numbers = { status: 200, body_bytes_sent: 612, request_time: 0.012 };
  const { request: _, remote_user: __, time_local: ___, ...rest } = REQUEST;
  assertEquals(object, { ...rest, ...numbers, http_user_agent: agent });
});

for (
  const [escape, value, expected] of [
    ["default", "", "-"],
    ["default", 'a"b', "a\\x22b"],
    ["default", "a\\b", "a\\x5Cb"],
    ["default", "\0\n\x1f \x7e", "\\x00\\x0A\\x1F ~"],
    ["default", "\x7f\x80\xff", "\\x7F\\x80\\xFF"],
    ["default", "ő", "\\xC5\\x91"],
    ["json", "", ""],
    ["json", "\x7f", "\x7f"],
    // UTF-8 as it comes from the wire, one byte a character, stays as it is.
    ["json", "\xc5\x91", "\xc5\x91"],
    ["json", '\xc5\x91"', '\xc5\x91\\"'],
    ["json", "ő", "\xc5\x91"],
    // What is not UTF-8 must not make the line something that is not JSON.
    ["json", "\xc5", "\\u00C5"],
    ["none", "", ""],
    ["none", '\x01"\\', '\x01"\\'],
    ["none", "\xff", "\xff"],
  ] as const
) {
  Deno.test(`access log: ${escape} writes ${JSON.stringify(value)} as ${JSON.stringify(expected)}`, async () => {
    assertEquals(await lineOf("<$v>", escape, { v: value }), `<${expected}>\n`);
  });
}

Deno.test("access log: every byte value gives the same line the fast and the careful way", async () => {
  for (let code = 0; code < 256; code++) {
    const value = String.fromCharCode(code);
    const alone = await lineOf("$v", "default", { v: value });
    const withOther = await lineOf('$v$o"', "default", { v: value, o: "\n" });
    assertEquals(withOther, `${alone.slice(0, -1)}\\x0A"\n`);
  }
});

Deno.test("access log: text of the format is written as it is, beside an escaped value", async () => {
  assertEquals(await lineOf('é "$v"', "default", { v: "x" }), '\xc3\xa9 "x"\n');
  assertEquals(await lineOf('é "$v"', "default", { v: '"' }), '\xc3\xa9 "\\x22"\n');
});

Deno.test("access log: a line longer than any buffer is whole", async () => {
  for (const length of [16 * 1024, 64 * 1024, 100_000]) {
    assertEquals(
      await lineOf("$v", "default", { v: "x".repeat(length) }),
      `${"x".repeat(length)}\n`,
    );
  }
});

Deno.test("access log: a format with an unknown variable is refused", () => {
  assertThrows(() => new LineFormat("$nothing", "default", () => undefined), UnknownVariable);
});
