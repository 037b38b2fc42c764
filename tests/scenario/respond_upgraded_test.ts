/** 101: the connection is another protocol's from then on, in both directions, until both have ended. */
import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { WebSocket, WebSocketServer } from "ws";
import { difference, numbered } from "../support/bodies.ts";
import { connect, exchange, getRequest } from "../support/client.ts";
import { eventually, inFrontOf, type InProcessSluice, withSluice } from "../support/in_process.ts";
import {
  act,
  close,
  expectBody,
  expectEnd,
  expectHead,
  expectRequest,
  halfClose,
  okResponse,
  type Origin,
  pause,
  repeat,
  reset,
  type Script,
  send,
  startOrigin,
} from "../support/origin.ts";
import { MemoryConn, MemoryNet, SWIFT } from "../support/memory_net.ts";
import { MemorySluice } from "../support/memory_sluice.ts";
import { Random } from "../support/random.ts";
import { latin1Bytes } from "../support/scripted_transport.ts";
import { gate, within } from "../support/within.ts";

const UPGRADE = 'set_header: { Upgrade: "$http_upgrade", Connection: upgrade }';
const ASKS = getRequest("/ws", "Connection: upgrade", "Upgrade: raw");
const SWITCHES = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n";

/** A proxy that passes Upgrade on, in front of an origin that plays `script`. */
async function withTunnels(
  script: Script,
  test: (address: string, origin: Origin, sluice: InProcessSluice) => Promise<void>,
  proxy = "",
): Promise<void> {
  await using origin = await startOrigin({ each: script });
  const settings = [UPGRADE, proxy].filter(Boolean).join(", ");
  await withSluice(inFrontOf(origin, { proxy: settings }), async (address, sluice) => {
    await test(address, origin, sluice);
    await sluice.rest();
    assertEquals(sluice.stats().idle, 0); // no tunnel is ever used again
  });
}

/** Sends back what comes. */
const echo = act("echo()", async (connection) => {
  while (true) {
    const bytes = await connection.inbox.some();
    if (bytes.length === 0) return;
    await connection.write(bytes);
  }
});

Deno.test("WebSockets (ws): messages of 1 MB pass both ways, and so does the closing", async () => {
  const { promise: listening, resolve } = Promise.withResolvers<void>();
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 }, resolve);
  await listening;
  server.on("connection", (socket) => {
    socket.on(
      "message",
      (data, isBinary) => socket.send(isBinary ? data as Uint8Array : `${data}`),
    );
  });
  const yaml = inFrontOf(`127.0.0.1:${server.address().port}`, { proxy: UPGRADE });
  await withSluice(yaml, async (address) => {
    const socket = new WebSocket(`ws://${address}/`, [], { perMessageDeflate: false });
    const received: (Uint8Array | string)[] = [];
    const { promise: closed, resolve } = Promise.withResolvers<number>();
    const body = numbered(1 << 20);
    socket.on("open", () => {
      socket.send("text");
      for (let n = 0; n < 4; n++) socket.send(body);
    });
    socket.on("message", (data, isBinary) => {
      received.push(isBinary ? new Uint8Array(data as Uint8Array) : `${data}`);
      if (received.length === 5) socket.close(4321, "enough");
    });
    socket.on("close", resolve);
    assertEquals(await within(closed, "the close frame"), 4321);
    const [text, ...bodies] = received;
    assertEquals(text, "text");
    assertEquals(bodies.map((bytes) => difference(bytes as Uint8Array, body)), ["", "", "", ""]);
  });
  const { promise: isOver, resolve: onClosed } = Promise.withResolvers<void>();
  server.close(onClosed);
  await isOver;
});

Deno.test("the head of a 101 passes with Connection and Upgrade; the request's, as configured", async () => {
  const script = [expectHead(), send(SWITCHES.replace("\r\n\r\n", "\r\nX-A: 1\r\n\r\n")), close()];
  await withTunnels(script, async (address, origin, sluice) => {
    await using client = await connect(address);
    await client.send(ASKS);
    const { status, fields } = await client.readHead();
    assertEquals(status, 101);
    assertEquals(fields.get("Connection"), "upgrade");
    assertEquals([fields.get("Upgrade"), fields.get("X-A")], ["raw", "1"]);
    assertEquals(fields.has("Transfer-Encoding"), false);
    const [request] = origin.requests;
    assertEquals(request!.fields.get("Upgrade"), "raw");
    assertEquals(request!.fields.get("Connection"), "upgrade");
    await client.halfClose();
    assertEquals(await sluice.accessLine(1), "GET /ws HTTP/1.1|101|101");
  });
});

Deno.test("the head of a 101 may be large", async () => {
  const large = `X-A: ${"a".repeat(6_000)}\r\n`;
  const script = [
    expectHead(),
    send(SWITCHES.replace("\r\n\r\n", `\r\n${large}\r\n`)),
    echo,
    close(),
  ];
  await withTunnels(script, async (address) => {
    await using client = await connect(address);
    await client.send(ASKS);
    const { status, fields } = await client.readHead();
    assertEquals([status, fields.get("X-A")?.length], [101, 6_000]);
    await client.send("ping");
    await client.readThrough("ping");
    await client.halfClose();
    await client.ended;
  });
});

Deno.test("what is sent behind either head arrives, and nothing before the origin has agreed", async () => {
  const isAgreed = gate();
  const script = [
    expectHead(),
    pause(isAgreed),
    send(`${SWITCHES}early`),
    expectBody(5),
    send("got it"),
    close(),
  ];
  await withTunnels(script, async (address, origin) => {
    await using client = await connect(address);
    await client.send(`${ASKS}later`);
    await origin.waitForRequest(1);
    assertEquals(origin.connections[0]!.inbox.sizeBytes, 0);
    isAgreed.open();
    assertEquals((await client.readHead()).status, 101);
    await client.readThrough("earlygot it");
    await client.halfClose();
    await client.ended;
  });
});

Deno.test("a client that has ended still gets what the origin sends", async () => {
  const body = numbered(3 << 20);
  const script = [expectHead(), send(SWITCHES), expectEnd(), send(body), close()];
  await withTunnels(script, async (address) => {
    await using client = await connect(address, { highWaterBytes: 8 << 20 });
    await client.send(ASKS);
    await client.readHead();
    await client.halfClose();
    assertEquals(difference(await client.readToEnd(), body), "");
  });
});

Deno.test("an origin that has ended still gets what the client sends", async () => {
  const body = numbered(3 << 20);
  const script = [expectHead(), send(SWITCHES), halfClose(), expectBody(body.length), close()];
  await withTunnels(script, async (address, origin) => {
    await using client = await connect(address);
    await client.send(ASKS);
    await client.readHead();
    assertEquals(await client.ended, "closed");
    await client.send(body);
    await client.halfClose();
    const connection = await origin.waitForConnection(1);
    assertEquals((await connection.finished).kind, "played");
    assertEquals(difference(connection.received.subarray(-body.length), body), "");
  });
});

Deno.test("read_timeout ends a tunnel in which nothing passes", async () => {
  await withTunnels([expectHead(), send(SWITCHES)], async (address, _, sluice) => {
    await using client = await connect(address);
    await client.send(ASKS);
    await client.readHead();
    await client.ended;
    await sluice.accessLine(1);
  }, "read_timeout: 100ms");
});

for (const talker of ["client", "origin"] as const) {
  Deno.test(`read_timeout does not end a tunnel in which only the ${talker} talks`, async () => {
    const talk = act("talk()", async (connection) => {
      for (let n = 0; n < 8; n++) {
        await connection.write(new Uint8Array([n]));
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    });
    const script = talker === "origin"
      ? [expectHead(), send(SWITCHES), talk, send("over"), close()]
      : [expectHead(), send(SWITCHES), expectBody(8), send("over"), close()];
    await withTunnels(script, async (address) => {
      await using client = await connect(address);
      await client.send(ASKS);
      await client.readHead();
      for (let n = 0; n < 8 && talker === "client"; n++) {
        await client.send("x");
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      await client.readThrough("over");
      await client.halfClose();
    }, "read_timeout: 200ms");
  });
}

for (
  const [what, request, proxy] of [
    ["that nobody asked for", getRequest("/ws"), ""],
    ["where Upgrade is not configured", ASKS, "set_header: { X-A: b }"],
  ] as const
) {
  Deno.test(`a 101 ${what} is a 502, and the connection is closed`, async () => {
    await using origin = await startOrigin({ each: [expectHead(), send(`${SWITCHES}smuggled`)] });
    const yaml = inFrontOf(origin, { proxy: proxy === "" ? UPGRADE : proxy });
    await withSluice(yaml, async (address, sluice) => {
      const response = await exchange(address, request);
      assertEquals(response.status, 502);
      assertEquals(origin.requests[0]!.fields.has("Upgrade"), false);
      await sluice.errorLine(/upstream changed protocols unasked/);
      assertEquals(sluice.stats().idle, 0);
    });
  });
}

Deno.test("Upgrade is a matter of one connection: it does not pass unless it is configured", async () => {
  await using origin = await startOrigin({
    each: [repeat(expectRequest(), send(okResponse("no")))],
  });
  await withSluice(inFrontOf(origin), async (address) => {
    const request = getRequest(
      "/",
      "Connection: upgrade, http2-settings",
      "Upgrade: h2c",
      "HTTP2-Settings: AAMAAABk",
    );
    assertEquals((await exchange(address, request)).bodyText, "no");
    const { fields } = origin.requests[0]!;
    assertEquals([fields.has("Upgrade"), fields.has("HTTP2-Settings")], [false, false]);
    assertEquals(fields.get("Connection"), undefined);
  });
});

Deno.test("an Upgrade to HTTP/2 does not pass even where Upgrade does: its requests would pass by every location", async () => {
  await using origin = await startOrigin({ each: [expectHead(), send(`${SWITCHES}smuggled`)] });
  await withSluice(inFrontOf(origin, { proxy: UPGRADE }), async (address, sluice) => {
    const request = getRequest("/", "Connection: upgrade", "Upgrade: websocket, H2C");
    assertEquals((await exchange(address, request)).status, 502);
    assertEquals(origin.requests[0]!.fields.has("Upgrade"), false);
    await sluice.errorLine(/upstream changed protocols unasked/);
  });
});

Deno.test("an Upgrade that the origin refuses opens no tunnel: what follows is read as requests", async () => {
  const script = [repeat(expectRequest(), send(okResponse("no")))];
  await using origin = await startOrigin({ each: script });
  const yaml = inFrontOf(origin, { proxy: UPGRADE });
  await withSluice(yaml, async (address) => {
    await using client = await connect(address);
    await client.send(`${ASKS}${getRequest("/second")}\x81\x05smuggled`);
    assertEquals((await client.readResponse()).bodyText, "no");
    assertEquals((await client.readResponse()).bodyText, "no");
    assertEquals((await client.readResponse()).status, 400);
  });
  assertEquals(origin.requests.map(({ target }) => target), ["/ws", "/second"]);
});

Deno.test("a 101 before the request body is complete is a 502", async () => {
  const script = [expectHead(), send(SWITCHES)];
  await withTunnels(script, async (address, _, sluice) => {
    await using client = await connect(address);
    await client.send(
      "POST /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: raw\r\nContent-Length: 10\r\n\r\nhalf",
    );
    assertEquals((await client.readResponse()).status, 502);
    await sluice.errorLine(/upstream changed protocols/);
  }, "request_buffering: off");
});

Deno.test("a 101 to a request with a complete body opens a tunnel", async () => {
  const script = [expectRequest(), send(SWITCHES), echo, close()];
  for (const proxy of ["request_buffering: off", ""]) {
    await withTunnels(script, async (address) => {
      await using client = await connect(address);
      await client.send(
        "POST /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: raw\r\nContent-Length: 4\r\n\r\nbodyafter",
      );
      assertEquals((await client.readHead()).status, 101);
      await client.readThrough("after");
      await client.halfClose();
      await client.ended;
    }, proxy);
  }
});

for (const leaving of ["close", "reset"] as const) {
  Deno.test(`a client that leaves a tunnel (${leaving}) leaves nothing behind`, async () => {
    await withTunnels([expectHead(), send(SWITCHES)], async (address, origin, sluice) => {
      await using client = await connect(address);
      await client.send(ASKS);
      await client.readHead();
      await client[leaving]();
      await (await origin.waitForConnection(1)).ended;
      await sluice.accessLine(1);
    });
  });
}

for (const [how, step] of [["closes", close()], ["resets", reset()]] as const) {
  Deno.test(`an origin that ${how} ends the tunnel`, async () => {
    await withTunnels(
      [expectHead(), send(`${SWITCHES}bye`), expectBody(1), step],
      async (address) => {
        await using client = await connect(address);
        await client.send(ASKS);
        await client.readThrough("bye");
        await client.send("x");
        await client.ended;
        await client.halfClose();
      },
    );
  });
}

for (const slow of ["client", "origin"] as const) {
  Deno.test(`a tunnel is as fast as the ${slow} that reads slowly, and takes no memory`, async () => {
    const body = numbered(24 << 20);
    const script = slow === "client" ? [expectHead(), send(SWITCHES), send(body), close()] : [
      expectHead(),
      send(SWITCHES),
      act("look away()", ({ socket }) => {
        socket.pause();
        return Promise.resolve();
      }),
    ];
    await withTunnels(script, async (address, origin, sluice) => {
      await using client = await connect(address, { highWaterBytes: 48 << 20 });
      await client.send(ASKS);
      await client.readHead();
      client.pause();
      const sending = slow === "origin" ? client.send(body).catch(() => {}) : undefined;
      const { socket } = await origin.waitForConnection(1);
      const sender = slow === "client" ? socket : client.socket;
      let last = -1;
      let sinceMs = performance.now();
      await eventually("the sender to be held back", () => {
        const now = sender.bytesWritten - sender.writableLength;
        if (now !== last) sinceMs = performance.now();
        last = now;
        return sender.writableLength > 0 && performance.now() - sinceMs > 300;
      });
      assertLessOrEqual(sluice.stats().pool.heldBytes, 64 << 10);
      if (slow === "client") {
        client.resume();
        assertEquals(difference(await client.readBytes(body.length), body), "");
      } else {
        socket.resume();
        await sending;
        const connection = origin.connections[0]!;
        await eventually("all to arrive", () => connection.receivedBytes >= body.length);
      }
      await client.close();
    });
  });
}

Deno.test("a server that drains lets tunnels end by themselves", async () => {
  await withTunnels([expectHead(), send(SWITCHES), echo, close()], async (address, _, sluice) => {
    await using client = await connect(address);
    await client.send(ASKS);
    await client.readHead();
    let isDown = false;
    const shutdown = sluice.server.shutdown().then(() => isDown = true);
    await client.send("still here");
    await client.readThrough("still here");
    assert(!isDown);
    await client.halfClose();
    await client.ended;
    await within(shutdown, "the shutdown");
  });
});

Deno.test("a server that is stopped ends tunnels at once", async () => {
  await withTunnels([expectHead(), send(SWITCHES), echo, close()], async (address, _, sluice) => {
    await using client = await connect(address);
    await client.send(ASKS);
    await client.readHead();
    await within(sluice.server.stop(), "the server to stop");
    await client.ended;
  });
});

for (const hasEnded of [false, true]) {
  const does = hasEnded ? "takes nothing and has ended" : "neither takes nor sends anything";
  Deno.test(`a stop ends a tunnel at once whose peer ${does}`, async () => {
    const net = new MemoryNet(new Random(1), SWIFT);
    const origin = new MemoryConn(net);
    const sluice = await MemorySluice.open({
      yaml: `
upstreams: { app: { servers: ["127.0.0.1:1"] } }
servers:
  - listen: 127.0.0.1:1
    locations: { /: { proxy: { pass: "http://app", http_version: "1.1", ${UPGRADE} } } }
`,
      net,
      onConnect: () => origin,
      logFormat: "$status",
    });
    const client = new MemoryConn(net);
    sluice.accept(client, 0, 1, () => {});
    client.deliver(latin1Bytes(ASKS));
    while (!net.isStill) await net.turn();
    origin.deliver(
      latin1Bytes("HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\n"),
    );
    origin.stall();
    client.deliver(latin1Bytes("to the peer"));
    if (hasEnded) origin.finish();
    while (!net.isStill) await net.turn();
    assertEquals(await sluice.stop(net), []);
  });
}
