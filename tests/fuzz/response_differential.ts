/**
 * Responses that programs read in different ways, through Sluice to two readers: what Sluice
 * calls complete they have to find complete, with the same bytes; what it cuts has to be an
 * error to them.
 *
 * A raw origin sends every message, and ends its connection or keeps it open. Node's client asks for it directly
 * and through Sluice, with and without buffering; a strict reader asks for it through Sluice
 * with another request behind it on the same connection.
 *
 * @module
 */
import { freePorts } from "../support/free_ports.ts";
import { type Client, connect, exchange, getRequest } from "../support/client.ts";
import { EndedEarly, latin1 } from "../support/inbox.ts";
import { NotHttp } from "../support/http_text.ts";
import { withSluice } from "../support/in_process.ts";
import { NODE_CLIENT, NodeChild } from "./children.ts";
import type { Difference } from "./comparison.ts";
import { logged } from "./origins.ts";
import { RawOrigin } from "./raw_origin.ts";
import { wholeLog } from "./whole_log.ts";

/** What came of one round. */
export interface ResponseOutcome {
  readonly differences: readonly Difference[];
  /** Responses that Sluice passed on whole. */
  readonly passed: number;
  /** Those that it cut. */
  readonly cut: number;
  /** Those of which it passed nothing on. */
  readonly refused: number;
  /** Those that were compared with what Node read directly. */
  readonly compared: number;
}

/** Messages under way at a time. */
const AT_A_TIME = 16;

/** What ends a response of which the origin sends no more, without ending its connection. */
const READ_TIMEOUT_MS = 200;

/** One message in so many is asked for with HEAD. */
const HEAD_SHARE = 8;

const LOG_LINE = [
  "request_uri",
  "status",
  "request_completion",
].map((name) => `$${name}`).join("\t");

/**
 * Node minds fields that frame a message in its trailers, too; Sluice drops them there, as RFC 9110,
 * 6.5.1, allows.
 */
const TRAILER_ERRORS = /^HPE_(?:INVALID|UNEXPECTED)_(?:CONTENT_LENGTH|TRANSFER_ENCODING)$/;

/** What a reader made of a response. */
interface Reading {
  readonly status: number;
  readonly isComplete: boolean;
  /** One character a byte. */
  readonly body: string;
  /** What was wrong, where the reader says. */
  readonly error?: string;
  /** What came behind it on its connection. */
  readonly behind?: string;
}

/** What Sluice says of a response. */
interface SluiceReading {
  readonly status: number;
  readonly isComplete: boolean;
}

/** The origin, and the client that is a program of its own. They serve one round after the other. */
export class ResponseDifferential implements AsyncDisposable {
  readonly #origin = new RawOrigin();
  readonly #node: NodeChild;
  readonly #answers = new Map<string, (reading: Reading) => void>();
  #pump: Promise<void> | undefined;

  private constructor(node: NodeChild) {
    this.#node = node;
  }

  static async start(): Promise<ResponseDifferential> {
    await using stack = new AsyncDisposableStack();
    const node = stack.use(new NodeChild(NODE_CLIENT));
    await node.linesThrough(() => true);
    stack.move(); // from here on the ResponseDifferential owns it
    return new ResponseDifferential(node);
  }

  /** Asks for all messages everywhere, and compares. */
  async round(messages: readonly string[]): Promise<ResponseOutcome> {
    this.#origin.messages = messages;
    const ports = freePorts(2);
    const tally = new Tally();
    await withSluice(configOf(this.#origin.port, ports), async (address, sluice) => {
      const queue = messages.entries();
      const read: { number: number; direct: Reading; ways: WayReadings[] }[] = [];
      const work = async () => {
        for (const [number] of queue) {
          const method = number % HEAD_SHARE === 0 ? "HEAD" : "GET";
          const direct = await this.#askNode(this.#origin.port, method, `/${number}/direct`);
          const ways: WayReadings[] = [];
          for (const [way, port] of ports.entries()) {
            ways.push({
              node: await this.#askNode(port, method, `/${number}/node${way}`),
              raw: await askRaw(port, method, `/${number}/raw${way}`),
            });
          }
          read.push({ number, direct, ways });
        }
      };
      await Promise.all(Array.from({ length: AT_A_TIME }, work));
      const ask = (target: string) => exchange(address, getRequest(target, "Connection: close"));
      const said = readingsOf(await wholeLog(sluice, ask));
      for (const { number, direct, ways } of read) {
        tally.compare(number, messages[number]!, direct, ways, said);
      }
    }, { logFormat: LOG_LINE });
    return tally;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await using _origin = this.#origin;
    await using _node = this.#node;
  }

  async #askNode(port: number, method: string, path: string): Promise<Reading> {
    const { promise, resolve } = Promise.withResolvers<Reading>();
    const id = `${port}${path}`;
    this.#answers.set(id, resolve);
    await this.#node.say({ id, port, method, path });
    this.#pump ??= this.#takeAnswers().finally(() => this.#pump = undefined);
    return await promise;
  }

  /** Hands out what Node says until nobody waits any more. */
  async #takeAnswers(): Promise<void> {
    while (this.#answers.size > 0) {
      for (const line of await this.#node.linesThrough(() => true)) {
        const { id, ...reading } = line as Reading & { readonly id: string };
        const answer = this.#answers.get(id);
        this.#answers.delete(id);
        answer?.(reading);
      }
    }
  }
}

interface WayReadings {
  readonly node: Reading;
  readonly raw: Reading;
}

function configOf(originPort: number, ports: readonly number[]): string {
  const servers = ports.map((port, index) =>
    `  - { listen: "127.0.0.1:${port}", locations: { /: { proxy: {
      pass: "http://origin", http_version: "1.1", read_timeout: ${READ_TIMEOUT_MS}ms, buffering: ${
      index === 0 ? "on" : "off"
    } } } } }`
  );
  return [
    "upstreams:",
    `  origin: { servers: ["127.0.0.1:${originPort}"], keepalive: 4 }`,
    "servers:",
    ...servers,
    "",
  ].join("\n");
}

function readingsOf(log: readonly string[]): Map<string, SluiceReading[]> {
  const readings = new Map<string, SluiceReading[]>();
  for (const line of log) {
    const [target = "", status, completion] = line.split("\t").map(logged);
    const reading = { status: Number(status), isComplete: completion === "OK" };
    readings.set(target, [...readings.get(target) ?? [], reading]);
  }
  return readings;
}

/** Asks with another request behind, as a client does that reuses its connection. */
async function askRaw(port: number, method: string, path: string): Promise<Reading> {
  await using client = await connect(`127.0.0.1:${port}`);
  await client.send(
    `${method} ${path} HTTP/1.1\r\nHost: a\r\n\r\n` +
      "GET /sentinel HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
  );
  try {
    const first = await readFinal(client, method);
    const reading = {
      status: first.status,
      isComplete: first.isComplete,
      body: latin1(first.body),
    };
    if (!first.isComplete || first.framing === "close") return reading;
    return { ...reading, behind: latin1(await client.readToEnd()) };
  } catch (error) {
    if (!(error instanceof EndedEarly || error instanceof NotHttp)) throw error;
    return { status: 0, isComplete: false, body: "", error: error.message };
  }
}

async function readFinal(client: Client, method: string): ReturnType<Client["readResponse"]> {
  while (true) {
    const response = await client.readResponse({ method });
    if (response.status >= 200) return response;
  }
}

/** Whether both are whole, and none is that nothing came in time: that is the machine's doing. */
function isComparable(one: Reading, other: Reading): boolean {
  return one.isComplete && other.isComplete && one.status !== 504 && other.status !== 504;
}

/** Whether Node refuses the framing of a response. */
function isBeyondNode({ error = "" }: Reading, text: string): boolean {
  const body = text.slice(text.indexOf("\r\n\r\n") + 4);
  if (TRAILER_ERRORS.test(error) && /content-length|transfer-encoding/i.test(body)) return false;
  // Node minds what a chunk's extension is made of; for nginx and Sluice it is dropped unread.
  if (error === "HPE_STRICT" && /^[0-9a-f]+;/im.test(body)) return false;
  return error.startsWith("HPE_");
}

/** What was said about one round. */
class Tally implements ResponseOutcome {
  readonly differences: Difference[] = [];
  passed = 0;
  cut = 0;
  refused = 0;
  compared = 0;

  compare(
    message: number,
    text: string,
    direct: Reading,
    ways: readonly WayReadings[],
    said: ReadonlyMap<string, readonly SluiceReading[]>,
  ): void {
    const found = (what: string, ...readings: readonly unknown[]) => {
      const told = readings.map((reading) => `\n  ${JSON.stringify(reading)}`).join("");
      this.differences.push({ message, what: what + told });
    };
    for (const [way, { node, raw }] of ways.entries()) {
      for (const [name, reading] of [["node", node], ["raw", raw]] as const) {
        const lines = said.get(`/${message}/${name}${way}`) ?? [];
        const [line] = lines;
        if (line === undefined || lines.length > 1) {
          found(`${lines.length} lines in the log for one request`, ...lines);
          continue;
        }
        if (reading.isComplete !== line.isComplete) {
          found(
            `${name} finds ${line.isComplete ? "cut what is complete" : "complete what is cut"}`,
            line,
            reading,
          );
        }
        if (reading.status !== line.status && (reading.status !== 0 || line.isComplete)) {
          found(`${name} reads another status`, line, reading);
        }
        // As in nginx, what is refused has a 502 as its upstream's status, too.
        const isPassed = line.isComplete && line.status !== 502 && line.status !== 504;
        if (!line.isComplete) this.cut++;
        else if (isPassed) this.passed++;
        else this.refused++;
        if (isPassed && isBeyondNode(direct, text)) {
          found("Node cannot read directly what Sluice passes on", line, direct);
        }
        if (!isPassed || !direct.isComplete) continue;
        this.compared++;
        if (direct.status !== line.status || direct.body !== reading.body) {
          found("Node reads directly what Sluice does not", line, reading, direct);
        }
      }
      if (isComparable(node, raw) && node.body !== raw.body) {
        found("two readers read another body", node, raw);
      }
      // Sluice ends a connection that it cannot use again; else the next answer is the next, or
      // says that none came in time.
      if (raw.behind && !/^HTTP\/1\.1 (?:200 OK\r\n[^]*\r\n\r\nsentinel$|504 )/.test(raw.behind)) {
        found("something came before the next response", raw);
      }
    }
    const [buffered, unbuffered] = ways;
    if (buffered && unbuffered && isComparable(buffered.node, unbuffered.node)) {
      const isSame = buffered.node.status === unbuffered.node.status &&
        buffered.node.body === unbuffered.node.body;
      // What is refused when it was to be buffered may have begun when it was not.
      if (!isSame) found("buffering changes the response", buffered.node, unbuffered.node);
    }
  }
}
