import { assertEquals, assertThrows } from "@std/assert";
import {
  BadProxyHeader,
  ipText,
  readProxyHeader,
  writeProxyHeader,
} from "../../../src/wire/proxy_protocol.ts";
import { parseIp } from "../../../src/wire/ip.ts";
import { bytesOf } from "../../../src/wire/chars.ts";

const SIGNATURE = [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10];

function binary(command: number, family: number, body: readonly number[]): Uint8Array {
  return Uint8Array.from([
    ...SIGNATURE,
    command,
    family,
    body.length >> 8,
    body.length & 0xff,
    ...body,
  ]);
}

const IPV4 = [192, 0, 2, 1, 203, 0, 113, 7, 0x1f, 0x90, 0, 80];
const IPV6 = [...parseIp("2001:db8::1")!, ...parseIp("::1")!, 0, 1, 255, 255];
const TLV = [0x04, 0, 2, 9, 9];

const GOOD: readonly (readonly [what: string, bytes: Uint8Array, ends: unknown])[] = [
  ["version 1 with IPv4", bytesOf("PROXY TCP4 192.0.2.1 203.0.113.7 8080 80\r\n"), [
    "192.0.2.1:8080",
    "203.0.113.7:80",
  ]],
  ["version 1 with IPv6", bytesOf("PROXY TCP6 2001:db8::1 ::1 1 65535\r\n"), [
    "2001:db8::1:1",
    "::1:65535",
  ]],
  ["version 1, unknown", bytesOf("PROXY UNKNOWN\r\n"), undefined],
  ["version 1, unknown and more", bytesOf("PROXY UNKNOWN a b c\r\n"), undefined],
  ["version 2 with IPv4", binary(0x21, 0x11, IPV4), ["192.0.2.1:8080", "203.0.113.7:80"]],
  ["version 2 with IPv6", binary(0x21, 0x21, IPV6), ["2001:db8::1:1", "::1:65535"]],
  ["version 2 with TLVs", binary(0x21, 0x11, [...IPV4, ...TLV]), [
    "192.0.2.1:8080",
    "203.0.113.7:80",
  ]],
  ["version 2, LOCAL", binary(0x20, 0, []), undefined],
  ["version 2, LOCAL with addresses", binary(0x20, 0x11, IPV4), undefined],
  ["version 2, a unix socket", binary(0x21, 0x31, Array(216).fill(1)), undefined],
  ["version 2, UDP", binary(0x21, 0x12, IPV4), undefined],
];

for (const [what, header, ends] of GOOD) {
  Deno.test(`PROXY protocol: ${what} is read once it is whole, and no byte more`, () => {
    const bytes = Uint8Array.from([...header, ...bytesOf("GET / HTTP/1.1\r\n")]);
    for (let end = 0; end < header.length; end++) {
      assertEquals(readProxyHeader(bytes, end), undefined, `${end} bytes`);
    }
    for (let end = header.length; end <= bytes.length; end++) {
      const read = readProxyHeader(bytes, end)!;
      assertEquals(read.length, header.length);
      const texts = read.ends &&
        [read.ends.source, read.ends.destination].map(({ hostname, port }) =>
          `${hostname}:${port}`
        );
      assertEquals(texts, ends);
    }
  });
}

const BAD: readonly (readonly [what: string, bytes: Uint8Array])[] = [
  ["a request", bytesOf("GET / HTTP/1.1\r\n\r\n")],
  ["lower case", bytesOf("proxy TCP4 192.0.2.1 203.0.113.7 8080 80\r\n")],
  ["a bare line feed", bytesOf("PROXY TCP4 192.0.2.1 203.0.113.7 8080 80\n")],
  ["a line too long", bytesOf(`PROXY UNKNOWN ${"x".repeat(200)}`)],
  ["another protocol", bytesOf("PROXY UDP4 192.0.2.1 203.0.113.7 8080 80\r\n")],
  ["addresses of the other family", bytesOf("PROXY TCP6 192.0.2.1 203.0.113.7 8080 80\r\n")],
  ["a name for an address", bytesOf("PROXY TCP4 localhost 203.0.113.7 8080 80\r\n")],
  ["a port too large", bytesOf("PROXY TCP4 192.0.2.1 203.0.113.7 65536 80\r\n")],
  ["a port with a zero in front", bytesOf("PROXY TCP4 192.0.2.1 203.0.113.7 080 80\r\n")],
  ["a word too many", bytesOf("PROXY TCP4 192.0.2.1 203.0.113.7 8080 80 x\r\n")],
  ["two blanks", bytesOf("PROXY TCP4  192.0.2.1 203.0.113.7 8080 80\r\n")],
  ["a zone", bytesOf("PROXY TCP6 fe80::1%eth0 ::1 8080 80\r\n")],
  ["version 3", binary(0x31, 0x11, IPV4)],
  ["an unknown command", binary(0x22, 0x11, IPV4)],
  ["addresses cut short", binary(0x21, 0x11, IPV4.slice(0, 11))],
  ["a header too long", binary(0x21, 0x11, Array(5000).fill(0))],
];

for (const [what, bytes] of BAD) {
  Deno.test(`PROXY protocol: ${what} is refused`, () => {
    assertThrows(() => readProxyHeader(bytes, bytes.length), BadProxyHeader);
  });
}

const WRITTEN: readonly (readonly [source: string, destination: string, line: string])[] = [
  ["192.0.2.1", "203.0.113.7", "PROXY TCP4 192.0.2.1 203.0.113.7 8080 443\r\n"],
  ["2001:db8::1", "::1", "PROXY TCP6 2001:db8::1 ::1 8080 443\r\n"],
  ["2001:db8::1", "192.0.2.1", "PROXY TCP6 2001:db8::1 ::ffff:c000:201 8080 443\r\n"],
  ["unix:", "unix:", "PROXY UNKNOWN\r\n"],
];

Deno.test("PROXY protocol: what is written in either version reads back", () => {
  for (const [source, destination, line] of WRITTEN) {
    const from = { hostname: source, port: 8080 };
    const to = { hostname: destination, port: 443 };
    assertEquals(writeProxyHeader("v1", from, to), line);
    const read = (["v1", "v2"] as const).map((version) => {
      const text = writeProxyHeader(version, from, to);
      const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
      const { length, ends } = readProxyHeader(bytes, bytes.length)!;
      assertEquals(length, bytes.length);
      return ends;
    });
    assertEquals(read[0], read[1]);
    assertEquals(read[0]?.source, source === "unix:" ? undefined : from);
  }
});

Deno.test("addresses as text: IPv6 in its shortest form", () => {
  for (
    const text of [
      "::",
      "::1",
      "1::",
      "2001:db8::1",
      "2001:db8:0:1:1:1:1:1",
      "1:0:0:2::3",
      "0.0.0.0",
    ]
  ) assertEquals(ipText(parseIp(text)!), text);
});
