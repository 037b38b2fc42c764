/** Chunked bodies read. @module */
import { BodyDecoder } from "../../../../src/wire/mod.ts";

const BODY_BYTES = 65_536;

const decoder = new BodyDecoder();

for (const chunkBytes of [65_536, 4_096, 64]) {
  const body = chunked(chunkBytes);
  const cell = body.slice();
  Deno.bench(`chunked: 64 KB in chunks of ${chunkBytes} bytes`, { group: "chunked" }, (b) => {
    cell.set(body); // reading moves the data together
    b.start();
    decoder.beginChunked();
    decoder.decode(cell, 0, cell.length);
    b.end();
    if (!decoder.isDone || decoder.dataEnd !== BODY_BYTES) throw new Error("not all was read");
  });
}

function chunked(chunkBytes: number): Uint8Array {
  const chunk = `${chunkBytes.toString(16)}\r\n${"x".repeat(chunkBytes)}\r\n`;
  return new TextEncoder().encode(chunk.repeat(BODY_BYTES / chunkBytes) + "0\r\n\r\n");
}
