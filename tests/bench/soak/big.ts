/**
 * A gigabyte through the proxy, up and down, buffered and streamed: the bytes are the
 * same on the other side, and the proxy's memory stays what it was.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { Random } from "../../support/random.ts";
import { readMemory } from "../proc.ts";
import { ByteSocket, sleep } from "./byte_socket.ts";
import { Content, hex, tokenOf } from "./marks.ts";
import { Origin } from "./origins.ts";
import { SluiceProcess } from "./sluice_process.ts";

const BIG_BYTES = 2 ** 30;
const WARM_BYTES = 2 ** 20;
const PIECE_BYTES = 262_144;
const GROWTH_MAX_BYTES = 32 * 2 ** 20;
const LOOK_EVERY_MS = 20;

interface Transfer {
  readonly name: string;
  readonly isUpload: boolean;
  /** Of its location. */
  readonly place: string;
  readonly fields: string;
}

const TRANSFERS: readonly Transfer[] = [
  { name: "download, buffered", isUpload: false, place: "good", fields: "" },
  { name: "download, buffered, slow reader", isUpload: false, place: "good", fields: "" },
  { name: "download, unbuffered", isUpload: false, place: "stream", fields: "" },
  { name: "upload, buffered", isUpload: true, place: "good", fields: "" },
  { name: "upload, streamed", isUpload: true, place: "stream", fields: "" },
];

const CONFIG = (origin: string) => `
log: { access: off, error: { path: stderr, level: error } }
client_max_body_size: 0
upstreams: { good: { servers: ["${origin}"] } }
servers:
  - listen: 127.0.0.1:0
    locations:
      /good/: { proxy: { pass: "http://good" } }
      /stream/: { proxy: { pass: "http://good", buffering: off, request_buffering: off } }
`;

/** Whether every transfer was right and took no more memory than promised. */
export async function bigTransfers(dir: string): Promise<boolean> {
  await Deno.mkdir(dir, { recursive: true });
  let isRight = true;
  const origin = new Origin("good", 0, new Random(1), new Set(), (what, detail) => {
    isRight = false;
    console.log(`!! ${what} ${detail}`);
  });
  await origin.listen();
  await Deno.writeTextFile(`${dir}/big.yaml`, CONFIG(origin.address));
  const results: Record<string, string | number | boolean>[] = [];
  for (const transfer of TRANSFERS) {
    await using sluice = await SluiceProcess.start(`${dir}/big.yaml`, false);
    for (let n = 1; n <= 16; n++) await run(sluice.address, transfer, n, WARM_BYTES, false);
    const { rssBytes: beforeBytes } = await readMemory(sluice.pid);
    let peakBytes = beforeBytes;
    let isRunning = true;
    const watching = (async () => {
      while (isRunning) {
        peakBytes = Math.max(peakBytes, (await readMemory(sluice.pid)).rssBytes);
        await sleep(LOOK_EVERY_MS);
      }
    })();
    const startMs = performance.now();
    const isSlow = transfer.name.endsWith("slow reader");
    const isSame = await run(sluice.address, transfer, 99, BIG_BYTES, isSlow);
    const seconds = (performance.now() - startMs) / 1_000;
    isRunning = false;
    await watching;
    const { rssBytes: afterBytes } = await readMemory(sluice.pid);
    const grownBytes = peakBytes - beforeBytes;
    isRight &&= isSame && grownBytes < GROWTH_MAX_BYTES;
    const mib = (bytes: number) => Number((bytes / 2 ** 20).toFixed(1));
    results.push({
      name: transfer.name,
      checksum: isSame ? "same" : "DIFFERENT",
      seconds: Number(seconds.toFixed(1)),
      beforeMiB: mib(beforeBytes),
      peakMiB: mib(peakBytes),
      afterMiB: mib(afterBytes),
      grownMiB: mib(grownBytes),
    });
    console.log(results.at(-1));
    const { outstanding, connections } = await sluice.stop();
    if (outstanding.length > 0 || connections > 0) {
      isRight = false;
      console.log(`!! still held: ${outstanding.join("; ")}`);
    }
  }
  await origin.kill();
  console.table(results);
  await Deno.writeTextFile(`${dir}/big.json`, JSON.stringify(results, null, 1));
  return isRight;
}

/** Whether what arrived is what was sent, by its SHA-256. */
async function run(
  address: string,
  { isUpload, place, fields }: Transfer,
  mark: number,
  size: number,
  isSlow: boolean,
): Promise<boolean> {
  const conn = await ByteSocket.open(address);
  const content = new Content(mark);
  const verb = isUpload ? "sink" : "bytes";
  await conn.write(
    `${isUpload ? "PUT" : "GET"} /${place}/${verb}/${size}?m=${hex(mark)} HTTP/1.1\r\n` +
      `Host: big\r\nX-Mark: ${tokenOf(mark)}\r\n${fields}` +
      `Connection: close\r\n${isUpload ? `Content-Length: ${size}\r\n` : ""}\r\n`,
  );
  const sent = createHash("sha256");
  const arrived = createHash("sha256");
  for (let at = 0; isUpload && at < size && !conn.isGone; at += PIECE_BYTES) {
    const piece = content.slice(at, PIECE_BYTES);
    sent.update(piece);
    await conn.write(piece);
  }
  const head = await conn.head();
  if (!head?.startsWith("HTTP/1.1 200")) throw new Error(`Cannot transfer: ${head}`);
  let bytes = 0;
  let text = "";
  if (isSlow) conn.pauseMs = () => bytes < size / 8 ? 2 : 0; // the proxy runs ahead of it
  await conn.takeAll((piece) => {
    bytes += piece.length;
    if (isUpload) text += piece.toString("latin1");
    else arrived.update(piece);
  });
  conn.close();
  if (isUpload) return text === `${size} ${sent.digest("hex")}`;
  for (let at = 0; at < size; at += PIECE_BYTES) sent.update(content.slice(at, PIECE_BYTES));
  return bytes === size && arrived.digest("hex") === sent.digest("hex");
}
