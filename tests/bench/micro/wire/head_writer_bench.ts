/** Heads and chunk framing written. @module */
import {
  bytesOf,
  CHUNK_HEADROOM,
  CHUNK_TAILROOM,
  frameChunk,
  HeadWriter,
} from "../../../../src/wire/mod.ts";
import { BROWSER_REQUEST, parsed } from "../messages.ts";

const CHUNK_BYTES = 4_096;

const { fields } = parsed(BROWSER_REQUEST);
const cell = new Uint8Array(8_192);
const writer = new HeadWriter();
const status = bytesOf("HTTP/1.1 200 OK\r\n");
const serverAndDate = bytesOf("Server: sluice\r\nDate: Sun, 22 Nov 2026 04:00:00 GMT\r\n");
const agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)";

Deno.bench("head writer: a small head of constants and a length", { group: "head writer" }, () => {
  writer.begin(cell, 0, cell.length);
  writer.constant(status);
  writer.constant(serverAndDate);
  writer.decimal(48_213);
  writer.crlf();
});

Deno.bench("head writer: 20 field lines, one range each", { group: "head writer" }, () => {
  writer.begin(cell, 0, cell.length);
  for (let index = 0; index < fields.count; index++) {
    writer.range(fields.bytes, fields.lineStart(index), fields.lineEnd(index));
  }
});

Deno.bench("head writer: 20 field lines in one range", { group: "head writer" }, () => {
  writer.begin(cell, 0, cell.length);
  writer.range(fields.bytes, fields.lineStart(0), fields.end);
});

Deno.bench("head writer: a text of 70 characters", { group: "head writer" }, () => {
  writer.begin(cell, 0, cell.length);
  writer.text(agent);
});

Deno.bench("chunk: framed in place", () => {
  frameChunk(cell, CHUNK_HEADROOM, CHUNK_HEADROOM + CHUNK_BYTES - CHUNK_TAILROOM, false);
});
