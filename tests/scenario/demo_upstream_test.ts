/** The built-in demo upstream answers as its pages say, and stops with streams open. */
import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { createHash } from "node:crypto";
import { type DemoUpstream, startDemoUpstream } from "../../src/control/demo_upstream.ts";
import { within } from "../support/within.ts";

/** Runs `body` against two peers, and stops them. */
function demoTest(
  name: string,
  body: (peer: string, demo: DemoUpstream) => Promise<void>,
): void {
  Deno.test(`demo upstream: ${name}`, async () => {
    const demo = await startDemoUpstream();
    try {
      await body(`http://${demo.addresses[0]}`, demo);
    } finally {
      await within(demo.stop(), "the demo upstream to stop");
    }
  });
}

async function getText(url: string, init?: RequestInit): Promise<string> {
  const response = await fetch(url, init);
  return await response.text();
}

demoTest("/ says who answered and what was asked", async (_, { addresses }) => {
  const answers = await Promise.all(
    addresses.map((address) =>
      getText(`http://${address}/?x=1`, { method: "DELETE", headers: { "X-Mine": "7" } })
    ),
  );
  assertEquals(answers.length, 2);
  for (const [index, answer] of answers.entries()) {
    assertMatch(
      answer,
      new RegExp(`^peer ${index + 1} answered this request:\n\nDELETE /\\?x=1\n`),
    );
    assertMatch(answer, /^x-mine: 7$/m);
  }
});

demoTest("/bytes/N sends N bytes, the same ones from each peer", async (peer, { addresses }) => {
  for (const count of [0, 1, 65_535, 65_536, 65_537, 3_000_001]) {
    const response = await fetch(`${peer}/bytes/${count}`);
    assertEquals(response.headers.get("content-length"), String(count));
    assertEquals((await response.bytes()).length, count);
  }
  const both = await Promise.all(
    addresses.map(async (address) => (await fetch(`http://${address}/bytes/100000`)).bytes()),
  );
  assertEquals(both[0], both[1]);
  assertNotEquals(both[0]?.slice(0, 30_000), both[0]?.slice(65_536, 95_536));
});

demoTest("/upload counts a body and gives its SHA-256", async (peer) => {
  for (const length of [0, 1, 200_000]) {
    const body = new Uint8Array(length).fill(7);
    const sha256 = createHash("sha256").update(body).digest("hex");
    for (const sent of [body, new Blob([body]).stream()]) {
      const answer: unknown = JSON.parse(
        await getText(`${peer}/upload`, { method: "POST", body: sent }),
      );
      assertEquals(answer, { peer: "peer 1", bytes: length, sha256 });
    }
  }
});

demoTest("/status/N answers with that status", async (peer) => {
  for (const code of [200, 204, 304, 404, 503, 599]) {
    const response = await fetch(`${peer}/status/${code}`, { redirect: "manual" });
    await response.body?.cancel();
    assertEquals(response.status, code);
  }
});

demoTest("what cannot be is a 400 or 404 that says what can", async (peer) => {
  for (
    const [path, code] of [
      ["/status/100", 400],
      ["/status/x", 400],
      ["/bytes/-1", 400],
      ["/bytes/", 400],
      ["/slow?ms=x", 400],
      ["/ws", 426],
      ["/nothing", 404],
    ] as const
  ) {
    const response = await fetch(`${peer}${path}`);
    assertEquals(response.status, code, path);
    assertMatch(await response.text(), /need|ask|What there is/);
  }
});

demoTest("/slow answers after its time", async (peer) => {
  assertEquals(await getText(`${peer}/slow?ms=1`), "peer 1 answered after 1 ms\n");
});

demoTest("/events sends numbered events until the client leaves", async (peer) => {
  const response = await fetch(`${peer}/events`);
  assertEquals(response.headers.get("content-type"), "text/event-stream");
  const events: string[] = [];
  for await (
    const text of (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())
  ) {
    events.push(text);
    if (events.length === 2) break;
  }
  assertEquals(events, [
    'id: 1\ndata: {"number":1,"peer":"peer 1"}\n\n',
    'id: 2\ndata: {"number":2,"peer":"peer 1"}\n\n',
  ]);
});

demoTest("/ws sends back what it gets", async (peer) => {
  const socket = new WebSocket(`${peer.replace("http", "ws")}/ws`);
  socket.binaryType = "arraybuffer";
  const received: unknown[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.onopen = () => {
    socket.send("one");
    socket.send(Uint8Array.of(1, 2));
  };
  socket.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
    received.push(typeof data === "string" ? data : [...new Uint8Array(data)]);
    if (received.length === 2) socket.close();
  };
  socket.onclose = () => resolve();
  await within(promise, "the WebSocket to close");
  assertEquals(received, ["one", [1, 2]]);
});

Deno.test("demo upstream: stops while streams, slow answers and WebSockets are open", async () => {
  const demo = await startDemoUpstream(1);
  const peer = `http://${demo.addresses[0]}`;
  const events = await fetch(`${peer}/events`);
  const bytes = await fetch(`${peer}/bytes/1073741824`);
  const slow = fetch(`${peer}/slow?ms=600000`).then((response) => response.text(), () => "broken");
  const socket = new WebSocket(`${peer.replace("http", "ws")}/ws`);
  const opened = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  socket.onopen = () => opened.resolve();
  socket.onclose = () => closed.resolve();
  await within(opened.promise, "the WebSocket to open");

  await within(demo.stop(), "the demo upstream to stop");

  await events.body?.cancel().catch(() => {});
  await bytes.body?.cancel().catch(() => {});
  await within(closed.promise, "the WebSocket to close");
  assert(
    ["broken", "peer 1 answered after 600000 ms\n"].includes(await within(slow, "the slow answer")),
  );
});
