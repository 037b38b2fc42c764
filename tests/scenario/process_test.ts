/** The process: draining, stopping in the middle of things, descriptors. */
import { assertEquals, assertRejects } from "@std/assert";
import { connect, exchange, getRequest } from "../support/client.ts";
import { eventually, inFrontOf, withSluice } from "../support/in_process.ts";
import {
  expectHead,
  expectRequest,
  okResponse,
  pause,
  respondWith,
  send,
  startOrigin,
} from "../support/origin.ts";
import { startSluice } from "../support/sluice.ts";
import { gate } from "../support/within.ts";

const LOG = "log: { access: { path: stdout, buffer: 0 } }\n";

Deno.test("SIGQUIT: what runs is finished, idle clients go, nobody new is let in, status 0", async () => {
  const finish = gate();
  await using origin = await startOrigin({
    each: [
      expectRequest(),
      send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\none"),
      pause(finish),
      send("two"),
    ],
  });
  await using sluice = await startSluice(LOG + inFrontOf(origin));
  await using idle = await connect(sluice.address);
  await using busy = await connect(sluice.address);
  await busy.send(getRequest());
  await busy.readThrough("one");

  const ending = sluice.program.stop("SIGQUIT");
  assertEquals(await idle.ended, "closed");
  await assertRejects(() => connect(sluice.address));
  finish.open();
  await busy.readThrough("two");
  assertEquals(await busy.ended, "closed");
  assertEquals(await ending, { code: 0, signal: null });
  assertEquals(sluice.stdout.length, 1);
});

Deno.test("SIGTERM in the middle of a response ends at once, and the client can tell", async () => {
  await using origin = await startOrigin({
    each: [expectRequest(), send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\none")],
  });
  await using sluice = await startSluice(LOG + inFrontOf(origin));
  await using client = await connect(sluice.address);
  await client.send(getRequest());
  await client.readThrough("one");
  assertEquals(await sluice.program.stop("SIGTERM"), { code: 0, signal: null });
  await client.ended;
  await origin.connections[0]!.ended;
});

Deno.test("SIGTERM after SIGQUIT does not wait for what runs", async () => {
  await using origin = await startOrigin({ each: [expectRequest()] });
  await using sluice = await startSluice(LOG + inFrontOf(origin));
  await using client = await connect(sluice.address);
  await client.send(getRequest());
  await origin.waitForRequest(1);
  sluice.program.kill("SIGQUIT");
  await eventuallyRefused(sluice.address);
  assertEquals(await sluice.program.stop("SIGTERM"), { code: 0, signal: null });
});

Deno.test("100 requests leave no descriptor open but the kept connection's", async () => {
  await using origin = await respondWith(okResponse("ok"));
  await using sluice = await startSluice(LOG + inFrontOf(origin));
  await exchange(sluice.address, getRequest());
  await eventually("the client's end", () => sluice.stdout.length === 1);
  const before = sluice.fdCount();
  for (let n = 0; n < 100; n++) await exchange(sluice.address, getRequest());
  await eventually("as many descriptors as before", () => sluice.fdCount() === before);
});

/** What runs when the server is stopped at once. */
const RUNNING: readonly [string, Parameters<typeof inFrontOf>[1], string][] = [
  ["a request that waits for its answer", {}, getRequest()],
  [
    "a body that is being buffered",
    {},
    "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n123",
  ],
  [
    "a body that is being streamed",
    { proxy: "request_buffering: off" },
    "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n123",
  ],
  ["half a head", {}, "GET / HT"],
  ["an answered bad request", {}, "garbage\r\n\r\n"],
];

for (const [what, settings, request] of RUNNING) {
  Deno.test(`stop in the middle of ${what}: at once, and nothing is held`, async () => {
    await using origin = await startOrigin({ each: [expectHead()] });
    await using stack = new AsyncDisposableStack();
    await withSluice(inFrontOf(origin, settings), async (address, sluice) => {
      const client = stack.use(await connect(address));
      await client.send(request);
      await eventually("the client", () => sluice.stats().clients === 1);
      if (request.startsWith("GET / HTTP/1.1")) await origin.waitForRequest(1);
      const startedMs = performance.now();
      await sluice.server.stop();
      assertEquals(performance.now() - startedMs < 1_000, true);
    });
  });
}

async function eventuallyRefused(address: string): Promise<void> {
  for (let isOpen = true; isOpen;) {
    try {
      await (await connect(address)).close();
    } catch {
      isOpen = false;
    }
  }
}
