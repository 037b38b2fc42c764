/**
 * What `src/wire/` reads in a mutated message, compared with what `undici`'s llhttp and a strict
 * reader of our own find in it: without the program around it, and so a hundred thousand in a few
 * seconds. What we take, the others must read the same, as far as they take it too.
 *
 * @module
 */
import {
  BadMessage,
  BodyDecoder,
  type Head,
  RequestHead,
  ResponseHead,
} from "../../src/wire/mod.ts";
import { HttpInputFilter } from "../../src/upstream/input_filter.ts";
import { Random } from "../support/random.ts";
import { Found } from "./fuzzers.ts";
import { type LlhttpMessage, LlhttpReader } from "./llhttp.ts";
import { bytesOf, latin1, textOf } from "./memory_round.ts";
import { type PlainMessage, readPlainRequests, readPlainResponses } from "./plain_reader.ts";
import { doubtfulResponse, smugglingText } from "./smuggling.ts";

const MAX_FIELDS = 100;

// As in the program, they are used again.
const requestHead = new RequestHead(MAX_FIELDS);
const responseHead = new ResponseHead(MAX_FIELDS);

/** A message as we read it. */
interface OwnMessage {
  readonly method: string;
  readonly target: string;
  readonly status: number;
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly body: string;
  readonly isComplete: boolean;
}

/**
 * Tries messages `from` to `from + count - 1`: requests and responses in turn. Number n depends
 * on the seed and n only.
 *
 * @returns How often what came of it.
 * @throws {Found}
 */
export function tryReadings(
  seed: number,
  from: number,
  count: number,
): ReadonlyMap<string, number> {
  const verdicts = new Map<string, number>();
  for (let number = from; number < from + count; number++) {
    const random = new Random(seed ^ Math.imul(number, 0x9e37_79b1));
    const text = number % 2 === 0 ? smugglingText(random) : doubtfulResponse(random);
    try {
      const counted = (verdict: string) => verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
      if (number % 2 === 0) compareRequests(text, random, counted);
      else compareResponses(text, random, counted);
    } catch (cause) {
      const what = cause instanceof Error ? cause.message : String(cause);
      const again =
        `again: deno task fuzz --only readings --seed ${seed} --from ${number} --count 1`;
      throw new Found(`${what}\nmessage: ${JSON.stringify(text)}\n${again}`, { cause });
    }
  }
  return verdicts;
}

function compareRequests(text: string, random: Random, counted: (verdict: string) => void): void {
  const own = readRequests(text, random);
  if (own.length === 0) return counted("requests refused");
  const direct = new LlhttpReader("request");
  direct.feed(text);
  direct.finish();
  direct.free();
  const plain = readPlainRequests(text, "\r\n").messages;
  for (const [index, message] of own.entries()) {
    counted("requests read");
    compare(message, plain[index], direct.messages[index], direct.error, counted);
  }
}

function compareResponses(text: string, random: Random, counted: (verdict: string) => void): void {
  const method = random.chance(0.1) ? "HEAD" : "GET";
  const own = readResponse(text, method, random);
  if (own === undefined) return counted("responses refused");
  const direct = new LlhttpReader("response", () => method);
  direct.feed(text);
  direct.finish();
  direct.free();
  const isFinal = ({ status }: { status: number }): boolean => status >= 200 || status === 101;
  const plain = readPlainResponses(text, () => method, "reason optional").messages.find(isFinal);
  counted("responses read");
  if (own.status === 101) return; // what follows is no message
  compare(own, plain, direct.messages.find(isFinal), direct.error, counted);
}

function compare(
  own: OwnMessage,
  plain: PlainMessage | undefined,
  theirs: LlhttpMessage | undefined,
  error: string | undefined,
  counted: (verdict: string) => void,
): void {
  // What comes to its end for them may be refused here: trailers that frame a message, say.
  const isSame = plain !== undefined && plain.method === own.method &&
    plain.target === own.target && plain.status === own.status &&
    (!own.isComplete || (plain.isComplete && plain.body === own.body)) &&
    textOf(plain.fields) === textOf(own.fields);
  if (!isSame) throw differ("the strict reader", own, plain);
  if (!own.isComplete) return counted("incomplete");
  if (!theirs?.isComplete) return counted(`llhttp refuses: ${error}`);
  counted("compared with llhttp's reading");
  const isSameThere = theirs.method === own.method && theirs.target === own.target &&
    theirs.status === own.status && theirs.body === own.body &&
    textOf(theirs.fields) === textOf(own.fields);
  if (!isSameThere) throw differ("llhttp", own, theirs);
}

function differ(who: string, own: OwnMessage, other: unknown): Error {
  return new Error(
    `${who} reads another message\n${JSON.stringify(own)}\n${JSON.stringify(other)}`,
  );
}

/** All requests up to the first that is refused or cut; of one whose body is bad, what came of it. */
function readRequests(text: string, random: Random): OwnMessage[] {
  const messages: OwnMessage[] = [];
  const head = requestHead;
  const decoder = new BodyDecoder();
  const bytes = bytesOf(text);
  for (let at = 0; at < bytes.length;) {
    if (!readHead(head, bytes, at, random)) break;
    // As the client's side does: without a length there is no body.
    if (head.isChunked) decoder.beginChunked();
    else decoder.beginLength(Math.max(0, head.contentLength));
    const { method } = head;
    const message = { method, target: head.target(), status: 0, fields: fieldsOf(head) };
    const body = readBody(decoder, bytes, head.end, random);
    messages.push({ ...message, ...body });
    if (!body.isComplete) break;
    at = body.end;
  }
  return messages;
}

/** The final response, if its head is taken. */
function readResponse(text: string, method: string, random: Random): OwnMessage | undefined {
  const head = responseHead;
  const bytes = bytesOf(text);
  for (let at = 0; at < bytes.length; at = head.end) {
    if (!readHead(head, bytes, at, random)) return undefined;
    if (head.isInterim) continue;
    const filter = new HttpInputFilter();
    filter.init(head, method);
    const message = { method: "", target: "", status: head.status, fields: fieldsOf(head) };
    const body = readBody(filter, bytes, head.end, random);
    const isComplete = body.isComplete || (body.isGood && filter.endOfStream());
    return { ...message, body: body.body, isComplete };
  }
  return undefined;
}

/** In one piece or in two. */
function readHead(head: Head, bytes: Uint8Array, start: number, random: Random): boolean {
  try {
    head.begin(bytes, start);
    if (random.chance(0.5) && head.parse(random.integer(start, bytes.length))) return true;
    return head.parse(bytes.length);
  } catch (error) {
    if (error instanceof BadMessage) return false;
    throw error;
  }
}

interface OwnBody {
  readonly body: string;
  readonly end: number;
  readonly isComplete: boolean;
  /** Whether what came of it is as it should be. */
  readonly isGood: boolean;
}

/** In one piece or in two; in place, so that what was read before is not to be used any more. */
function readBody(decoder: BodyDecoder, bytes: Uint8Array, start: number, random: Random): OwnBody {
  let body = "";
  let at = start;
  const cut = random.chance(0.5) ? random.integer(start, bytes.length) : bytes.length;
  try {
    for (const end of [cut, bytes.length]) {
      if (decoder.isDone || end === at) continue;
      decoder.decode(bytes, at, end);
      body += latin1(bytes.subarray(at, decoder.dataEnd));
      at = decoder.isDone ? decoder.restStart : end;
    }
  } catch (error) {
    if (!(error instanceof BadMessage)) throw error;
    return { body, end: bytes.length, isComplete: false, isGood: false };
  }
  return { body, end: at, isComplete: decoder.isDone, isGood: true };
}

function fieldsOf({ fields }: Head): (readonly [string, string])[] {
  return Array.from({ length: fields.count }, (_, index) => [
    fields.name(index),
    fields.value(index),
  ]);
}
