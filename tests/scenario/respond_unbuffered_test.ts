/** `buffering: off`: what comes is passed on at once, through one buffer. */
import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { difference, numbered } from "../support/bodies.ts";
import { connect, getRequest } from "../support/client.ts";
import { eventually, inFrontOf, withSluice } from "../support/in_process.ts";
import {
  close,
  expectRequest,
  okResponse,
  pause,
  repeat,
  type Script,
  send,
  startOrigin,
} from "../support/origin.ts";
import { gate } from "../support/within.ts";

const STREAM = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
const LARGE = 24 << 20;

/** Of an origin that sends events, each after its gate. */
async function passesAtOnce(
  head: string,
  events: readonly [string, string],
  proxy: string,
): Promise<void> {
  const [first, second] = [gate(), gate()];
  const script: Script = [
    expectRequest(),
    send(head),
    pause(first),
    send(events[0]),
    pause(second),
    send(events[1]),
    close(),
  ];
  await using origin = await startOrigin({ each: script });
  await withSluice(inFrontOf(origin, { proxy }), async (address) => {
    await using client = await connect(address);
    await client.send(getRequest());
    await client.readThrough("\r\n\r\n"); // the head does not wait for the first event
    first.open();
    await client.readThrough("data: 1\n\n");
    second.open();
    await client.readThrough("data: 2\n\n");
  });
}

for (
  const [way, proxy, field] of [
    ["buffering: off", "buffering: off", ""],
    ["X-Accel-Buffering: no", "buffering: on", "X-Accel-Buffering: no\r\n"],
    ["buffering: on", "buffering: on", ""],
  ] as const
) {
  Deno.test(`${way}: an SSE event reaches the client before the next one is produced`, async () => {
    const head = STREAM.replace("\r\n\r\n", `\r\n${field}\r\n`);
    await passesAtOnce(head, ["data: 1\n\n", "data: 2\n\n"], proxy);
  });

  Deno.test(`${way}: so does an event in a chunk`, async () => {
    const head = STREAM.replace("\r\n\r\n", `\r\n${field}Transfer-Encoding: chunked\r\n\r\n`);
    await passesAtOnce(head, ["9\r\ndata: 1\n\n\r\n", "9\r\ndata: 2\n\n\r\n0\r\n\r\n"], proxy);
  });
}

Deno.test("ignore_headers: X-Accel-Buffering is not heeded", async () => {
  const body = numbered(LARGE);
  const script = [expectRequest(), send(okResponse(body, "X-Accel-Buffering: no"))];
  await using origin = await startOrigin({ each: script });
  const proxy = "ignore_headers: X-Accel-Buffering";
  await withSluice(inFrontOf(origin, { proxy }), async (address, sluice) => {
    await using client = await connect(address, { highWaterBytes: 2 * LARGE });
    client.pause();
    await client.send(getRequest());
    await eventually("the connection to be idle", () => sluice.stats().idle === 1);
    client.resume();
    assertEquals(difference((await client.readResponse()).body, body), "");
  });
});

Deno.test("buffering: off: a slow client holds the origin back, and one buffer is all it takes", async () => {
  const body = numbered(LARGE);
  await using origin = await startOrigin({ each: [expectRequest(), send(okResponse(body))] });
  const proxy = "buffering: off, buffer_size: 16k";
  await withSluice(inFrontOf(origin, { proxy }), async (address, sluice) => {
    await using client = await connect(address, { highWaterBytes: 2 * LARGE });
    client.pause();
    await client.send(getRequest());
    const { socket } = await origin.waitForConnection(1);
    let last = -1;
    let sinceMs = performance.now();
    await eventually("the origin to be held back", () => {
      const now = socket.bytesWritten - socket.writableLength;
      if (now !== last) sinceMs = performance.now();
      last = now;
      return socket.writableLength > 0 && performance.now() - sinceMs > 300;
    });
    const { heldBytes } = sluice.stats().pool;
    assertLessOrEqual(heldBytes, (16 + 8) << 10); // the buffer; the client's head, the request, the watch
    client.resume();
    assertEquals(difference((await client.readResponse()).body, body), "");
  });
});

Deno.test("buffering: off: the connection is used again after the last byte", async () => {
  const body = numbered(100_000);
  await using origin = await startOrigin({
    each: [repeat(expectRequest(), send(okResponse(body)))],
  });
  await withSluice(inFrontOf(origin, { proxy: "buffering: off" }), async (address) => {
    await using client = await connect(address);
    for (let n = 0; n < 3; n++) {
      await client.send(getRequest());
      assertEquals(difference((await client.readResponse()).body, body), "");
    }
  });
  assertEquals(origin.connectionsSeen, 1);
});

Deno.test("buffering: off: a short body ends the client's connection behind what came", async () => {
  const script = [
    expectRequest(),
    send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"),
    close(),
  ];
  await using origin = await startOrigin({ each: script });
  await withSluice(inFrontOf(origin, { proxy: "buffering: off" }), async (address, sluice) => {
    await using client = await connect(address);
    await client.send(getRequest());
    const response = await client.readResponse();
    assertEquals([response.bodyText, response.isComplete], ["half", false]);
    await sluice.errorLine(/upstream prematurely closed connection/);
  });
});

for (const leaving of ["close", "reset"] as const) {
  Deno.test(`buffering: off: a client that leaves (${leaving}) between two events is noticed`, async () => {
    await using origin = await startOrigin({
      each: [expectRequest(), send(`${STREAM}data: 1\n\n`)],
    });
    await withSluice(inFrontOf(origin, { proxy: "buffering: off" }), async (address, sluice) => {
      await using client = await connect(address);
      await client.send(getRequest());
      await client.readThrough("data: 1\n\n");
      await client[leaving]();
      assert(await (await origin.waitForConnection(1)).ended);
      await sluice.accessLine(1);
    });
  });
}
