/** Little buffer memory and many requests: they wait for each other, and all finish. */
import { assertEquals } from "@std/assert";
import { connect, exchange, getRequest } from "../support/client.ts";
import { inFrontOf, withSluice } from "../support/in_process.ts";
import {
  expectRequest,
  okResponse,
  pause,
  repeat,
  respondWith,
  type Script,
  send,
  startOrigin,
} from "../support/origin.ts";
import { gate } from "../support/within.ts";

/**
 * As long as every request in progress can have its least share (about 20 KB: client, watch, request
 * head, upstream, response head). Below that they hold and wait for each other for ever.
 */
const SMALL = { main: "buffer_memory: 4m\nshed_load: off", group: "keepalive: 16" };
const PATIENCE = { patienceMs: 20_000 };

Deno.test("buffer_memory 4m: 200 requests at once all finish", async () => {
  const body = "x".repeat(50_000);
  await using origin = await respondWith(okResponse(body));
  await withSluice(inFrontOf(origin, SMALL), async (address, sluice) => {
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, n) => exchange(address, getRequest(`/${n}`), PATIENCE)),
    );
    assertEquals(
      answers.filter(({ status, isComplete }) => status === 200 && isComplete).length,
      200,
    );
    const { buffers } = (await sluice.server.control.status()).workers[0]!;
    assertEquals([buffers.maxBytes, buffers.slabBytes <= 4 << 20], [4 << 20, true]);
  });
});

Deno.test("buffer_memory 4m: 200 requests that the origin answers all at the same moment all finish", async () => {
  const answer = gate();
  const script: Script = [
    expectRequest(),
    pause(answer),
    repeat(send(okResponse("x".repeat(9_000))), expectRequest()),
  ];
  await using origin = await startOrigin({ each: script });
  await withSluice(inFrontOf(origin, SMALL), async (address) => {
    const asked = Array.from(
      { length: 200 },
      (_, n) => exchange(address, getRequest(`/${n}`), PATIENCE),
    );
    await origin.waitForRequest(60);
    answer.open();
    const answers = await Promise.all(asked);
    assertEquals(
      answers.filter(({ status, isComplete }) => status === 200 && isComplete).length,
      200,
    );
  });
});

for (const buffering of ["on", "off"]) {
  Deno.test(`buffer_memory 4m, request_buffering ${buffering}: 100 uploads at once all finish, after many small requests`, async () => {
    await using origin = await respondWith(okResponse("ok"));
    const settings = { ...SMALL, proxy: `request_buffering: ${buffering}` };
    await withSluice(inFrontOf(origin, settings), async (address) => {
      const small = Array.from({ length: 150 }, () => exchange(address, getRequest(), PATIENCE));
      assertEquals((await Promise.all(small)).every(({ status }) => status === 200), true);
      const body = "b".repeat(100_000);
      const put = `PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
      const uploads = Array.from({ length: 100 }, () => exchange(address, put, PATIENCE));
      assertEquals((await Promise.all(uploads)).every(({ status }) => status === 200), true);
    });
  });
}

Deno.test("buffer_memory 4m: 300 idle clients, and requests still pass", async () => {
  await using origin = await respondWith(okResponse("ok"));
  await withSluice(inFrontOf(origin, SMALL), async (address) => {
    await using stack = new AsyncDisposableStack();
    for (let n = 0; n < 300; n++) {
      const client = stack.use(await connect(address));
      await client.send(getRequest());
      assertEquals((await client.readResponse()).bodyText, "ok");
    }
  });
});
