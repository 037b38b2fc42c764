/**
 * The way of a request body to the origin: kept and sent again, at the origin's pace, and
 * what happens when it cannot be kept, or is answered before it was sent.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { freePorts } from "../support/free_ports.ts";
import { connect, exchange, getRequest } from "../support/client.ts";
import { eventually, inFrontOf, withSluice } from "../support/in_process.ts";
import {
  act,
  close,
  expectBody,
  expectHead,
  expectRequest,
  halfClose,
  okResponse,
  repeat,
  reset,
  respondWith,
  type Script,
  send,
  startOrigin,
  type Step,
  stopReading,
} from "../support/origin.ts";
import { tempDir } from "../support/program.ts";
import { Random } from "../support/random.ts";
import { startSluice } from "../support/sluice.ts";
import { gate } from "../support/within.ts";

const EARLY = "HTTP/1.1 403 No\r\nContent-Length: 5\r\n\r\nearly";

/** Bytes without a period, so that a piece in the wrong place is seen. */
function bodyOf(sizeBytes: number): Uint8Array {
  return new Random(7).bytes(sizeBytes);
}

function put(body: Uint8Array, ...fieldLines: readonly string[]): Uint8Array {
  return join([
    ["PUT / HTTP/1.1", "Host: a", `Content-Length: ${body.length}`, ...fieldLines, "", ""].join(
      "\r\n",
    ),
    body,
  ]);
}

function putChunked(body: Uint8Array, chunkBytes: number): Uint8Array {
  const parts: (string | Uint8Array)[] = [
    "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
  ];
  for (let at = 0; at < body.length; at += chunkBytes) {
    const chunk = body.subarray(at, at + chunkBytes);
    parts.push(`${chunk.length.toString(16)}\r\n`, chunk, "\r\n");
  }
  return join([...parts, "0\r\n\r\n"]);
}

function join(parts: readonly (string | Uint8Array)[]): Uint8Array {
  const encoder = new TextEncoder();
  const all = parts.map((part) => typeof part === "string" ? encoder.encode(part) : part);
  const bytes = new Uint8Array(all.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of all) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** What came behind the head, of which there was one. */
function bodySeen(received: Uint8Array): Uint8Array {
  const text = Array.from(received.subarray(0, 2_000), (byte) => String.fromCharCode(byte));
  return received.subarray(text.join("").indexOf("\r\n\r\n") + 4);
}

function sleep(ms: number): Step {
  return act(`sleep(${ms})`, () => new Promise((resolve) => setTimeout(resolve, ms)));
}

const WAYS: readonly (readonly [
  name: string,
  location: string,
  proxy: string,
  sizeBytes: number,
])[] = [
  ["in memory", "client_body_buffer_size: 60k", "", 60_000],
  ["in a file", "client_max_body_size: 0", "", 6 << 20],
  ["streamed", "client_max_body_size: 0", "request_buffering: off", 6 << 20],
];

for (const [name, location, proxy] of WAYS) {
  if (name === "in memory") continue; // the kernel takes all of it at once

  Deno.test(`a slow-reading origin gets a body ${name} whole and in order, and is not late while it is sent to`, async () => {
    const body = bodyOf(32 << 20);
    const goOn = gate();
    await using origin = await startOrigin({
      each: [expectHead(), stopReading(goOn), expectBody(body.length), send(okResponse("ok"))],
      keepBytes: 64 << 20,
    });
    await withSluice(
      inFrontOf(origin, { proxy: `read_timeout: 200ms, ${proxy}`, location }),
      async (address) => {
        await using client = await connect(address);
        const sent = client.send(put(body));
        await origin.waitForRequest(1);
        setTimeout(() => goOn.open(), 500);
        assertEquals((await client.readResponse()).status, 200);
        await sent;
        const seen = bodySeen(origin.connections[0]!.received);
        assert(seen.length === body.length && seen.every((byte, at) => byte === body[at]));
      },
    );
  });

  Deno.test(`an answer while a body ${name} is on its way: the client gets it, and the next request works`, async () => {
    const body = bodyOf(32 << 20);
    const never = gate();
    await using origin = await startOrigin({
      first: [[expectHead(), send(EARLY), stopReading(never)]],
      each: [repeat(expectRequest(), send(okResponse("next")))],
    });
    await withSluice(inFrontOf(origin, { proxy, location }), async (address) => {
      await using client = await connect(address);
      const sent = client.send(put(body)).catch(() => {});
      const response = await client.readResponse();
      assertEquals([response.status, response.bodyText], [403, "early"]);
      await client.close();
      await sent;
      assertEquals((await exchange(address, getRequest())).bodyText, "next");
    });
    never.open();
  });
}

for (const [name, location, proxy, sizeBytes] of WAYS) {
  for (const [how, last] of [["closes", close()], ["half-closes", halfClose()]] as const) {
    Deno.test(`an answer while a body ${name} is on its way, and the origin ${how}: the client gets the answer`, async () => {
      const body = bodyOf(Math.min(sizeBytes, 300_000));
      // It has read all there is before it closes: else the close would be a reset.
      const script: Script = [expectHead(), expectBody(10_000), send(EARLY), sleep(20), last];
      await using origin = await startOrigin({ each: script });
      await withSluice(inFrontOf(origin, { proxy, location }), async (address) => {
        await using client = await connect(address);
        const request = put(body);
        await client.send(request.subarray(0, name === "streamed" ? 100_000 : request.length));
        const response = await client.readResponse();
        assertEquals([response.status, response.bodyText], [403, "early"]);
        await origin.connections[0]!.finished;
      });
    });
  }
}

for (const [name, location, , sizeBytes] of WAYS.slice(0, 2)) {
  for (
    const [how, script] of [
      ["refuses", undefined],
      ["closes without reading", [expectHead(), close()]],
      ["resets in the middle of the body", [expectHead(), expectBody(20_000), reset()]],
      ["closes behind the body", [expectRequest(), close()]],
      ["stalls", [expectRequest()]],
      ["answers 503", [expectRequest(), send("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")]],
      [
        "answers 503 before the body's end",
        [expectHead(), send("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")],
      ],
    ] as readonly (readonly [string, Script | undefined])[]
  ) {
    for (const framing of ["by length", "chunked"]) {
      Deno.test(`a body ${name}, ${framing}: the first peer ${how}, the next one gets it whole`, async () => {
        const body = bodyOf(Math.min(sizeBytes, 300_000));
        const [port] = freePorts(1);
        await using first = script === undefined ? undefined : await startOrigin({ each: script });
        await using second = await respondWith(okResponse("second"));
        const peers = [first?.address ?? `127.0.0.1:${port}`, second.address];
        const proxy = "next_upstream: [error, timeout, http_503], read_timeout: 150ms";
        await withSluice(inFrontOf(peers, { proxy, location }), async (address) => {
          await using client = await connect(address);
          await client.send(framing === "chunked" ? putChunked(body, 70_001) : put(body));
          assertEquals((await client.readResponse()).bodyText, "second");
          assertEquals(second.requests[0]!.fields.get("Content-Length"), `${body.length}`);
          assertEquals(second.requests[0]!.fields.get("Transfer-Encoding"), undefined);
          assertEquals(bodySeen(second.connections[0]!.received), body);
        });
      });
    }
  }
}

for (const sizeBytes of [0, 1, 16_383, 16_384, 16_385, 300_000]) {
  for (const buffering of ["on", "off"]) {
    Deno.test(`a chunked body of ${sizeBytes} bytes, request_buffering ${buffering}, towards HTTP/1.0: by length`, async () => {
      const body = bodyOf(sizeBytes);
      await using origin = await startOrigin({
        each: [expectRequest(), send(okResponse("ok")), close()],
      });
      const proxy = `http_version: 1.0, request_buffering: ${buffering}`;
      await withSluice(inFrontOf(origin, { proxy }), async (address) => {
        const response = await exchange(address, putChunked(body, 5_000));
        assertEquals(response.bodyText, "ok");
        assertEquals(origin.requests[0]!.fields.get("Content-Length"), `${body.length}`);
        assertEquals(bodySeen(origin.connections[0]!.received), body);
      });
    });
  }
}

Deno.test("bodies in files one after the other, long and short: each reaches the origin whole", async () => {
  await using origin = await startOrigin({
    each: [repeat(expectRequest(), send(okResponse("ok")))],
    keepBytes: 64 << 20,
  });
  const sizes = [1_500_000, 200_000, 3 << 20, 65_536, 100_000];
  await withSluice(
    inFrontOf(origin, { proxy: "", location: "client_max_body_size: 0" }),
    async (address) => {
      for (const [index, sizeBytes] of sizes.entries()) {
        const body = new Random(index).bytes(sizeBytes);
        assertEquals((await exchange(address, put(body))).status, 200);
        const { received } = origin.connections.at(-1)!;
        const seen = received.subarray(received.length - sizeBytes);
        assert(seen.every((byte, at) => byte === body[at]), `${sizeBytes} bytes`);
      }
    },
  );
});

Deno.test("client_body_temp_path is not there: 500, the log says where, the origin is not asked", async () => {
  await using origin = await respondWith(okResponse("ok"));
  const location = "client_body_temp_path: /nowhere/to/be/found";
  await withSluice(inFrontOf(origin, { location }), async (address, sluice) => {
    const response = await exchange(address, put(bodyOf(100_000)));
    assertEquals(response.status, 500);
    assertEquals(origin.connectionsSeen, 0);
    assertMatch(
      await sluice.errorLine(/temporary file/),
      /\[crit\].* cannot write \d+ bytes behind the first 0 of a client request body to a temporary file in "\/nowhere\/to\/be\/found": .*while reading client request body, client/,
    );
  });
});

for (const [mode, left] of [["on", 2], ["clean", 0], ["off", 0]] as const) {
  Deno.test(`client_body_in_file_only ${mode}: after a request and one that its client breaks off, ${left} files are left`, async () => {
    await using dir = await tempDir();
    await using origin = await respondWith(okResponse("ok"));
    const location = `client_body_in_file_only: ${mode}, client_body_temp_path: ${dir.path}`;
    await withSluice(inFrontOf(origin, { location }), async (address, sluice) => {
      await exchange(address, put(bodyOf(100_000)));
      await using client = await connect(address);
      await client.send(put(bodyOf(500_000)).subarray(0, 300_000));
      await sluice.errorLine(/buffered to a temporary file/);
      await eventually(
        "the second file",
        () => sluice.errorLog.filter((line) => /buffered to a temp/.test(line)).length === 2,
      );
      await client.close();
      await sluice.accessLine(2);
      const files = [...Deno.readDirSync(dir.path)].length;
      assertEquals(files, left);
    });
  });
}

Deno.test("a client that is told to go on sends its body, buffered and streamed", async () => {
  for (const buffering of ["on", "off"]) {
    const body = bodyOf(100_000);
    await using origin = await respondWith(okResponse("ok"));
    const proxy = `request_buffering: ${buffering}`;
    await withSluice(inFrontOf(origin, { proxy }), async (address) => {
      await using client = await connect(address);
      const request = put(body, "Expect: 100-continue");
      const headBytes = request.length - body.length;
      await client.send(request.subarray(0, headBytes));
      await client.readThrough("HTTP/1.1 100 Continue\r\n\r\n");
      await client.send(request.subarray(headBytes));
      assertEquals((await client.readResponse()).bodyText, "ok");
      assertEquals(bodySeen(origin.connections[0]!.received), body);
    });
  }
});

Deno.test("a connection whose request could not be sent whole is not used again, however complete the answer", async () => {
  const never = gate();
  await using origin = await startOrigin({
    first: [[expectHead(), send(EARLY), stopReading(never)]],
    each: [repeat(expectRequest(), send(okResponse("fresh")))],
  });
  const location = "client_max_body_size: 0";
  await withSluice(inFrontOf(origin, { location }), async (address) => {
    const request = put(bodyOf(32 << 20));
    await using client = await connect(address);
    const sent = client.send(request).catch(() => {});
    assertEquals((await client.readResponse()).status, 403);
    await client.close();
    await sent;
    for (const _ of [1, 2, 3]) {
      const post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx";
      assertEquals((await exchange(address, post)).bodyText, "fresh");
    }
    assert(origin.connections.length >= 2);
    assertEquals(origin.connections[0]!.requests.length, 1);
  });
  never.open();
});

Deno.test("a disk that is full: 500, the log says where and how much, nothing is left, and the next request works", async () => {
  await using origin = await respondWith(okResponse("ok"));
  const config = (dir: string) => `
log: { error: { path: stderr, level: warn } }
servers:
  - listen: "127.0.0.1:0"
    client_max_body_size: 0
    client_body_temp_path: ${dir}
    locations: { /: { proxy: { pass: "http://${origin.address}" } } }
`;
  await using sluice = await startSluice(config, { fileLimitKb: 1_024 });
  const before = [...Deno.readDirSync(sluice.dir)].length;
  for (const _ of [1, 2]) {
    assertEquals((await exchange(sluice.address, put(bodyOf(3 << 20)))).status, 500);
    assertEquals((await exchange(sluice.address, put(bodyOf(500_000)))).bodyText, "ok");
  }
  const [, line = ""] = sluice.stderr.filter((line) => line.includes("[crit]"));
  assertMatch(
    line,
    /cannot write \d+ bytes behind the first 999424 of a client request body to a temporary file in ".*": File too large/,
  );
  assertEquals([...Deno.readDirSync(sluice.dir)].length, before);
  assertEquals(origin.requestsSeen, 2);
});
