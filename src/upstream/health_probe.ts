/**
 * One check of one peer (`health_check`): a journey of its own, from the connection to as
 * much of the answer as is looked at.
 *
 * @module
 */
import type { Buf } from "../buffer/mod.ts";
import {
  AGAIN,
  type Conn,
  type ConnContext,
  Dial,
  type DialAddress,
  type DialOptions,
  Driver,
  Failure,
  NoSocket,
  type Phase,
} from "../event/mod.ts";
import type { BodyMatch, HealthCheckConf } from "../peer/mod.ts";
import { BadMessage, bytesOf, ResponseHead } from "../wire/mod.ts";
import { HttpInputFilter } from "./input_filter.ts";

/** Bound of the answer's head. */
const HEAD_BYTES = 16_384;
const FIELDS_MAX = 200;
/** As much of a body is looked at. */
const BODY_BYTES = 262_144;

/** There was no buffer memory, or no socket, which says nothing of the peer. */
export const SKIPPED: unique symbol = Symbol("SKIPPED");

/** What one check found: undefined when it passed, else why it did not. */
export type CheckResult = string | undefined | typeof SKIPPED;

/** What is asked of all peers of a group: made once. */
export class HealthQuestion {
  readonly conf: HealthCheckConf;
  readonly request: Uint8Array;

  constructor(conf: HealthCheckConf) {
    this.conf = conf;
    this.request = requestBytes(conf);
  }
}

/** Asks one peer, time and again. One check at a time. */
export class HealthProbe {
  readonly #question: HealthQuestion;
  readonly #address: DialAddress;
  readonly #dial: DialOptions;
  readonly #context: ConnContext;
  readonly #driver = new Driver();
  readonly #head = new ResponseHead(FIELDS_MAX);
  readonly #body = new HttpInputFilter();
  /** `keepalive_time`: what the next check may use. */
  #kept: { readonly conn: Conn; readonly openedAtMs: number } | undefined;

  constructor(
    question: HealthQuestion,
    address: DialAddress,
    dial: DialOptions,
    context: ConnContext,
  ) {
    this.#question = question;
    this.#address = address;
    this.#dial = dial;
    this.#context = context;
  }

  /** Whether a connection is kept for the next check. */
  get hasIdle(): boolean {
    return this.#kept !== undefined;
  }

  /**
   * Asks. Never rejects but for bugs, and for {@linkcode HealthProbe.interrupt}.
   *
   * @throws {Error} What it was interrupted with.
   */
  async check(): Promise<CheckResult> {
    try {
      return await this.#driver.run(this.#ask());
    } finally {
      this.#driver.reset();
    }
  }

  /** Ends the check that runs. */
  interrupt(reason: Error): void {
    this.#driver.interrupt(reason);
  }

  /** Closes what is kept. */
  close(): void {
    this.#kept?.conn.close();
    this.#kept = undefined;
  }

  async *#ask(): Phase<CheckResult> {
    const { conf } = this.#question;
    const kept = this.#takeKept();
    if (kept !== undefined) {
      try {
        return yield* this.#askOn(kept.conn, kept.openedAtMs);
      } catch (error) {
        // It was closed while nobody looked: that says nothing of the peer.
        const isStale = error instanceof Failure && kept.conn.bytesReceived === kept.receivedBytes;
        if (!isStale) return failureText(error);
      }
    }
    const dial = new Dial(this.#address, conf.timeoutMs, this.#context, this.#dial);
    try {
      let conn = dial.conn();
      while (conn === AGAIN) {
        yield dial;
        conn = dial.conn();
      }
      const { nowMs } = this.#context.deadlines;
      if (conf.type === "tcp") return void conn.close();
      return yield* this.#askOn(conn, nowMs);
    } catch (error) {
      return error instanceof NoSocket ? SKIPPED : failureText(error);
    }
  }

  #takeKept(): { conn: Conn; openedAtMs: number; receivedBytes: number } | undefined {
    const kept = this.#kept;
    this.#kept = undefined;
    if (kept === undefined) return undefined;
    const isOld = this.#context.deadlines.nowMs - kept.openedAtMs >=
      this.#question.conf.keepaliveTimeMs;
    if (isOld) kept.conn.close();
    return isOld ? undefined : { ...kept, receivedBytes: kept.conn.bytesReceived };
  }

  /** Asks on a connection, which is kept or closed whatever happens. */
  async *#askOn(conn: Conn, openedAtMs: number): Phase<CheckResult> {
    let buf: Buf | undefined;
    let isKept = false;
    try {
      const { request } = this.#question;
      buf = this.#context.pool.acquire(Math.max(HEAD_BYTES, request.length), "health check");
      if (buf === undefined) return SKIPPED;
      buf.cell.set(request);
      buf.last = request.length;
      conn.send(buf);
      while (buf.isLent) yield conn.writable;
      conn.checkSending();
      buf.reset();
      yield* this.#readHead(conn, buf);
      const { conf } = this.#question;
      const { status } = this.#head;
      if (!conf.statuses.some(([from, to]) => status >= from && status <= to)) {
        return `status ${status}, expected ${statusesText(conf.statuses)}`;
      }
      if (conf.body === undefined && conf.keepaliveTimeMs === 0) return undefined;
      const text = yield* this.#readBody(conn, buf);
      isKept = conf.keepaliveTimeMs > 0 && this.#body.isDone && this.#head.allowsKeepalive;
      return conf.body === undefined ? undefined : judge(conf.body, text);
    } finally {
      if (isKept) this.#kept = { conn, openedAtMs };
      else conn.close();
      buf?.release();
    }
  }

  async *#readHead(conn: Conn, buf: Buf): Phase<void> {
    const head = this.#head;
    head.begin(buf.cell, 0);
    while (true) {
      while (head.parse(buf.last)) {
        if (!head.isInterim) {
          buf.pos = head.end;
          return;
        }
        head.begin(buf.cell, head.end);
      }
      if (buf.room === 0) throw new BadMessage(502, `a head of more than ${HEAD_BYTES} bytes`);
      const received = yield* receive(conn, buf);
      if (received === 0) throw new Failure("upstream", "closed", "it closed the connection");
    }
  }

  /** The body, as much as is looked at. */
  async *#readBody(conn: Conn, buf: Buf): Phase<string> {
    const body = this.#body;
    const decoder = new TextDecoder();
    const { conf } = this.#question;
    let text = "";
    let takenBytes = 0;
    body.init(this.#head, conf.method);
    for (let from = buf.pos;; from = 0) {
      const hasMore = body.filter(buf, from);
      takenBytes += buf.last - from;
      if (conf.body !== undefined) {
        text += decoder.decode(buf.cell.subarray(from, buf.last), { stream: !body.isDone });
      }
      if (hasMore) throw new BadMessage(502, "more than its answer");
      if (body.isDone || takenBytes >= BODY_BYTES) return text;
      buf.reset();
      const received = yield* receive(conn, buf);
      if (received > 0) continue;
      if (!body.endOfStream()) throw new Failure("upstream", "closed", "its answer is cut short");
      return text;
    }
  }
}

async function* receive(conn: Conn, buf: Buf): Phase<number> {
  let received = conn.recv(buf);
  while (received === AGAIN) {
    yield conn.readable;
    received = conn.recv(buf);
  }
  return received;
}

/** @throws {unknown} What is no failure of the peer's: an interruption, or a bug. */
function failureText(error: unknown): string {
  if (error instanceof Failure) return error.message;
  if (error instanceof BadMessage) return `invalid answer: ${error.message}`;
  throw error;
}

function judge({ text, isNegated, regex }: BodyMatch, body: string): CheckResult {
  const isFound = regex === undefined ? body.includes(text) : regex.test(body);
  if (isFound !== isNegated) return undefined;
  const what = regex === undefined ? JSON.stringify(text) : `match of ${text}`;
  return isNegated ? `its body has ${what}` : `its body has no ${what}`;
}

/** `200`, `2xx`, `200-399`, `2xx or 404`. */
function statusesText(statuses: HealthCheckConf["statuses"]): string {
  return statuses.map(([from, to]) => {
    if (from === to) return String(from);
    const isClass = from % 100 === 0 && to === from + 99;
    return isClass ? `${from / 100}xx` : `${from}-${to}`;
  }).join(" or ");
}

function requestBytes({ method, path, host, headers, keepaliveTimeMs }: HealthCheckConf) {
  const lines = [
    `${method} ${path} HTTP/1.1`,
    `Host: ${host}`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
    ...(keepaliveTimeMs > 0 ? [] : ["Connection: close"]),
  ];
  return bytesOf(`${lines.join("\r\n")}\r\n\r\n`);
}
