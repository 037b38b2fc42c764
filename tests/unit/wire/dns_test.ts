import { assertEquals } from "@std/assert";
import { withRandom } from "../../support/random.ts";
import {
  type DnsQuestion,
  isDnsName,
  readDnsResponse,
  writeDnsQuestion,
} from "../../../src/wire/dns.ts";

const QUESTION: DnsQuestion = { id: 0x1234, name: "a.test", type: "A" };

/** `1 a 4 test 0`. */
const NAME = [1, 0x61, 4, 0x74, 0x65, 0x73, 0x74, 0];
const POINTER = [0xc0, 12];

function record(owner: number[], type: number, ttl: number, data: number[]): number[] {
  return [...owner, 0, type, 0, 1, 0, 0, ttl >> 8, ttl & 0xff, 0, data.length, ...data];
}

/** A response to {@linkcode QUESTION}, but for what is said otherwise. */
function response(
  records: readonly number[][],
  { id = 0x1234, flags = 0x8180, name = NAME, type = 1 } = {},
): Uint8Array {
  return Uint8Array.from([
    ...[id >> 8, id & 0xff, flags >> 8, flags & 0xff, 0, 1, 0, records.length, 0, 0, 0, 0],
    ...name,
    ...[0, type, 0, 1],
    ...records.flat(),
  ]);
}

function targets(bytes: Uint8Array, question = QUESTION): string[] | undefined {
  return readDnsResponse(bytes, question)?.records.map(({ target, ttlSeconds }) =>
    `${target} ${ttlSeconds}`
  );
}

Deno.test("dns: a question is asked with the wish for recursion", () => {
  const bytes = writeDnsQuestion(QUESTION);
  assertEquals([...bytes], [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...NAME, 0, 1, 0, 1]);
  assertEquals(writeDnsQuestion({ ...QUESTION, name: "a.test." }), bytes);
});

Deno.test("dns: addresses of both kinds, in any case of letters", () => {
  const answer = response([
    record(POINTER, 1, 300, [192, 0, 2, 1]),
    record(POINTER, 1, 60, [192, 0, 2, 2]),
  ]);
  assertEquals(targets(answer), ["192.0.2.1 300", "192.0.2.2 60"]);
  assertEquals(targets(answer, { ...QUESTION, name: "A.Test" }), ["192.0.2.1 300", "192.0.2.2 60"]);
  const six = record(POINTER, 28, 1, [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
  const question: DnsQuestion = { ...QUESTION, type: "AAAA" };
  assertEquals(targets(response([six], { type: 28 }), question), ["2001:db8::1 1"]);
});

Deno.test("dns: services with priority, weight, port and target", () => {
  const data = [0, 10, 0, 5, 0x1f, 0x90, 1, 0x62, 0xc0, 14];
  const bytes = response([record(POINTER, 33, 9, data)], { type: 33 });
  assertEquals(readDnsResponse(bytes, { ...QUESTION, type: "SRV" })?.records, [
    { ttlSeconds: 9, priority: 10, weight: 5, port: 8080, target: "b.test" },
  ]);
});

Deno.test("dns: aliases are followed in any order, and the shortest lifetime counts", () => {
  const other = [1, 0x62, 0xc0, 14];
  const alias = record(POINTER, 5, 7, other);
  const address = record(other, 1, 300, [192, 0, 2, 1]);
  assertEquals(targets(response([alias, address])), ["192.0.2.1 7"]);
  assertEquals(targets(response([address, alias])), ["192.0.2.1 7"]);
  assertEquals(targets(response([address])), [], "of another name");
  assertEquals(targets(response([record(POINTER, 5, 7, POINTER)])), [], "an alias of itself");
});

Deno.test("dns: codes and truncation", () => {
  assertEquals(readDnsResponse(response([], { flags: 0x8183 }), QUESTION)?.code, 3);
  assertEquals(readDnsResponse(response([], { flags: 0x8380 }), QUESTION)?.isTruncated, true);
});

Deno.test("dns: what answers another question is no answer", () => {
  const records = [record(POINTER, 1, 1, [192, 0, 2, 1])];
  assertEquals(targets(response(records, { id: 1 })), undefined);
  assertEquals(targets(response(records, { flags: 0x0100 })), undefined, "a question");
  assertEquals(targets(response(records, { type: 28 })), undefined);
  assertEquals(targets(response(records, { name: [1, 0x62, ...NAME.slice(2)] })), undefined);
});

Deno.test("dns: cut at every byte, it is no answer and no error", () => {
  const whole = response([record(POINTER, 1, 300, [192, 0, 2, 1])]);
  for (let length = 0; length < whole.length; length++) {
    assertEquals(
      readDnsResponse(whole.subarray(0, length), QUESTION),
      undefined,
      `${length} bytes`,
    );
  }
});

Deno.test("dns: names that lead in circles, or are too long, end", () => {
  assertEquals(targets(response([], { name: [0xc0, 12] })), undefined);
  const long = Array.from({ length: 5 }, () => [63, ...Array.from({ length: 63 }, () => 0x61)])
    .flat();
  assertEquals(targets(response([], { name: [...long, 0] })), undefined);
});

Deno.test("dns: names that can be asked for", () => {
  for (const name of ["a", "a.b", "a.b.", "_http._tcp.x", "x".repeat(63)]) {
    assertEquals(isDnsName(name), true, name);
  }
  for (const name of ["", "a..b", ".a", "x".repeat(64), "a b", "ä"]) {
    assertEquals(isDnsName(name), false, name);
  }
});

Deno.test("dns: whatever the bytes are, they are an answer or none, and never an error", () =>
  withRandom((random) => {
    const alias = record(POINTER, 5, 7, [1, 0x62, 0xc0, 14]);
    const whole = response([alias, record([1, 0x62, 0xc0, 14], 1, 300, [192, 0, 2, 1])]);
    for (let round = 0; round < 5_000; round++) {
      const bytes = whole.slice();
      for (let count = random.integer(1, 4); count > 0; count--) {
        bytes[random.integer(0, bytes.length - 1)] = random.integer(0, 255);
      }
      for (const target of targets(bytes) ?? []) {
        assertEquals(/^[\d.]+ \d+$/.test(target), true, target);
      }
    }
  }));
