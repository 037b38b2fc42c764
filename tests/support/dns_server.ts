/**
 * A DNS server that says what a test tells it, over UDP, and over TCP what is too large.
 *
 * ```ts
 * await using dns = startDns({ "a.test": a("127.0.0.1", 1) });
 * // … resolver: { servers: ["${dns.address}"] } …
 * dns.zone["a.test"] = a("127.0.0.2");
 * assertEquals(dns.countOf("A", "a.test"), 1);
 * ```
 *
 * @module
 */
import { eventually } from "./in_process.ts";

/** What is said of a name. */
export type Saying =
  /** Records; those of the type that is asked for are the answer. */
  | { readonly records: readonly Zone[] }
  /** A code of RFC 1035 instead: 2 server failure, 3 no such name, 5 refused. */
  | { readonly code: number }
  | "silence"
  /** Nothing but "ask over TCP"; there, the records. */
  | { readonly truncated: readonly Zone[] };

/** One record, as a zone file would have it. */
export interface Zone {
  readonly type: "A" | "AAAA" | "SRV" | "CNAME";
  readonly ttlSeconds: number;
  /** The address, or the target's name. */
  readonly target: string;
  readonly srv?: { readonly priority: number; readonly weight: number; readonly port: number };
  /** @default The name that is asked for. */
  readonly owner?: string;
}

/** Addresses of either kind. */
export function a(addresses: string | readonly string[], ttlSeconds = 60): Saying {
  const list = typeof addresses === "string" ? [addresses] : addresses;
  return {
    records: list.map((target) => ({
      type: target.includes(":") ? "AAAA" : "A",
      ttlSeconds,
      target,
    })),
  };
}

/** The type and name of one question: `A a.test`. */
export type Asked = string;

const TYPES: Readonly<Record<string, number>> = { A: 1, CNAME: 5, AAAA: 28, SRV: 33 };

/** A running server. `await using` it. */
export class DnsServer implements AsyncDisposable {
  /** By name in lower case; what is not there does not exist. May be changed at any time. */
  readonly zone: Record<string, Saying>;
  /** All questions so far. */
  readonly asked: Asked[] = [];
  readonly #udp: Deno.DatagramConn;
  readonly #tcp: Deno.Listener;
  readonly #done: Promise<unknown>;

  constructor(zone: Record<string, Saying>, hostname: string) {
    this.zone = zone;
    [this.#udp, this.#tcp] = listen(hostname);
    this.#done = Promise.all([this.#serveUdp(), this.#serveTcp()]);
  }

  /** `127.0.0.1:5353`. */
  get address(): string {
    const { hostname, port } = this.#tcp.addr as Deno.NetAddr;
    return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
  }

  /** How often a name was asked for. */
  countOf(type: string, name: string): number {
    return this.asked.filter((one) => one === `${type} ${name}`).length;
  }

  /** @throws {WaitedTooLong} */
  async waitForQuestion(count: number, type: string, name: string): Promise<void> {
    await eventually(
      () => `question ${count} for ${type} of ${name}; there were ${this.asked}`,
      () => this.countOf(type, name) >= count,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#udp.close();
    this.#tcp.close();
    await this.#done;
  }

  async #serveUdp(): Promise<void> {
    for await (const [question, from] of this.#udp) {
      const answer = this.#answer(question, false);
      if (answer !== undefined) await this.#udp.send(answer, from);
    }
  }

  async #serveTcp(): Promise<void> {
    for await (const conn of this.#tcp) {
      using _conn = conn;
      const buffer = new Uint8Array(1_024);
      const count = await conn.read(buffer) ?? 0; // a question of a test comes in one piece
      const answer = this.#answer(buffer.subarray(2, count), true) ?? new Uint8Array(0);
      await conn.write(Uint8Array.from([answer.length >> 8, answer.length & 0xff, ...answer]));
    }
  }

  #answer(question: Uint8Array, isTcp: boolean): Uint8Array | undefined {
    const { name, type } = readQuestion(question);
    this.asked.push(`${type}${isTcp ? "/tcp" : ""} ${name}`);
    return dnsAnswer(question, this.zone[name] ?? { code: 3 }, isTcp);
  }
}

/** The message that says so; undefined for silence. */
export function dnsAnswer(
  question: Uint8Array,
  saying: Saying,
  isTcp = false,
): Uint8Array<ArrayBuffer> | undefined {
  if (saying === "silence") return undefined;
  const { type, end } = readQuestion(question);
  const code = "code" in saying ? saying.code : 0;
  const isTruncated = "truncated" in saying && !isTcp;
  const records = "records" in saying
    ? saying.records
    : "truncated" in saying && isTcp
    ? saying.truncated
    : [];
  const asked = records.filter((record) => record.type === type || record.type === "CNAME");
  return Uint8Array.from([
    ...question.subarray(0, 2),
    isTruncated ? 0x83 : 0x81,
    0x80 | code,
    ...[0, 1, 0, asked.length, 0, 0, 0, 0],
    ...question.subarray(12, end),
    ...asked.flatMap((record) => recordBytes(record)),
  ]);
}

/** A server for a zone. */
export function startDns(zone: Record<string, Saying> = {}, hostname = "127.0.0.1"): DnsServer {
  return new DnsServer(zone, hostname);
}

/** One port for both. */
function listen(hostname: string): [Deno.DatagramConn, Deno.Listener] {
  for (let triesLeft = 20;; triesLeft--) {
    const udp = Deno.listenDatagram({ transport: "udp", hostname, port: 0 });
    try {
      return [udp, Deno.listen({ hostname, port: (udp.addr as Deno.NetAddr).port })];
    } catch (error) {
      udp.close();
      if (triesLeft === 0) throw error;
    }
  }
}

function readQuestion(bytes: Uint8Array): { name: string; type: string; end: number } {
  const labels: string[] = [];
  let at = 12;
  while (bytes[at] !== 0) {
    const size = bytes[at]!;
    labels.push(new TextDecoder().decode(bytes.subarray(at + 1, at + 1 + size)));
    at += size + 1;
  }
  const code = bytes[at + 2]!;
  const type = Object.keys(TYPES).find((type) => TYPES[type] === code) ?? String(code);
  return { name: labels.join(".").toLowerCase(), type, end: at + 5 };
}

function recordBytes({ type, ttlSeconds, target, srv, owner }: Zone): number[] {
  const data = type === "A"
    ? target.split(".").map(Number)
    : type === "AAAA"
    ? ipv6Bytes(target)
    : [
      ...(srv === undefined ? [] : [srv.priority, srv.weight, srv.port].flatMap(twoBytes)),
      ...nameBytes(target),
    ];
  return [
    ...(owner === undefined ? [0xc0, 12] : nameBytes(owner)),
    ...twoBytes(TYPES[type]!),
    ...twoBytes(1),
    ...twoBytes(ttlSeconds >>> 16),
    ...twoBytes(ttlSeconds & 0xffff),
    ...twoBytes(data.length),
    ...data,
  ];
}

function nameBytes(name: string): number[] {
  const labels = name.split(".").filter((label) => label !== "");
  return [
    ...labels.flatMap((label) => [label.length, ...new TextEncoder().encode(label)]),
    0,
  ];
}

function ipv6Bytes(text: string): number[] {
  const [head = "", tail] = text.split("::");
  const groups = (part: string) =>
    part === "" ? [] : part.split(":").map((hex) => parseInt(hex, 16));
  const [before, after] = [groups(head), tail === undefined ? [] : groups(tail)];
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => 0);
  return [...before, ...(tail === undefined ? [] : zeros), ...after].flatMap(twoBytes);
}

function twoBytes(value: number): number[] {
  return [value >> 8, value & 0xff];
}
