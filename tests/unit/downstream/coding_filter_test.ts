/** Compression piece by piece: the same bytes however they come, and nothing held at the end. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import zlib from "node:zlib";
import { type Buf, SlabPool } from "../../../src/buffer/mod.ts";
import { type CoderKind, CodingFilter, takeCoder } from "../../../src/downstream/mod.ts";
import { withRandom } from "../../support/random.ts";

const DECODERS = {
  gzip: zlib.gunzipSync,
  br: zlib.brotliDecompressSync,
  zstd: zlib.zstdDecompressSync,
};

/** Passes pieces through a filter as a response does; returns what a connection would have sent. */
class Passage {
  readonly pool: SlabPool;
  readonly filter: CodingFilter;
  readonly sent: Uint8Array[] = [];
  hasEnded = false;

  constructor(kind: CoderKind, flushesEach: boolean, maxBytes = 8_388_608) {
    this.pool = new SlabPool({ maxBytes, debug: true });
    this.filter = new CodingFilter(takeCoder(kind, 3), this.pool, flushesEach, -1);
  }

  pass(piece: Uint8Array, isLast: boolean): void {
    const buf = this.pool.acquire(Math.max(1, piece.length), "test");
    assert(buf !== undefined);
    try {
      buf.cell.set(piece);
      buf.last = piece.length;
      this.filter.filter(buf, isLast, this.take);
      assertEquals(buf.size, 0);
    } finally {
      buf.release();
    }
    for (let before = -1; this.sent.length !== before;) {
      before = this.sent.length;
      this.filter.resume(this.take);
    }
  }

  readonly take = (piece: Buf, isLast: boolean): void => {
    assert(!this.hasEnded);
    this.sent.push(piece.data().slice());
    piece.pos = piece.last;
    this.hasEnded = isLast;
  };

  bytes(): Uint8Array {
    const bytes = new Uint8Array(this.sent.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const piece of this.sent) {
      bytes.set(piece, at);
      at += piece.length;
    }
    return bytes;
  }
}

for (const kind of ["gzip", "br", "zstd"] as const) {
  Deno.test(`${kind}: random pieces, flushed or not, ended with the last or behind it`, () =>
    withRandom((random) => {
      for (let turn = 0; turn < 20; turn++) {
        const whole = random.bytes(random.integer(0, 200_000)).map((byte) => byte & 7);
        const passage = new Passage(kind, random.chance(0.5));
        const endsBehind = random.chance(0.5);
        let at = 0;
        for (const length of random.pieces(Math.max(1, whole.length), 65_536)) {
          const piece = whole.subarray(at, at + length);
          at += length;
          passage.pass(piece, at >= whole.length && !endsBehind);
        }
        if (endsBehind) passage.filter.end(passage.take);
        assertEquals(passage.hasEnded, !endsBehind);
        assertEquals(new Uint8Array(DECODERS[kind](passage.bytes())), whole);
        assertEquals(passage.filter.takenBytes, whole.length);
        passage.filter.close();
        assertEquals(passage.pool.outstanding(), []);
      }
    }));
}

Deno.test("gzip, flushed: what was passed so far can be decoded", () => {
  const passage = new Passage("gzip", true);
  passage.pass(new TextEncoder().encode("one"), false);
  const { Z_SYNC_FLUSH: finishFlush } = zlib.constants;
  assertEquals(new TextDecoder().decode(zlib.gunzipSync(passage.bytes(), { finishFlush })), "one");
  passage.filter.close();
  assertEquals(passage.pool.outstanding(), []);
});

Deno.test("gunzip: passes no more than 160 KB on at a time, whatever becomes of a piece", () => {
  const passage = new Passage("gunzip", false);
  const packed = zlib.gzipSync(new Uint8Array(2_000_000));
  const buf = passage.pool.acquire(packed.length, "test")!;
  buf.cell.set(packed);
  buf.last = packed.length;
  passage.filter.filter(buf, true, passage.take);
  buf.release();
  let bytes = 0;
  while (!passage.hasEnded) {
    const now = passage.bytes().length;
    assert(now - bytes <= 160_000, `${now - bytes}`);
    bytes = now;
    passage.filter.resume(passage.take);
  }
  assertEquals(passage.bytes().length, 2_000_000);
  passage.filter.close();
  assertEquals(passage.pool.outstanding(), []);
});

Deno.test("without buffer memory a filter refuses, and holds nothing once it is closed", () => {
  const passage = new Passage("gzip", true, 70_000);
  const holder = passage.pool.acquire(65_536, "test")!;
  const small = passage.pool.acquire(1, "test")!;
  small.last = 1;
  const more: Buf[] = [];
  for (let buf = passage.pool.acquire(1, "test"); buf; buf = passage.pool.acquire(1, "test")) {
    more.push(buf);
  }
  assertThrows(() => passage.filter.filter(small, true, passage.take), Error, "no buffer memory");
  passage.filter.close();
  for (const buf of [holder, small, ...more]) buf.release();
  assertEquals(passage.pool.outstanding(), []);
  assertThrows(() => passage.pass(new Uint8Array(1), true), Error, "the response is over");
});
