/**
 * DNS messages (RFC 1035): questions for addresses and services (RFC 2782), and their
 * answers. Pure: bytes in, records out.
 *
 * @module
 */

/** The types of records that are asked for. */
export type RecordType = "A" | "AAAA" | "SRV";

/** What is asked, and the number that the answer has to repeat. */
export interface DnsQuestion {
  /** 0 to 65535. */
  readonly id: number;
  readonly name: string;
  readonly type: RecordType;
}

/** One record of the type that was asked for. */
export interface DnsRecord {
  readonly ttlSeconds: number;
  /** The IP address of an A or AAAA record; the target's name of an SRV record. */
  readonly target: string;
  /** Of an SRV record; else 0. */
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
}

/** What a server said. */
export interface DnsResponse {
  /** 0: fine; 2: server failure; 3: no such name; 5: refused (RFC 1035, 4.1.1). */
  readonly code: number;
  /** The rest has to be asked for over TCP. */
  readonly isTruncated: boolean;
  /** Those of the name, and of the names that it is an alias of. */
  readonly records: readonly DnsRecord[];
}

const TYPES: Readonly<Record<RecordType, number>> = { A: 1, AAAA: 28, SRV: 33 };
const CNAME = 5;
const CLASS_IN = 1;
const HEAD_BYTES = 12;
const LABEL_BYTES_MAX = 63;
const NAME_BYTES_MAX = 255;
/** Aliases of aliases that are followed; as many as nginx does. */
const ALIASES_MAX = 50;
/** Names are compressed by pointers: more of them than this are a circle. */
const POINTERS_MAX = 64;

/** Whether a name can be asked for: labels of 1 to 63 bytes, 253 in all. */
export function isDnsName(name: string): boolean {
  const labels = withoutDot(name).split(".");
  return name.length < NAME_BYTES_MAX && labels.every((label) => /^[!-~]{1,63}$/.test(label));
}

/** The message that asks, with the wish for recursion. The name has to be one that can be asked for. */
export function writeDnsQuestion({ id, name, type }: DnsQuestion): Uint8Array {
  const labels = withoutDot(name).split(".");
  const bytes = new Uint8Array(HEAD_BYTES + withoutDot(name).length + 2 + 4);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, id);
  view.setUint16(2, 0x0100); // recursion desired
  view.setUint16(4, 1); // one question
  let at = HEAD_BYTES;
  for (const label of labels) {
    bytes[at++] = label.length;
    for (let index = 0; index < label.length; index++) bytes[at++] = label.charCodeAt(index);
  }
  at++; // the root's empty label
  view.setUint16(at, TYPES[type]);
  view.setUint16(at + 2, CLASS_IN);
  return bytes;
}

/** The answer to a question; undefined when the bytes are none, or answer another question. */
export function readDnsResponse(bytes: Uint8Array, question: DnsQuestion): DnsResponse | undefined {
  try {
    return new Reader(bytes).response(question);
  } catch (error) {
    if (error instanceof RangeError) return undefined; // it ends too early, or leads in circles
    throw error;
  }
}

/** One record, of any type that matters here. */
interface Found {
  readonly owner: string;
  readonly type: number;
  readonly record: DnsRecord;
}

class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  response(question: DnsQuestion): DnsResponse | undefined {
    const id = this.#uint16();
    const flags = this.#uint16();
    const questions = this.#uint16();
    const answers = this.#uint16();
    this.#at = HEAD_BYTES;
    const isResponse = (flags & 0x8000) !== 0 && (flags & 0x7800) === 0;
    if (id !== question.id || !isResponse || questions !== 1) return undefined;
    // Whoever answers has to know the question: that is most of what protects from forgers.
    if (this.#name() !== withoutDot(question.name).toLowerCase()) return undefined;
    if (this.#uint16() !== TYPES[question.type] || this.#uint16() !== CLASS_IN) return undefined;
    const code = flags & 0x000f;
    const isTruncated = (flags & 0x0200) !== 0;
    if (code !== 0 || isTruncated) return { code, isTruncated, records: [] };
    const found: Found[] = [];
    for (let index = 0; index < answers; index++) {
      const one = this.#record();
      if (one !== undefined) found.push(one);
    }
    return { code, isTruncated, records: followAliases(question, found) };
  }

  #record(): Found | undefined {
    const owner = this.#name();
    const type = this.#uint16();
    const dnsClass = this.#uint16();
    const ttlSeconds = this.#uint32() & 0x7fff_ffff;
    const length = this.#uint16();
    const start = this.#at;
    if (start + length > this.#bytes.length) throw new RangeError("a record ends too late");
    this.#at = start + length;
    if (dnsClass !== CLASS_IN) return undefined;
    const plain = { ttlSeconds, priority: 0, weight: 0, port: 0 };
    switch (type) {
      case TYPES.A:
        if (length !== 4) throw new RangeError("an address of another length");
        return {
          owner,
          type,
          record: { ...plain, target: this.#bytes.subarray(start, start + 4).join(".") },
        };
      case TYPES.AAAA:
        if (length !== 16) throw new RangeError("an address of another length");
        return { owner, type, record: { ...plain, target: this.#ipv6(start) } };
      case CNAME:
        return { owner, type, record: { ...plain, target: this.#nameAt(start) } };
      case TYPES.SRV:
        return {
          owner,
          type,
          record: {
            ttlSeconds,
            priority: this.#view.getUint16(start),
            weight: this.#view.getUint16(start + 2),
            port: this.#view.getUint16(start + 4),
            target: this.#nameAt(start + 6),
          },
        };
      default:
        return undefined;
    }
  }

  /** In its shortest spelling, as configurations have it. */
  #ipv6(start: number): string {
    const groups = Array.from(
      { length: 8 },
      (_, index) => this.#view.getUint16(start + 2 * index).toString(16),
    );
    return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
  }

  #nameAt(at: number): string {
    const behind = this.#at;
    this.#at = at;
    const name = this.#name();
    this.#at = behind;
    return name;
  }

  /** A name in lower case, its dots those between labels; moves behind it. */
  #name(): string {
    const labels: string[] = [];
    let behind = -1;
    let length = 0;
    for (let pointers = 0;;) {
      const size = this.#uint8();
      if (size === 0) break;
      if (size >= 0xc0) {
        const to = (size & 0x3f) << 8 | this.#uint8();
        if (behind < 0) behind = this.#at;
        if (++pointers > POINTERS_MAX) throw new RangeError("a name that leads in circles");
        this.#at = to;
        continue;
      }
      if (size > LABEL_BYTES_MAX) throw new RangeError("a label of another kind");
      length += size + 1;
      if (length > NAME_BYTES_MAX) throw new RangeError("too long a name");
      let label = "";
      for (let index = 0; index < size; index++) label += printable(this.#uint8());
      labels.push(label);
    }
    if (behind >= 0) this.#at = behind;
    return labels.join(".").toLowerCase();
  }

  #uint8(): number {
    return this.#view.getUint8(this.#at++);
  }

  #uint16(): number {
    const value = this.#view.getUint16(this.#at);
    this.#at += 2;
    return value;
  }

  #uint32(): number {
    const value = this.#view.getUint32(this.#at);
    this.#at += 4;
    return value;
  }
}

/** The records of the name that was asked for, or of what it is an alias of. */
function followAliases({ name, type }: DnsQuestion, found: readonly Found[]): DnsRecord[] {
  let owner = withoutDot(name).toLowerCase();
  let ttlSeconds = Infinity;
  for (let aliases = 0; aliases <= ALIASES_MAX; aliases++) {
    const own = found.filter((one) => one.owner === owner && one.type === TYPES[type]);
    if (own.length > 0) {
      return own.map(({ record }) => ({
        ...record,
        ttlSeconds: Math.min(ttlSeconds, record.ttlSeconds),
      }));
    }
    const alias = found.find((one) => one.owner === owner && one.type === CNAME);
    if (alias === undefined) return [];
    owner = alias.record.target;
    ttlSeconds = Math.min(ttlSeconds, alias.record.ttlSeconds);
  }
  return [];
}

/** A byte of a label as text: what could be taken for something else is no name's. */
function printable(byte: number): string {
  return byte > 0x20 && byte < 0x7f && byte !== 0x2e ? String.fromCharCode(byte) : "\ufffd";
}

function withoutDot(name: string): string {
  return name.endsWith(".") ? name.slice(0, -1) : name;
}
