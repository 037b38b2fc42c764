/**
 * Asks DNS servers: over UDP, over TCP what does not fit, one server after the other.
 *
 * Of our own, since node:dns in Deno calls every refusal ENOTFOUND: a server that fails
 * could not be told from a name that does not exist, and its records have no lifetime
 * where they are services.
 *
 * @module
 */
import { type Deadlines, type Expirable, NEVER } from "../event/mod.ts";
import {
  type DnsQuestion,
  type DnsRecord,
  type DnsResponse,
  readDnsResponse,
  type RecordType,
  writeDnsQuestion,
} from "../wire/mod.ts";
import type { NameServer } from "./conf.ts";
import { SERVER_FAILURE, TIMED_OUT, Unresolved } from "./unresolved.ts";

/** After this long without an answer another server is asked; nginx takes 5 s. */
const RESEND_MS = 2_000;
/** Times that each server is asked. */
const ROUNDS = 2;
/** The largest message over TCP. */
const MESSAGE_BYTES_MAX = 65_535;

/** Servers that are asked in turn. */
export class DnsClient {
  readonly #servers: readonly NameServer[];
  readonly #deadlines: Deadlines;
  #next = 0;

  /** @param servers At least one. */
  constructor(servers: readonly NameServer[], deadlines: Deadlines) {
    this.#servers = servers;
    this.#deadlines = deadlines;
  }

  /**
   * The records of a name, none if it has none of the type. Each question begins with
   * another server. Without an answer it goes on until `signal` ends it.
   *
   * @throws {Unresolved}
   */
  async ask(name: string, type: RecordType, signal: AbortSignal): Promise<readonly DnsRecord[]> {
    const first = this.#next++ % this.#servers.length;
    const servers = [...this.#servers.slice(first), ...this.#servers.slice(0, first)];
    const { code, records } = await new Asking({ name, type }, servers, this.#deadlines, signal)
      .response;
    if (code !== 0) throw new Unresolved(name, code);
    return records;
  }
}

/** One question on its way. */
class Asking implements Expirable {
  slot = -1;
  readonly response: Promise<DnsResponse>;
  readonly #question: DnsQuestion;
  /** Those that are still to be asked. */
  readonly #ahead: NameServer[];
  readonly #deadlines: Deadlines;
  readonly #signal: AbortSignal;
  readonly #sockets: Deno.DatagramConn[] = [];
  /** Ends what goes over TCP once the question is settled. */
  readonly #tcp = new AbortController();
  readonly #settled = Promise.withResolvers<DnsResponse>();
  #isSettled = false;
  #resendAtMs = NEVER;
  /** Why the last server could not be asked. */
  #error: unknown;
  /** What the last server said that did not help. */
  #refusal: DnsResponse | undefined;
  /** Questions that may still be answered. */
  #open = 0;

  constructor(
    { name, type }: Omit<DnsQuestion, "id">,
    servers: readonly NameServer[],
    deadlines: Deadlines,
    signal: AbortSignal,
  ) {
    const [id = 0] = crypto.getRandomValues(new Uint16Array(1));
    this.#question = { id, name, type };
    this.#ahead = Array.from({ length: ROUNDS }, () => servers).flat();
    this.#deadlines = deadlines;
    this.#signal = signal;
    this.response = this.#settled.promise;
    deadlines.add(this);
    signal.addEventListener("abort", this.#onAbort, { once: true });
    this.#askNext();
  }

  expire(nowMs: number): number {
    if (nowMs >= this.#resendAtMs) this.#askNext();
    return this.#isSettled ? NEVER : this.#resendAtMs;
  }

  toString(): string {
    return `asking for ${this.#question.type} of ${this.#question.name}`;
  }

  /** Asks the next server; its answer is as welcome as a late one of those before it. */
  #askNext(): void {
    const server = this.#ahead.shift();
    this.#resendAtMs = server === undefined ? NEVER : this.#deadlines.nowMs + RESEND_MS;
    this.#deadlines.notice(this.#resendAtMs);
    if (server === undefined) {
      if (this.#open === 0) this.#giveUp();
      return;
    }
    this.#open++;
    this.#exchange(server).then(this.#take, (error: unknown) => {
      this.#error = error;
      this.#take(undefined); // as if it had not answered
    });
  }

  readonly #take = (response: DnsResponse | undefined): void => {
    this.#open--;
    if (this.#isSettled) return;
    this.#deadlines.stamp();
    if (response === undefined) return this.#askNext();
    // Neither says that the name does not exist: the next server may know better.
    if (response.code === 0 || response.code === 3) return this.#settle(response);
    this.#refusal = response;
    this.#askNext();
  };

  /** Every server was asked, and none is left that could still answer. */
  #giveUp(): void {
    if (this.#isSettled) return;
    if (this.#refusal !== undefined) return this.#settle(this.#refusal);
    this.#end();
    const { name } = this.#question;
    const isSilent = this.#error === undefined || this.#signal.aborted;
    this.#settled.reject(
      isSilent
        ? new Unresolved(name, TIMED_OUT)
        : new Unresolved(name, SERVER_FAILURE, false, this.#error),
    );
  }

  #settle(response: DnsResponse): void {
    if (this.#isSettled) return;
    this.#end();
    this.#settled.resolve(response);
  }

  readonly #onAbort = (): void => this.#giveUp();

  #end(): void {
    this.#isSettled = true;
    this.#deadlines.remove(this);
    this.#signal.removeEventListener("abort", this.#onAbort);
    for (const socket of this.#sockets.splice(0)) socket.close();
    this.#tcp.abort();
  }

  async #exchange(server: NameServer): Promise<DnsResponse> {
    const response = await this.#overUdp(server);
    return response.isTruncated ? await this.#overTcp(server) : response;
  }

  /** @throws {Error} When nothing can be sent there, or the question was given up. */
  async #overUdp({ hostname, port }: NameServer): Promise<DnsResponse> {
    // A socket of its own for each question: a forger has to guess its port too.
    const socket = Deno.listenDatagram({ transport: "udp", hostname: localFor(hostname), port: 0 });
    this.#sockets.push(socket);
    await socket.send(writeDnsQuestion(this.#question), { transport: "udp", hostname, port });
    while (true) { // closing the socket ends it
      const [bytes, from] = await socket.receive();
      if (from.transport !== "udp" || from.port !== port || from.hostname !== hostname) continue;
      const response = readDnsResponse(bytes, this.#question);
      if (response !== undefined) return response;
    }
  }

  /** @throws {Error} When there is no such server, or it breaks off. */
  async #overTcp({ hostname, port }: NameServer): Promise<DnsResponse> {
    const { signal } = this.#tcp;
    const conn = await Deno.connect({ hostname, port, signal });
    const close = () => conn.close(); // once: it ends the reading, and finally comes after it
    signal.addEventListener("abort", close, { once: true });
    if (signal.aborted) close();
    try {
      const question = writeDnsQuestion(this.#question);
      const message = new Uint8Array(2 + question.length);
      new DataView(message.buffer).setUint16(0, question.length);
      message.set(question, 2);
      await conn.write(message);
      const sizeBytes = new DataView((await readFully(conn, 2)).buffer).getUint16(0);
      const response = readDnsResponse(await readFully(conn, sizeBytes), this.#question);
      if (response === undefined) throw new Error("an answer that is none");
      return response;
    } finally {
      signal.removeEventListener("abort", close);
      if (!signal.aborted) conn.close();
    }
  }
}

/** The address to ask from: a server on this machine needs no other, nor a permission for one. */
function localFor(hostname: string): string {
  if (hostname.includes(":")) return hostname === "::1" ? "::1" : "::";
  return hostname.startsWith("127.") ? "127.0.0.1" : "0.0.0.0";
}

async function readFully(conn: Deno.Conn, sizeBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(Math.min(sizeBytes, MESSAGE_BYTES_MAX));
  for (let at = 0; at < bytes.length;) {
    const count = await conn.read(bytes.subarray(at));
    if (count === null) throw new Error("the answer ends too early");
    at += count;
  }
  return bytes;
}
