/**
 * A reader of HTTP/1 that looks at all of a text at once: as RFC 9112 has it, with nothing let
 * through, by code that shares nothing with `src/wire/` nor with any parser of others.
 *
 * @module
 */

/** A message as it stands there. All texts have one character a byte. */
export interface PlainMessage {
  /** Where it begins. */
  readonly start: number;
  /** Of a request. */
  readonly method: string;
  /** Of a request. */
  readonly target: string;
  /** Of a response. */
  readonly status: number;
  readonly minor: number;
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly body: string;
  readonly isComplete: boolean;
}

/** All that one direction of a connection carries. */
export interface PlainReading {
  readonly messages: readonly PlainMessage[];
  /** What is wrong with what follows; "" for nothing, also where it is cut. */
  readonly error: string;
  /** Where the first message begins that did not come to its end. */
  readonly end: number;
}

const REQUEST_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\x7e\x80-\xff]+) HTTP\/1\.([01])$/;
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d) [\t\x20-\x7e\x80-\xff]*$/;
const SHORT_STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/;
const FIELD =
  /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*((?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)[ \t]*$/;
const LENGTH = /^\d{1,15}$/;
const CHUNK = /^([0-9A-Fa-f]{1,13})(?:;[\t\x20-\x7e\x80-\xff]*)?$/;

/**
 * Reads requests.
 *
 * @param skips What may stand in front of one: an empty line, which RFC 9112, 2.2, lets a server
 * ignore.
 */
export function readPlainRequests(text: string, skips: "" | "\r\n" = ""): PlainReading {
  return readAll(text, skips, (line) => {
    const [, method = "", target = "", minor] = REQUEST_LINE.exec(line) ?? [];
    return minor === undefined ? undefined : { method, target, minor: Number(minor), status: 0 };
  }, () => "until next");
}

/**
 * Reads responses.
 *
 * @param methodOf What the final response with a number, from 0, answers.
 * @param statusLine Whether the space in front of a reason phrase that is not there may be left
 * out, as many servers do.
 */
export function readPlainResponses(
  text: string,
  methodOf: (response: number) => string | undefined,
  statusLine: "strict" | "reason optional" = "strict",
): PlainReading {
  const pattern = statusLine === "strict" ? STATUS_LINE : SHORT_STATUS_LINE;
  let answered = 0;
  return readAll(text, "", (line) => {
    const [, minor, status] = pattern.exec(line) ?? [];
    if (minor === undefined) return undefined;
    return { method: "", target: "", minor: Number(minor), status: Number(status) };
  }, ({ status }) => {
    if (status < 200) return "until next";
    const isBodiless = methodOf(answered++) === "HEAD" || status === 204 || status === 304;
    return isBodiless ? "bodiless" : "until end";
  });
}

/** What the first line says. */
type StartLine = Pick<PlainMessage, "method" | "target" | "status" | "minor">;
/** What a body is that no field frames; or that there is none whatever they say. */
type Unframed = "until next" | "until end" | "bodiless";

function readAll(
  text: string,
  skips: string,
  startLineOf: (line: string) => StartLine | undefined,
  unframedOf: (start: StartLine) => Unframed,
): PlainReading {
  const messages: PlainMessage[] = [];
  let at = 0;
  const ended = (error: string): PlainReading => ({ messages, error, end: at });
  while (at < text.length) {
    if (skips !== "" && text.startsWith(skips, at)) at += skips.length;
    const headEnd = text.indexOf("\r\n\r\n", at);
    if (headEnd < 0) return ended("");
    const lines = text.slice(at, headEnd).split("\r\n");
    const first = startLineOf(lines[0]!);
    if (first === undefined) return ended(`start line ${JSON.stringify(lines[0])}`);
    const fields: [string, string][] = [];
    for (let line = 1; line < lines.length; line++) {
      const [, name, value] = FIELD.exec(lines[line]!) ?? [];
      if (name === undefined || value === undefined) {
        return ended(`field ${JSON.stringify(lines[line])}`);
      }
      fields.push([name, value]);
    }
    const body = readBody(text, headEnd + 4, fields, unframedOf(first));
    messages.push({ ...first, start: at, fields, body: body.body, isComplete: body.isComplete });
    if (!body.isComplete) return ended(body.error);
    at = body.end;
  }
  return ended("");
}

interface Body {
  /** What came of it. */
  readonly body: string;
  readonly end: number;
  readonly isComplete: boolean;
  /** What is wrong with the rest of it; "" for nothing. */
  readonly error: string;
}

function readBody(
  text: string,
  at: number,
  fields: readonly (readonly [string, string])[],
  unframed: Unframed,
): Body {
  const lengths: string[] = [];
  const codings: string[] = [];
  for (const [name, value] of fields) {
    const lower = name.toLowerCase();
    if (lower === "content-length") lengths.push(value);
    else if (lower === "transfer-encoding") codings.push(value);
  }
  const whole = (body: string, end: number): Body => ({ body, end, isComplete: true, error: "" });
  const bad = (error: string): Body => ({ body: "", end: at, isComplete: false, error });
  if (lengths.length + codings.length > 1) return bad("several framings");
  const [length] = lengths;
  const [coding] = codings;
  if (length !== undefined && !LENGTH.test(length)) return bad(`length ${length}`);
  if (coding !== undefined && coding.toLowerCase() !== "chunked") return bad(`coding ${coding}`);
  if (unframed === "bodiless") return whole("", at);
  if (coding !== undefined) return readChunks(text, at);
  if (length !== undefined) {
    const end = at + Number(length);
    return { ...whole(text.slice(at, end), end), isComplete: end <= text.length };
  }
  return unframed === "until next" ? whole("", at) : whole(text.slice(at), text.length);
}

function readChunks(text: string, at: number): Body {
  let body = "";
  const cut = (error = ""): Body => ({ body, end: text.length, isComplete: false, error });
  while (true) {
    const lineEnd = text.indexOf("\r\n", at);
    if (lineEnd < 0) return cut();
    const [, digits] = CHUNK.exec(text.slice(at, lineEnd)) ?? [];
    if (digits === undefined) return cut(`chunk ${JSON.stringify(text.slice(at, lineEnd))}`);
    const size = parseInt(digits, 16);
    at = lineEnd + 2;
    if (size === 0) break;
    body += text.slice(at, at + size);
    at += size;
    if (at + 2 > text.length) return cut();
    if (!text.startsWith("\r\n", at)) return cut("the end of a chunk");
    at += 2;
  }
  while (true) {
    const lineEnd = text.indexOf("\r\n", at);
    if (lineEnd < 0) return cut();
    const line = text.slice(at, lineEnd);
    at = lineEnd + 2;
    if (line === "") return { body, end: at, isComplete: true, error: "" };
    if (!FIELD.test(line)) return cut(`trailer ${JSON.stringify(line)}`);
  }
}
