/** The kit itself over real sockets: a test that cannot trust its tools tests nothing. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { bytesOf, EndedEarly } from "../support/inbox.ts";
import { connect, exchange, getRequest } from "../support/client.ts";
import {
  close,
  expectBody,
  expectHead,
  halfClose,
  okResponse,
  pause,
  repeat,
  reset,
  respondWith,
  send,
  sendBytewise,
  sendMany,
  silent,
  startOrigin,
  stopReading,
} from "../support/origin.ts";
import { gate, within } from "../support/within.ts";

Deno.test("origin: answers every request of a keepalive connection and keeps the books", async () => {
  await using origin = await respondWith(okResponse("hello"));
  await using client = await connect(origin.address);

  for (const target of ["/1", "/2", "/3"]) {
    await client.send(getRequest(target));
    assertEquals((await client.readResponse()).bodyText, "hello");
  }

  assertEquals([origin.connectionsSeen, origin.requestsSeen], [1, 3]);
  assertEquals(origin.requests.map(({ target }) => target), ["/1", "/2", "/3"]);
  assertEquals((await origin.waitForRequest(2)).fields.get("host"), "test");
});

Deno.test("origin: each connection plays its own script", async () => {
  await using origin = await startOrigin({
    first: [[expectHead(), reset()], [expectHead(), close()]],
    each: [expectHead(), send(okResponse("third"))],
  });

  const first = await assertRejects(() => exchange(origin.address, getRequest()), EndedEarly);
  const second = await assertRejects(() => exchange(origin.address, getRequest()), EndedEarly);
  const third = await exchange(origin.address, getRequest());

  assertEquals([first.ending, second.ending], ["reset", "closed"]);
  assertEquals(third.bodyText, "third");
});

Deno.test("origin: a request body is counted, and every byte is on record", async () => {
  await using origin = await startOrigin({
    each: [expectHead(), expectBody(5), send(okResponse(""))],
  });
  const request = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345";
  await using client = await connect(origin.address);

  await client.sendBytewise(request);
  const response = await client.readResponse();

  assertEquals(response.isComplete, true);
  const connection = await origin.waitForConnection(1);
  assertEquals(connection.received, bytesOf(request));
  assertEquals(await connection.finished, { kind: "played" });
});

Deno.test("origin: pause holds the next step until the test opens the gate", async () => {
  const door = gate();
  await using origin = await startOrigin({
    each: [
      expectHead(),
      send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na"),
      pause(door),
      send("b"),
    ],
  });
  await using client = await connect(origin.address);
  await client.send(getRequest());
  await client.readHead();

  assertEquals(await client.readBytes(1), bytesOf("a"));
  assertEquals(client.unreadBytes, 0);
  door.open();
  assertEquals(await client.readBytes(1), bytesOf("b"));
});

Deno.test("origin: a response byte by byte is one response", async () => {
  await using origin = await startOrigin({
    each: [
      expectHead(),
      sendBytewise("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    ],
  });

  const response = await exchange(origin.address, getRequest());

  assertEquals([response.framing, response.bodyText, response.isComplete], [
    "chunked",
    "abc",
    true,
  ]);
});

Deno.test("origin: halfClose ends its direction and still reads", async () => {
  await using origin = await startOrigin({
    each: [expectHead(), send("HTTP/1.0 200 OK\r\n\r\nall of it"), halfClose(), expectHead()],
  });
  await using client = await connect(origin.address);
  await client.send(getRequest("/1"));

  const response = await client.readResponse();
  await client.send(getRequest("/2"));

  assertEquals([response.framing, response.isComplete], ["close", true]);
  assertEquals(response.bodyText, "all of it");
  assertEquals((await origin.waitForRequest(2)).target, "/2");
});

Deno.test("origin: silent says nothing and sees the client leave", async () => {
  await using origin = await startOrigin({ each: [expectHead(), silent()] });
  const client = await connect(origin.address);
  await client.send(getRequest());
  const connection = await origin.waitForConnection(1);
  await origin.waitForRequest(1);

  await client.reset();

  assertEquals(await connection.ended, "reset");
});

Deno.test("origin: stopReading brings the sender to a stand until the gate opens", async () => {
  const size = 64 << 20;
  const door = gate();
  await using origin = await startOrigin({
    each: [expectHead(), stopReading(door), expectBody(size), send(okResponse("got it"))],
    keepBytes: 0,
  });
  await using client = await connect(origin.address);
  await client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n`);
  await origin.waitForRequest(1);

  const sending = client.send(new Uint8Array(size));
  const connection = await origin.waitForConnection(1);
  // No socket buffer holds 64 MB, so what has arrived is the proof, whenever it is looked at.
  assert(connection.receivedBytes < size / 2);
  door.open();

  await within(sending, "the body to be sent");
  assertEquals((await client.readResponse()).bodyText, "got it");
});

Deno.test("origin: what it cannot read is a failed script, not a hanging test", async () => {
  await using origin = await startOrigin({ each: [expectHead()] });
  await using client = await connect(origin.address);
  await client.send("GET / HTTP/1.1\nHost: a\r\n\r\n");

  const outcome = await (await origin.waitForConnection(1)).finished;

  assertEquals(outcome.kind, "failed");
  assertEquals(await client.ended, "closed");
});

Deno.test("origin: refuses connections after stopListening, and can come back on its port", async () => {
  const origin = await respondWith(okResponse("before"));
  await origin[Symbol.asyncDispose]();
  await assertRejects(() => connect(origin.address), Error, "ECONNREFUSED");

  await using again = await respondWith(okResponse("after"), { port: origin.port });

  assertEquals((await exchange(again.address, getRequest())).bodyText, "after");
});

Deno.test("origin: listens on a unix socket", async () => {
  const dir = await Deno.makeTempDir();
  try {
    await using origin = await respondWith(okResponse("local"), { unix: `${dir}/origin.sock` });

    assertEquals((await exchange(origin.address, getRequest())).bodyText, "local");
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("client: an early end is told, with what had come", async () => {
  await using origin = await startOrigin({
    first: [
      [expectHead(), send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"), close()],
      [
        expectHead(),
        send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nhalf"),
        close(),
      ],
    ],
  });

  for (const framing of ["content_length", "chunked"]) {
    const response = await exchange(origin.address, getRequest());

    assertEquals([response.framing, response.isComplete], [framing, false]);
    assertEquals([response.bodyText, response.ending], ["half", "closed"]);
  }
});

Deno.test("client: interim responses are read one by one, HEAD has no body", async () => {
  await using origin = await startOrigin({
    each: [
      repeat(
        expectHead(),
        send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"),
      ),
    ],
  });
  await using client = await connect(origin.address);
  await client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");

  const interim = await client.readResponse({ method: "HEAD" });
  const final = await client.readResponse({ method: "HEAD" });

  assertEquals([interim.status, final.status, final.body.length], [100, 200, 0]);
});

Deno.test("client: a reader that does not read brings the server to a stand", async () => {
  const size = 64 << 20;
  await using origin = await startOrigin({
    each: [expectHead(), sendMany(size, new Uint8Array(65_536)), close()],
  });
  await using client = await connect(origin.address, { highWaterBytes: 1 << 16 });
  await client.send(getRequest());
  const connection = await origin.waitForConnection(1);

  await client.readBytes(1);
  assert(client.unreadBytes <= 1 << 18, `${client.unreadBytes} bytes were taken unasked`);
  await client.discard(size - 1);

  assertEquals(await connection.finished, { kind: "played" });
});
