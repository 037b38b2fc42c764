/**
 * The fuzzers: each makes a message from a seed, reads it, and says what must hold.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { BadMessage, escapePath, normalizePath } from "../../src/wire/mod.ts";
import { Random } from "../support/random.ts";
import {
  type Parts,
  readChunks,
  type Reading,
  readRequest,
  readResponse,
} from "../unit/wire/reading.ts";
import { chunkText, mutate, requestText, responseText } from "./messages.ts";

/** One kind of input and all that has to hold for it. */
export interface Fuzzer {
  readonly name: string;
  /** Tries one input. Returns its verdict, for the statistics. */
  readonly tryOne: (random: Random) => string;
}

export const FUZZERS: readonly Fuzzer[] = [
  {
    name: "request",
    tryOne: (random) => tryMessage(random, requestText, readRequest, checkRequest),
  },
  {
    name: "response",
    tryOne: (random) => tryMessage(random, responseText, readResponse, checkHead),
  },
  { name: "chunks", tryOne: (random) => tryMessage(random, chunkText, readChunks, checkChunks) },
  { name: "path", tryOne: tryPath },
];

/** A failure with the input that led to it, and the seed that makes it again. */
export class Found extends Error {
  override readonly name = "Found";
}

/** How a run went. */
export interface Tally {
  readonly tried: number;
  /** How often each verdict came. */
  readonly verdicts: ReadonlyMap<string, number>;
}

/**
 * Runs all fuzzers in turn until `isOver` says so. Input number n depends on `seed` and n only.
 *
 * @param from Number of the first input: a run that was stopped goes on from there.
 * @throws {Found}
 */
export function fuzz(seed: number, isOver: (tried: number) => boolean, from = 0): Tally {
  const verdicts = new Map<string, number>();
  let number = from;
  for (; !isOver(number - from); number++) {
    for (const fuzzer of FUZZERS) {
      const random = new Random(seed ^ Math.imul(number, 0x9e37_79b1));
      let verdict: string;
      try {
        verdict = `${fuzzer.name}: ${fuzzer.tryOne(random)}`;
      } catch (cause) {
        const what = cause instanceof Error ? cause.message : String(cause);
        const again = `deno task fuzz --only wire --seed ${seed} --from ${number} --count 1`;
        throw new Found(`${fuzzer.name}: ${what}\nagain: ${again}`, { cause });
      }
      verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
    }
  }
  return { tried: (number - from) * FUZZERS.length, verdicts };
}

function tryMessage(
  random: Random,
  make: (random: Random) => string,
  read: (pieces: Parts) => Reading,
  check: (text: string, reading: Reading) => void,
): string {
  const text = mutate(random, make(random));
  try {
    const whole = read([text]);
    for (let times = 0; times < 3; times++) assertSameReading(text, whole, read, cut(random, text));
    if (text.length < 300) assertSameReading(text, whole, read, [...text]);
    check(text, whole);
    return whole.verdict;
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${what}\ninput: ${JSON.stringify(text)}`, { cause });
  }
}

/**
 * However it comes, a message is read the same. One that is refused in the middle of a line may
 * be found out only when the line's end comes, but then it is.
 */
function assertSameReading(
  text: string,
  whole: Reading,
  read: (pieces: Parts) => Reading,
  pieces: readonly string[],
): void {
  let reading = read(pieces);
  if (reading.verdict === "incomplete" && whole.verdict !== "incomplete") {
    assert(whole.verdict !== "complete", `incomplete in pieces: ${JSON.stringify(pieces)}`);
    reading = read([...pieces, "\n"]);
    whole = read([`${text}\n`]);
  }
  assertEquals(reading, whole, `in pieces: ${JSON.stringify(pieces)}`);
}

/** What must be true of every head that was taken, whoever wrote it. */
function checkHead(text: string, { verdict, meaning }: Reading): void {
  if (verdict !== "complete") return;
  const { headBytes, contentLength, isChunked, fields } = meaning as {
    headBytes: number;
    contentLength: number | "none";
    isChunked: boolean;
    fields: readonly (readonly [string, string, number, string])[];
  };
  const head = text.slice(0, headBytes);
  assert(head.endsWith("\r\n\r\n"), "a head ends in an empty line");
  // deno-lint-ignore no-control-regex -- controls are what must not be there
  assert(!/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/.test(head), "a control in a head");
  assert(!/\r(?!\n)|(?<!\r)\n/.test(head), "a bare CR or LF in a head");
  assert(!/\r\n[ \t]/.test(head.slice(0, -2)), "a folded line");
  // An independent reading of the fields, line by line.
  const lines = head.replace(/^\r\n/, "").split("\r\n").slice(1, -2);
  assertEquals(
    fields.map(([name, value]) => [name, value]),
    lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, "")];
    }),
  );
  assertEquals(fields.map(([, , , line]) => line), lines.map((line) => `${line}\r\n`));
  for (const [name] of fields) assert(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name), "no token");
  const values = (of: string) =>
    fields.filter(([name]) => name.toLowerCase() === of).map(([, value]) => value);
  const lengths = values("content-length");
  const codings = values("transfer-encoding");
  assert(lengths.length + codings.length <= 1, "more than one framing");
  assertEquals(contentLength, lengths.length === 0 ? "none" : Number(lengths[0]));
  assert(lengths.every((length) => /^\d{1,15}$/.test(length)), "a length that is no number");
  assertEquals(isChunked, codings.length === 1);
  assert(codings.every((coding) => coding.toLowerCase() === "chunked"), "another coding");
}

function checkRequest(text: string, reading: Reading): void {
  checkHead(text, reading);
  if (reading.verdict !== "complete") return;
  const { fields, more } = reading.meaning as {
    fields: readonly (readonly [string, string])[];
    more: { readonly target: string; readonly method: string };
  };
  const hosts = fields.filter(([name]) => name.toLowerCase() === "host");
  assert(hosts.length <= 1, "two Hosts");
  assert(hosts.length === 1 || / HTTP\/1\.0\r\n/.test(text), "no Host");
  assert(/^[\x21-\x7e]+$/.test(more.target) && !more.target.includes("#"), "an illegal target");
  assert(text.replace(/^\r\n/, "").startsWith(`${more.method} ${more.target} HTTP/1.`));
}

/** A decoder that looks at the whole text at once and knows nothing of ours. */
function checkChunks(text: string, { verdict, meaning }: Reading): void {
  if (verdict !== "complete") return;
  const got = meaning as { body: string; rest: string };
  let body = "";
  let at = 0;
  while (true) {
    const line = /^([0-9A-Fa-f]{1,12})(;[^\r\n]{0,256})?\r\n/.exec(text.slice(at));
    assert(line !== null, `no chunk at ${at}`);
    at += line[0].length;
    const size = parseInt(line[1] ?? "", 16);
    if (size === 0) break;
    body += text.slice(at, at + size);
    at += size;
    assertEquals(text.slice(at, at + 2), "\r\n");
    at += 2;
  }
  const trailers = /^(?:[^\r\n:]+:[^\r\n]*\r\n)*\r\n/.exec(text.slice(at));
  assert(trailers !== null, "no end of the trailers");
  assertEquals([got.body, got.rest], [body, text.slice(at + trailers[0].length)]);
}

function tryPath(random: Random): string {
  const alphabet = [
    "/",
    "/",
    ".",
    "..",
    "%2e",
    "%2F",
    "%",
    "%00",
    "%0a",
    "a",
    "b",
    "\xe4",
  ] as const;
  let path = "/";
  for (let count = random.integer(0, 10); count > 0; count--) path += random.pick(alphabet);
  let normal: string;
  try {
    normal = normalizePath(path);
  } catch (error) {
    if (error instanceof BadMessage) return `${error.status} ${error.message}`;
    throw error;
  }
  assert(/^\//.test(normal) && !/\/\/|\/\.\.?(?:\/|$)|\0/.test(normal), `${path} became ${normal}`);
  assertEquals(normalizePath(escapePath(normal)), normal, path);
  return "complete";
}

function cut(random: Random, text: string): string[] {
  let at = 0;
  return random.pieces(text.length, random.pick([2, 7, 40, 1_000]))
    .map((size) => text.slice(at, at += size));
}
