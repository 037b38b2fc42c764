/** Coders are used again: what one stream leaves behind is nothing to the next. */
import { assertEquals } from "@std/assert";
import zlib from "node:zlib";
import { type CoderKind, takeCoder } from "../../../src/downstream/mod.ts";

const PLAIN = new TextEncoder().encode(
  Array.from({ length: 4_000 }, (_, at) => `${at * at} is the square of ${at}`).join("\n"),
);
const PIECE_BYTES = 8_192;

/** Codes up to `stopAt` bytes of the input, or all of it to its end. */
function code(kind: CoderKind, level: number, input: Uint8Array, stopAt = Infinity): Uint8Array {
  const coder = takeCoder(kind, level);
  const into = new Uint8Array(4_096);
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < stopAt;) {
    const end = Math.min(input.length, at + PIECE_BYTES);
    const isLast = end === input.length && stopAt === Infinity;
    coder.code(isLast ? "end" : "more", input, at, end, into, 0, into.length);
    pieces.push(into.slice(0, coder.written));
    at += coder.taken;
    if (isLast && coder.written < into.length) break;
  }
  coder.close();
  return new Uint8Array(pieces.flatMap((piece) => [...piece]));
}

for (
  const [kind, level, decode] of [
    ["gzip", 1, zlib.gunzipSync],
    ["gzip", 6, zlib.gunzipSync],
    ["br", 4, zlib.brotliDecompressSync],
    ["zstd", 3, zlib.zstdDecompressSync],
    ["gunzip", 0, (bytes: Uint8Array) => bytes],
  ] as const
) {
  Deno.test(`${kind}, level ${level}: a stream behind one that was cut off is whole`, () => {
    const input = kind === "gunzip" ? zlib.gzipSync(PLAIN) : PLAIN;
    for (const stopAt of [1, PIECE_BYTES, 20_000]) {
      code(kind, level, input, stopAt);
      for (const _ of [1, 2]) {
        assertEquals(new Uint8Array(decode(code(kind, level, input))), PLAIN, `cut at ${stopAt}`);
      }
    }
  });
}
