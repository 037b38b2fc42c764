/**
 * Responses that programs read in different ways, from an origin in memory through all of Sluice
 * to a client that reads with `undici`'s llhttp: thousands a second.
 *
 * What Sluice calls complete the client has to find complete, with the status, fields and body
 * that llhttp and a strict reader of our own find in the origin's message itself; what Sluice cuts
 * has to be cut for the client; and the answer behind it on the same connection has to be its own.
 *
 * @module
 */
import { MemoryConn, MemoryNet, UNEVEN } from "../support/memory_net.ts";
import type { Random } from "../support/random.ts";
import type { Difference } from "./comparison.ts";
import { LlhttpReader } from "./llhttp.ts";
import {
  bytesOf,
  deliverInPieces,
  latin1,
  type MemoryOutcome,
  passedOn,
  playRound,
  readAnswers,
} from "./memory_round.ts";
import { readPlainResponses } from "./plain_reader.ts";

/** How a response is relayed, one listener each. */
export const RESPONSE_WAYS: readonly [string, ...string[]] = [
  `http_version: "1.1"`,
  `http_version: "1.1", buffering: off`,
  `http_version: "1.1", buffers: 2 4k, buffer_size: 4k, busy_buffers_size: 4k`,
  `http_version: "1.0"`,
];

const CONFIG = `
upstreams: { app: { servers: ["127.0.0.1:1"], keepalive: 8 } }
servers:
${
  RESPONSE_WAYS.map((proxy, index) =>
    `  - { listen: "127.0.0.1:${index + 1}", keepalive_requests: 100000, locations: { /: { proxy: {
      pass: "http://app", ignore_client_abort: on, ${proxy} } } } }`
  ).join("\n")
}
`;

const LOG_LINE = ["remote_port", "request_uri", "status", "request_completion"]
  .map((name) => `$${name}`).join("\t");

/** What an origin does behind a response. */
const ENDS = ["finish", "finish", "finish", "reset", "stay", "stay"] as const;
type End = typeof ENDS[number];

/** One message in so many is asked for with HEAD. */
const HEAD_SHARE = 8;

/** What the origin sends for the request behind each message. */
const NEXT_BODY = "the next answer";
const NEXT = `HTTP/1.1 200 OK\r\nContent-Length: ${NEXT_BODY.length}\r\n\r\n${NEXT_BODY}`;

/** Fields that Sluice writes itself, keeps from clients, or that concern one connection only. */
const NOT_PASSED_ON = new Set([
  "connection",
  "content-length",
  "date",
  "host", // no field of a response, and none that `Connection` takes away
  "http2-settings",
  "keep-alive",
  "proxy-connection",
  "server",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** A message and what is to happen to it. */
interface Asked {
  readonly text: string;
  readonly method: "GET" | "HEAD";
  readonly end: End;
}

/** What Sluice says of a response. */
interface Line {
  readonly status: number;
  readonly isWhole: boolean;
}

/**
 * Plays messages. What happens depends on them and on `random` only.
 *
 * @throws {Error} When something hangs or leaks, or the error log tells of a bug.
 */
export async function playResponses(
  messages: readonly string[],
  random: Random,
): Promise<MemoryOutcome> {
  const net = new MemoryNet(random.fork(), UNEVEN);
  const asked = messages.map((text): Asked => ({
    text,
    method: random.integer(1, HEAD_SHARE) === 1 ? "HEAD" : "GET",
    end: random.pick(ENDS),
  }));
  const origins = new Origins(net, asked);
  const ways = messages.map(() => random.integer(0, RESPONSE_WAYS.length - 1));
  const sendings = asked.map(({ method }, message) => ({
    text: `${method} /${message} HTTP/1.1\r\nHost: a\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n`,
    way: ways[message]!,
  }));
  const { received, lines } = await playRound(sendings, {
    yaml: CONFIG,
    logFormat: LOG_LINE,
    net,
    random,
    onConnect: () => origins.open(),
    onStill: () => origins.finishAll(),
  });
  const said: Line[][] = messages.map(() => []);
  for (const line of lines) {
    const [port, , status, completion] = line.split("\t");
    said[Number(port) - 1]!.push({ status: Number(status), isWhole: completion === "OK" });
  }
  const comparison = new ResponseComparison();
  for (const [message, one] of asked.entries()) {
    comparison.compare(message, one, received[message]!, said[message]!);
  }
  return comparison;
}

/** The origin's ends of connections. */
class Origins {
  readonly #net: MemoryNet;
  readonly #asked: readonly Asked[];
  readonly #staying = new Set<MemoryConn>();

  constructor(net: MemoryNet, asked: readonly Asked[]) {
    this.#net = net;
    this.#asked = asked;
  }

  open(): MemoryConn {
    const conn = new MemoryConn(this.#net);
    let request = "";
    let hasEnded = false;
    const end = (how: End): void => {
      if (hasEnded) return;
      if (how === "stay") return void this.#staying.add(conn);
      hasEnded = true;
      this.#staying.delete(conn);
      if (how === "finish") conn.finish();
      else conn.reset();
    };
    conn.onSent = (bytes) => {
      request += latin1(bytes);
      if (hasEnded || !request.endsWith("\r\n\r\n")) return;
      const [, path] = /^[A-Z]+ \/(\w+) HTTP\/1\.[01]\r\n/.exec(request) ?? [];
      if (path === undefined) throw new Error(`an origin read ${JSON.stringify(request)}`);
      request = "";
      this.#staying.delete(conn);
      if (path === "next") return conn.deliver(bytesOf(NEXT));
      const one = this.#asked[Number(path)]!;
      deliverInPieces(conn, one.text, this.#net.random);
      end(one.end);
    };
    conn.onEnd = () => {
      this.#staying.delete(conn);
      if (!hasEnded) conn.finish();
      hasEnded = true;
    };
    return conn;
  }

  /** Half of those that send no more end their connections; what the others keep open times out. */
  finishAll(): boolean {
    let count = 0;
    for (const conn of this.#staying) {
      this.#staying.delete(conn);
      if (this.#net.random.chance(0.5)) continue;
      conn.finish();
      count++;
    }
    return count > 0;
  }
}

class ResponseComparison implements MemoryOutcome {
  readonly differences: Difference[] = [];
  readonly verdicts = new Map<string, number>();

  compare(message: number, asked: Asked, received: string, lines: readonly Line[]): void {
    const found = (what: string, ...told: readonly unknown[]): void => {
      const lines = told.map((one) => `\n  ${JSON.stringify(one)}`).join("");
      const how = `${asked.method}, ${asked.end}`;
      this.differences.push({ message, what: `${what} (${how})${lines}` });
    };
    const methodOf = (answer: number) => answer === 0 ? asked.method : "GET";
    const { answers, problem, isCut } = readAnswers(received, methodOf);
    const [line] = lines;
    if (problem !== "") return found(problem, received, lines);
    if (line === undefined) return found("no line in the log", received);
    const [answer, next] = answers;
    if (answers.length > lines.length) return found("more answers than requests", received, lines);
    if (answer === undefined ? line.isWhole : answer.status !== line.status) {
      return found("another answer than Sluice says", line, answer);
    }
    if (answer !== undefined && answer.isComplete !== line.isWhole) {
      return found("complete what is not, or not what is", line, answer);
    }
    if (isCut && lines.every(({ isWhole }) => isWhole)) {
      return found("cut, and nobody says so", received);
    }
    if (next !== undefined && next.isComplete && next.status === 200 && next.body !== NEXT_BODY) {
      return found("the next answer is another one", next);
    }
    if (answers.length > 1 && !answer!.isComplete) {
      return found("an answer behind one that was cut", received);
    }
    if (!line.isWhole) return this.#count("cut");
    // As in nginx, what is refused has a 502 as its upstream's status, too.
    if (line.status === 502 || line.status === 504) return this.#count("refused");
    this.#count("passed on");
    if (next !== undefined) this.#count("with the next answer behind it");
    this.#compareDirect(asked, answer!, found);
  }

  /** What was passed on, with the message itself. */
  #compareDirect(
    { text, method, end }: Asked,
    answer: { status: number; body: string; fields: readonly (readonly [string, string])[] },
    found: (what: string, ...told: readonly unknown[]) => void,
  ): void {
    const direct = new LlhttpReader("response", () => method);
    direct.feed(text);
    if (end !== "reset") direct.finish();
    direct.free();
    const theirs = direct.messages.find(({ status, hasHead }) => hasHead && status >= 200);
    const plain = readPlainResponses(text, () => method, "reason optional");
    const own = plain.messages.find(({ status }) => status >= 200);
    if (own === undefined || !own.isComplete) {
      return found(`Sluice passes on what is no response: ${plain.error}`, answer, own);
    }
    if (own.status !== answer.status || own.body !== answer.body) {
      return found("the client got another response than there is", answer, own);
    }
    const [passed, got] = [own.fields, answer.fields].map((one) => passedOn(one, NOT_PASSED_ON));
    if (passed !== got) found("the client got other fields", passed, got);
    if (!theirs?.isComplete) return this.#count(`llhttp refuses directly: ${direct.error}`);
    this.#count("compared with llhttp's direct reading");
    if (theirs.status !== answer.status || theirs.body !== answer.body) {
      found("llhttp reads directly what Sluice does not", answer, theirs);
    }
  }

  #count(verdict: string): void {
    this.verdicts.set(verdict, (this.verdicts.get(verdict) ?? 0) + 1);
  }
}
