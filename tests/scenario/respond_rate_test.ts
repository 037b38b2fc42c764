/** `limit_rate`, towards clients and from peers. */
import { assert, assertEquals } from "@std/assert";
import { difference, numbered } from "../support/bodies.ts";
import { connect, getRequest } from "../support/client.ts";
import { eventually, inFrontOf, type Settings, withSluice } from "../support/in_process.ts";
import { expectRequest, okResponse, repeat, send, startOrigin } from "../support/origin.ts";

const KIB = 1024;

/** How long a response takes, in s. */
async function timeOf(
  sizeBytes: number,
  settings: Settings,
  { target = "/", fields = [] as readonly string[] } = {},
): Promise<number> {
  const body = numbered(sizeBytes);
  let seconds = 0;
  await using origin = await startOrigin({
    each: [repeat(expectRequest(), send(okResponse(body, ...fields)))],
    keepBytes: 0,
  });
  await withSluice(inFrontOf(origin, settings), async (address) => {
    await using client = await connect(address, { highWaterBytes: 2 * sizeBytes });
    const startedAtMs = performance.now();
    await client.send(getRequest(target));
    const response = await client.readResponse();
    seconds = (performance.now() - startedAtMs) / 1000;
    assertEquals(difference(response.body, body), "");
  });
  return seconds;
}

function assertNear(seconds: number, expected: number, share = 0.1): void {
  const isNear = Math.abs(seconds - expected) <= expected * share;
  assert(isNear, `took ${seconds.toFixed(2)} s instead of ${expected} s`);
}

Deno.test("limit_rate: a response takes as long as its rate says (3 s, within 10 %)", async () => {
  assertNear(await timeOf(600 * KIB, { location: "limit_rate: 200k" }), 3);
});

for (const proxy of ["buffering: off", "max_temp_file_size: 0", "buffers: 16 64k"]) {
  Deno.test(`limit_rate holds with ${proxy}`, async () => {
    assertNear(await timeOf(400 * KIB, { proxy, location: "limit_rate: 400k" }), 1, 0.15);
  });
}

Deno.test("limit_rate_after: what comes first is not counted", async () => {
  const location = "limit_rate: 200k, limit_rate_after: 800k";
  assertNear(await timeOf(1000 * KIB, { location }), 1, 0.15);
});

Deno.test("X-Accel-Limit-Rate takes the place of limit_rate", async () => {
  const fields = [`X-Accel-Limit-Rate: ${400 * KIB}`];
  assertNear(await timeOf(400 * KIB, { location: "limit_rate: 10k" }, { fields }), 1, 0.15);
});

Deno.test("X-Accel-Limit-Rate: 0 means no limit", async () => {
  const fields = ["X-Accel-Limit-Rate: 0"];
  assert(await timeOf(400 * KIB, { location: "limit_rate: 10k" }, { fields }) < 1);
});

Deno.test("limit_rate with a variable: of this request, and none where it is empty", async () => {
  const settings = { location: "limit_rate: $arg_rate" };
  assertNear(await timeOf(400 * KIB, settings, { target: "/?rate=400k" }), 1, 0.15);
  assert(await timeOf(400 * KIB, settings) < 0.7);
});

Deno.test("proxy limit_rate: the peer is read at that rate", async () => {
  assertNear(await timeOf(400 * KIB, { proxy: "limit_rate: 400k" }), 1, 0.15);
});

Deno.test("proxy limit_rate: the origin is held back, however fast the client is", async () => {
  const body = numbered(24 << 20);
  await using origin = await startOrigin({ each: [expectRequest(), send(okResponse(body))] });
  await withSluice(inFrontOf(origin, { proxy: "limit_rate: 100k" }), async (address, sluice) => {
    await using client = await connect(address);
    await client.send(getRequest());
    const { socket } = await origin.waitForConnection(1);
    await client.discard(50_000);
    assert(socket.writableLength > 0);
    await client.reset();
    await eventually("the client to be gone", () => sluice.stats().clients === 0);
  });
});

Deno.test("a client that leaves in a pause of limit_rate leaves nothing behind", async () => {
  for (const proxy of ["", "buffering: off"]) {
    await using origin = await startOrigin({
      each: [expectRequest(), send(okResponse(numbered(1 << 20)))],
    });
    const settings = { proxy, location: "limit_rate: 1k" };
    await withSluice(inFrontOf(origin, settings), async (address, sluice) => {
      await using client = await connect(address);
      await client.send(getRequest());
      await client.discard(1000);
      await client.reset();
      await sluice.accessLine(1);
    });
  }
});
