/** `buffering: on`: the peer at its speed, the client at its own, memory and a temp file between them. */
import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { difference, namelessFiles, numbered } from "../support/bodies.ts";
import { type Client, connect, getRequest } from "../support/client.ts";
import { eventually, inFrontOf, type InProcessSluice, withSluice } from "../support/in_process.ts";
import {
  close,
  expectRequest,
  okResponse,
  type Origin,
  pause,
  reset,
  type Script,
  send,
  startOrigin,
} from "../support/origin.ts";
import { tempDir } from "../support/program.ts";
import { gate } from "../support/within.ts";

/** More than the kernel keeps for a connection that nobody reads. */
const LARGE = 24 << 20;
const BODY = numbered(LARGE);
const MEMORY_BYTES = 64 << 10;
/** What a response may hold beside its `buffers`: heads, and what watches the client. */
const BESIDE_BYTES = 32 << 10;

interface Scene {
  readonly address: string;
  readonly sluice: InProcessSluice;
  readonly origin: Origin;
  /** Has asked, and reads nothing until it is resumed. */
  readonly client: Client;
  readonly tempPath: string;
}

/** A client that does not read, of an origin that plays `script`. */
async function withSlowClient(
  script: Script,
  proxy: string,
  act: (scene: Scene) => Promise<void>,
  { location = "", main = "" } = {},
): Promise<void> {
  await using dir = await tempDir();
  await using origin = await startOrigin({ each: script, keepBytes: 0 });
  const more = proxy.includes("temp_path") ? proxy : `temp_path: ${dir.path}, ${proxy}`;
  const yaml = inFrontOf(origin, { proxy: more, location, main });
  await withSluice(yaml, async (address, sluice) => {
    await using client = await connect(address, { highWaterBytes: 2 * LARGE });
    client.pause();
    await client.send(getRequest());
    await act({ address, sluice, origin, client, tempPath: dir.path });
  });
  assertEquals(namelessFiles(dir.path), []);
  assertEquals([...Deno.readDirSync(dir.path)], []);
}

async function readAll(client: Client): Promise<string> {
  client.resume();
  const response = await client.readResponse();
  assertEquals([response.status, response.isComplete], [200, true]);
  return difference(response.body, BODY);
}

/** Until nothing has moved for a while: for what is told by nothing happening. */
async function untilStill(value: () => number): Promise<void> {
  let last = -1;
  let sinceMs = performance.now();
  await eventually("nothing to move any more", () => {
    if (value() !== last) {
      last = value();
      sinceMs = performance.now();
    }
    return performance.now() - sinceMs > 300;
  });
}

const whole: Script = [expectRequest(), send(okResponse(BODY))];
const chunkedHead = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

Deno.test("a fast origin is read to its end and its connection used again while the client reads nothing", async () => {
  const script = [...whole, expectRequest(), send(okResponse("next"))];
  await withSlowClient(script, "buffers: 8 8k", async ({ client, sluice, address, origin }) => {
    await eventually("the connection to be idle", () => sluice.stats().idle === 1);
    await using second = await connect(address);
    await second.send(getRequest("/second"));
    assertEquals((await second.readResponse()).bodyText, "next");
    assertEquals(origin.connectionsSeen, 1);
    assertEquals(await readAll(client), "");
  });
});

Deno.test("what overflows the buffers is in a temp file without a name, and its space is given back", async () => {
  await withSlowClient(whole, "buffers: 8 8k", async ({ client, sluice, tempPath }) => {
    await eventually("the connection to be idle", () => sluice.stats().idle === 1);
    const [sizeBytes = 0, ...others] = namelessFiles(tempPath);
    assertEquals(others, []);
    assert(sizeBytes > LARGE / 4, `${sizeBytes} bytes on disk`);
    assertEquals([...Deno.readDirSync(tempPath)], []);
    assertLessOrEqual(sluice.stats().pool.heldBytes, MEMORY_BYTES + 2 * BESIDE_BYTES);
    await sluice.errorLine(/\[warn\].*an upstream response is buffered to a temporary file/);
    assertEquals(await readAll(client), "");
    await eventually("the file to be closed", () => namelessFiles(tempPath).length === 0);
  });
});

Deno.test("a chunked response passes through the temp file", async () => {
  const half = LARGE / 2;
  const script = [
    expectRequest(),
    send(`${chunkedHead}${half.toString(16)}\r\n`),
    send(BODY.subarray(0, half)),
    send(`\r\n${half.toString(16)}\r\n`),
    send(BODY.subarray(half)),
    send("\r\n0\r\n\r\n"),
  ];
  await withSlowClient(script, "buffers: 4 4k", async ({ client, sluice }) => {
    await eventually("the connection to be idle", () => sluice.stats().idle === 1);
    assertEquals(await readAll(client), "");
  });
});

Deno.test("max_temp_file_size 0: the origin is held back, memory does not grow, and all arrives", async () => {
  await withSlowClient(whole, "max_temp_file_size: 0", async ({ client, sluice, ...scene }) => {
    const { socket } = await scene.origin.waitForConnection(1);
    await untilStill(() => socket.bytesWritten - socket.writableLength);
    assert(socket.writableLength > 0, "the origin could send all of it");
    assertEquals(namelessFiles(scene.tempPath), []);
    assertLessOrEqual(sluice.stats().pool.heldBytes, MEMORY_BYTES + BESIDE_BYTES);
    assertEquals(await readAll(client), "");
  });
});

Deno.test("buffers: as much as that of one response waits in memory", async () => {
  const proxy = "max_temp_file_size: 0, buffers: 64 8k";
  await withSlowClient(whole, proxy, async ({ client, sluice, origin }) => {
    const { socket } = await origin.waitForConnection(1);
    await untilStill(() => socket.bytesWritten - socket.writableLength);
    const { heldBytes } = sluice.stats().pool;
    assert(heldBytes > 256 << 10 && heldBytes <= (512 << 10) + BESIDE_BYTES, `${heldBytes} bytes`);
    assertEquals(await readAll(client), "");
  });
});

Deno.test("max_temp_file_size: the file is filled up to it, then the origin is held back", async () => {
  const proxy = "max_temp_file_size: 1m, buffers: 8 8k";
  await withSlowClient(whole, proxy, async ({ client, sluice, tempPath, origin }) => {
    const { socket } = await origin.waitForConnection(1);
    await untilStill(() => socket.bytesWritten - socket.writableLength);
    assert(socket.writableLength > 0, "the origin could send all of it");
    const [sizeBytes = 0] = namelessFiles(tempPath);
    assert(sizeBytes > 900_000 && sizeBytes <= 1 << 20, `${sizeBytes} bytes on disk`);
    assertLessOrEqual(sluice.stats().pool.heldBytes, MEMORY_BYTES + BESIDE_BYTES);
    assertEquals(await readAll(client), "");
  });
});

Deno.test("temp_disk: with half of it taken the origin is held back, and all arrives", async () => {
  const main = "temp_disk: 2m";
  await withSlowClient(whole, "buffers: 8 8k", async ({ client, sluice, tempPath, origin }) => {
    const { socket } = await origin.waitForConnection(1);
    await untilStill(() => socket.bytesWritten - socket.writableLength);
    assert(socket.writableLength > 0, "the origin could send all of it");
    const [sizeBytes = 0] = namelessFiles(tempPath);
    assert(sizeBytes > 900_000 && sizeBytes <= 1 << 20, `${sizeBytes} bytes on disk`);
    assertLessOrEqual(sluice.stats().pool.heldBytes, MEMORY_BYTES + BESIDE_BYTES);
    const told = /\[warn\].*half of the 2097152 bytes of temp_disk are taken: an upstream response/;
    await sluice.errorLine(told);
    assertEquals(await readAll(client), "");
    assertEquals(sluice.errorLog.filter((line) => told.test(line)).length, 1);
  }, { main });
});

Deno.test("cyclic_temp_file: the file is filled again and again, and never larger than its bound", async () => {
  const proxy = "max_temp_file_size: 256k, cyclic_temp_file: on, buffers: 4 8k";
  await withSlowClient(whole, proxy, async ({ client, tempPath, sluice }) => {
    await eventually("a temp file", () => namelessFiles(tempPath).length === 1);
    const sizes: number[] = [];
    const parts: Uint8Array[] = [];
    client.resume();
    assertEquals((await client.readHead()).status, 200);
    for (let left = LARGE; left > 0; left -= 1 << 20) {
      parts.push(await client.readBytes(1 << 20));
      sizes.push(...namelessFiles(tempPath));
    }
    const largest = Math.max(...sizes);
    assert(largest > 0 && largest <= 256 << 10, `${largest} bytes on disk`);
    assert(sizes.includes(0), `never emptied: ${sizes}`);
    assertEquals(difference(await new Blob(parts as BlobPart[]).bytes(), BODY), "");
    await sluice.accessLine(1);
  });
});

for (
  const [what, path] of [
    ["is missing", "/nowhere/at/all"],
    ["takes no files", "/proc"],
  ]
) {
  Deno.test(`a temp_path that ${what}: one line in the log, and the response goes on without`, async () => {
    await withSlowClient(whole, `temp_path: ${path}`, async ({ client, sluice, origin }) => {
      await sluice.errorLine(/\[crit\].*cannot write \d+ bytes to a temporary file in "/);
      const { socket } = await origin.waitForConnection(1);
      await untilStill(() => socket.bytesWritten - socket.writableLength);
      assert(socket.writableLength > 0, "the origin could send all of it");
      assertEquals(await readAll(client), "");
      assertEquals(sluice.errorLog.filter((line) => line.includes("[crit]")).length, 1);
    });
  });
}

for (
  const [how, step, complaint] of [
    ["closes", close(), /upstream prematurely closed connection/],
    ["resets", reset(), /connection to upstream broke|prematurely closed/],
  ] as const
) {
  Deno.test(`an origin that ${how} in the middle of a body: the client gets all that came, and sees the end`, async () => {
    const head = `HTTP/1.1 200 OK\r\nContent-Length: ${LARGE + 1000}\r\n\r\n`;
    const isDrained = gate();
    const script = [expectRequest(), send(head), send(BODY), pause(isDrained), step];
    await withSlowClient(script, "buffers: 8 8k", async ({ client, sluice, tempPath, origin }) => {
      const { socket } = await origin.waitForConnection(1);
      await eventually("all to be sent", () => socket.bytesWritten >= LARGE);
      await untilStill(() => Math.max(0, ...namelessFiles(tempPath)));
      isDrained.open();
      await eventually("the connection to be closed", () => sluice.stats().connections === 1);
      client.resume();
      const response = await client.readResponse();
      assertEquals(response.isComplete, false);
      assertEquals(difference(response.body, BODY), "");
      await sluice.errorLine(complaint);
      assertEquals(await sluice.accessLine(1), "GET / HTTP/1.1|200|200");
    });
  });
}

Deno.test("a chunked body that is malformed behind what is in the temp file: cut short behind all that was good", async () => {
  const isDrained = gate();
  const script = [
    expectRequest(),
    send(`${chunkedHead}${LARGE.toString(16)}\r\n`),
    send(BODY),
    pause(isDrained),
    send("\r\nXYZ\r\n"),
  ];
  await withSlowClient(script, "buffers: 8 8k", async ({ client, sluice, tempPath, origin }) => {
    const { socket } = await origin.waitForConnection(1);
    await eventually("all to be sent", () => socket.bytesWritten >= LARGE);
    await untilStill(() => Math.max(0, ...namelessFiles(tempPath)));
    isDrained.open();
    client.resume();
    const response = await client.readResponse();
    assertEquals([response.framing, response.isComplete], ["chunked", false]);
    assertEquals(difference(response.body, BODY), "");
    await sluice.errorLine(/upstream sent invalid body/);
  });
});

for (
  const [state, script, isThere] of [
    ["before anything came", [expectRequest()], () => true],
    [
      "in the middle of the body",
      [expectRequest(), send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")],
      () => true,
    ],
    [
      "with a temp file that grows",
      whole,
      ({ tempPath }: Scene) => namelessFiles(tempPath).length === 1,
    ],
    ["with the origin gone already", whole, ({ sluice }: Scene) => sluice.stats().idle === 1],
  ] as const
) {
  for (const leaving of ["close", "reset"] as const) {
    Deno.test(`a client that leaves (${leaving}) ${state} leaves nothing behind`, async () => {
      await withSlowClient(script, "buffers: 8 8k", async (scene) => {
        await scene.origin.waitForRequest(1);
        await eventually("that state", () => isThere(scene));
        await scene.client[leaving]();
        await scene.sluice.accessLine(1);
        await eventually("the file to be closed", () => namelessFiles(scene.tempPath).length === 0);
      });
    });
  }
}

Deno.test("a client that leaves while the origin is held back leaves nothing behind", async () => {
  await withSlowClient(whole, "max_temp_file_size: 0", async ({ client, sluice, origin }) => {
    const { socket } = await origin.waitForConnection(1);
    await untilStill(() => socket.bytesWritten - socket.writableLength);
    await client.reset();
    assertEquals(await sluice.accessLine(1), "GET / HTTP/1.1|200|200");
    assertEquals((await (await origin.waitForConnection(1)).finished).kind, "ended");
  });
});

/** A fast origin whose response is given to a client that reads at once, at a rate. */
async function passAtRate(sizeKb: number, proxy: string, rate: string): Promise<string> {
  const body = numbered(sizeKb << 10);
  await using dir = await tempDir();
  await using origin = await startOrigin({ each: [expectRequest(), send(okResponse(body))] });
  const yaml = inFrontOf(origin, {
    proxy: `temp_path: ${dir.path}, ${proxy}`,
    location: `limit_rate: ${rate}`,
  });
  let found = "nothing came";
  await withSluice(yaml, async (address) => {
    await using client = await connect(address);
    await client.send(getRequest());
    found = difference((await client.readResponse()).body, body);
  });
  return found;
}

Deno.test("limit_rate: what passes through the temp file in parts of a piece stays in order", async () => {
  assertEquals(await passAtRate(240, "buffers: 4 8k", "120k"), "");
});

for (const sizeKb of [16, 40, 56, 72]) {
  Deno.test(`limit_rate with room for ${sizeKb}k in the temp file: all arrives in order`, async () => {
    assertEquals(await passAtRate(300, `buffers: 8 8k, max_temp_file_size: ${sizeKb}k`, "1m"), "");
  });
}
