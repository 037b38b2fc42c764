/**
 * Fields of messages that pass, outside of what a location says about them: how they are found,
 * copied and kept.
 *
 * @module
 */
import { reasonOf } from "../downstream/mod.ts";
import { bytesOf, type FieldLines, type HeadWriter, type ResponseHead } from "../wire/mod.ts";
import { type HeaderPolicy, HIDE, LOOK_UP, REWRITE } from "./header_policy.ts";
import type { Request } from "./request.ts";

const CONTENT_TYPE = bytesOf("content-type");
const DATE = bytesOf("date");
const SERVER = bytesOf("server");

/** The value of the first field of a name in lower case; empty where there is none. */
export function valueIn(fields: FieldLines, name: string): string {
  const index = fields.find(bytesOf(name));
  return index < 0 ? "" : fields.value(index);
}

/** Whether there is a `Content-Type` without a charset. */
export function lacksCharset({ fields }: ResponseHead): boolean {
  const index = fields.find(CONTENT_TYPE);
  return index >= 0 && !/;\s*charset=/i.test(fields.value(index));
}

/** Keeps the lines of a name for the answer that takes this response's place. */
export function carry(
  request: Request,
  { fields }: ResponseHead,
  name: Uint8Array,
  policy?: HeaderPolicy,
): void {
  const lines: Uint8Array[] = [];
  for (let at = fields.find(name); at >= 0; at = fields.find(name, at + 1)) {
    const fate = policy?.fates[fields.id(at)];
    if (fate === HIDE || (fate === LOOK_UP && policy!.hides(fields, at))) continue;
    const value = fate === REWRITE ? policy!.rewritten(request, fields, at) : undefined;
    lines.push(
      value === undefined
        ? fields.bytes.slice(fields.lineStart(at), fields.lineEnd(at))
        : Uint8Array.from(`${fields.name(at)}: ${value}\r\n`, (unit) => unit.charCodeAt(0)),
    );
  }
  request.carried = [...request.carried, ...lines];
}

/** `Server` and `Date` of ours where those of the peer would pass, but it sent none. */
export function writeMissing(
  { worker, client }: Request,
  policy: HeaderPolicy,
  fields: FieldLines,
  writer: HeadWriter,
): void {
  const [server, date] = worker.serverAndDateLines(client.conf.serverTokens);
  if (!policy.passesServer || fields.find(SERVER) < 0) writer.constant(server);
  if (!policy.passesDate || fields.find(DATE) < 0) writer.constant(date);
}

export function writeOwnStatusLine(writer: HeadWriter, status: number): void {
  writer.text(`HTTP/1.1 ${status} ${reasonOf(status)}`);
  writer.crlf();
}

export function withHidden(fates: Uint8Array, id: number): Uint8Array {
  const result = fates.slice();
  result[id] = HIDE;
  return result;
}

/** Copies the field lines that are not dropped, neighbours in one piece. */
export function copyFields(
  fields: FieldLines,
  into: HeadWriter,
  isDropped: (index: number) => boolean,
): void {
  const { bytes, count } = fields;
  let start = -1;
  for (let index = 0; index < count; index++) {
    if (!isDropped(index)) {
      if (start < 0) start = fields.lineStart(index);
    } else if (start >= 0) {
      into.range(bytes, start, fields.lineStart(index));
      start = -1;
    }
  }
  if (start >= 0) into.range(bytes, start, fields.end);
}

/** Whether a `Connection` field ends the connection's use (RFC 9112, 9.3). */
export function saysClose(connection: string, isHttp10: boolean): boolean {
  if (connection === "") return isHttp10; // what most files for nginx say, of each request
  const options = connection.toLowerCase().split(/[\s,]+/);
  return options.includes("close") || (isHttp10 && !options.includes("keep-alive"));
}
