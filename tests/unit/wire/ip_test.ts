import { assertEquals } from "@std/assert";
import { cidrHas, parseCidr, parseClientIp, parseIp } from "../../../src/wire/ip.ts";
import { isIP } from "node:net";

Deno.test("parseIp reads every spelling, and takes nothing for an address that is none", () => {
  const good: Readonly<Record<string, readonly number[]>> = {
    "127.0.0.1": [127, 0, 0, 1],
    "0.0.0.0": [0, 0, 0, 0],
    "255.255.255.255": [255, 255, 255, 255],
    "::": new Array(16).fill(0),
    "::1": [...new Array(15).fill(0), 1],
    "2001:db8::ff": [0x20, 1, 0xd, 0xb8, ...new Array(11).fill(0), 0xff],
    "1:2:3:4:5:6:7:8": [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8],
    "1::": [0, 1, ...new Array(14).fill(0)],
    "::ffff:192.0.2.1": [...new Array(10).fill(0), 255, 255, 192, 0, 2, 1],
    "fe80::1%eth0": [0xfe, 0x80, ...new Array(13).fill(0), 1],
  };
  for (const [text, bytes] of Object.entries(good)) {
    assertEquals([...parseIp(text) ?? []], bytes, text);
  }
  const bad = ["", "unix:", "localhost", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1..2.3"];
  bad.push(":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "g::", ":1::", "1:");
  bad.push(
    "1:2:3:4:5:6:7:8::",
    "1.2.3.4::",
    "::1.2.3",
    " 1.2.3.4",
    "1.2.3.4 ",
    "+1.2.3.4",
    "1.2.3.",
  );
  for (const text of bad) assertEquals(parseIp(text), undefined, text);
});

Deno.test("parseIp agrees with node:net about what an address is", () => {
  const pieces = ["", "0", "1", "ffff", "10000", "g", ":", "::", ".", "1.2.3.4", "%1"];
  for (let seed = 0; seed < 20_000; seed++) {
    let text = "";
    for (let rest = seed * 7_919 % 1_771_561; rest > 0; rest = Math.floor(rest / pieces.length)) {
      text += pieces[rest % pieces.length];
    }
    if (text.includes("%")) continue; // who takes which zone differs
    assertEquals(parseIp(text) !== undefined, isIP(text) !== 0, text);
  }
});

Deno.test("parseClientIp takes an IPv4 address within IPv6 for the IPv4 one", () => {
  assertEquals([...parseClientIp("::ffff:192.0.2.1") ?? []], [192, 0, 2, 1]);
  assertEquals(parseClientIp("::fffe:192.0.2.1")?.length, 16);
  assertEquals(parseClientIp("1::ffff:192.0.2.1")?.length, 16);
});

Deno.test("A network has the addresses that begin like it, of its own family", () => {
  const has = (network: string, address: string) => cidrHas(parseCidr(network)!, parseIp(address)!);
  assertEquals(has("192.0.2.0/24", "192.0.2.255"), true);
  assertEquals(has("192.0.2.0/24", "192.0.3.0"), false);
  assertEquals(has("10.0.0.0/9", "10.127.255.255"), true);
  assertEquals(has("10.0.0.0/9", "10.128.0.0"), false);
  assertEquals(has("0.0.0.0/0", "203.0.113.9"), true);
  assertEquals(has("192.0.2.7", "192.0.2.7"), true);
  assertEquals(has("192.0.2.7/32", "192.0.2.6"), false);
  assertEquals(has("2001:db8::/33", "2001:db8:7fff::1"), true);
  assertEquals(has("2001:db8::/33", "2001:db8:8000::1"), false);
  assertEquals(has("::/0", "1.2.3.4"), false);
  assertEquals(has("0.0.0.0/0", "::1"), false);
});

Deno.test("A network's bits beyond its length are left out", () => {
  const network = parseCidr("192.0.2.77/28")!;
  assertEquals([...network.bytes], [192, 0, 2, 64]);
  for (
    const text of ["1.2.3.4/33", "::/129", "1.2.3.4/", "1.2.3.4/x", "1.2.3.4/-1", "a/8", "::1%1"]
  ) {
    assertEquals(parseCidr(text), undefined, text);
  }
});
