/**
 * Functions of the embedding program that answer, and ask other locations for it.
 *
 * @module
 */
import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import type { CustomHandler, HandlerContext } from "../../mod.ts";
import { connect, exchange, getRequest, type Response as Answer } from "../support/client.ts";
import { eventually, withSluice } from "../support/in_process.ts";
import {
  expectHead,
  expectRequest,
  okResponse,
  pause,
  respondWith,
  send,
  startOrigin,
} from "../support/origin.ts";
import { gate } from "../support/within.ts";

/** `/` answered by `answer`, with further locations. */
function answered(locations = "", settings = "", groups = ""): string {
  return `
${groups}
servers:
  - listen: 127.0.0.1:0
    locations:
      /: { handler: answer${settings} }
      ${locations}
`;
}

Deno.test("handler: status, fields and a text reach the client", async () => {
  const answer: CustomHandler = (context) => ({
    status: 201,
    headers: { "X-Path": context.path, "Content-Type": "text/html", "Content-Length": "99" },
    body: `${context.method} ${context.query} ${context.headers.get("x-in")} ü`,
  });
  await withSluice(answered(), async (address, sluice) => {
    const response = await exchange(address, getRequest("/a%2Fb//c/../d?q=1", "X-In: in"));
    assertEquals([response.status, response.reason], [201, "Created"]);
    assertEquals(response.fields.get("X-Path"), "/a/b/d");
    assertEquals(response.fields.all("Content-Type"), ["text/html"]);
    assertEquals(response.bodyText, "GET q=1 in ü");
    assertEquals(response.framing, "content_length");
    assertEquals(await sluice.accessLine(1), "GET /a%2Fb//c/../d?q=1 HTTP/1.1|201|-");
  }, { handlers: { answer } });
});

Deno.test("handler: a Response is an answer; a connection carries one after the other", async () => {
  const answer: CustomHandler = ({ path }) => Response.json({ path }, { status: 203 });
  await withSluice(answered(), async (address) => {
    await using client = await connect(address);
    for (const path of ["/1", "/2", "/3"]) {
      await client.send(getRequest(path));
      const response = await client.readResponse();
      assertEquals([response.status, response.bodyText], [203, `{"path":"${path}"}`]);
      assertEquals(response.fields.get("Content-Type"), "application/json");
    }
  }, { handlers: { answer } });
});

Deno.test("handler: HEAD has the fields and no body, a 204 neither body nor length", async () => {
  const answer: CustomHandler = ({ path }) =>
    path === "/none" ? { status: 204 } : { body: "hello" };
  await withSluice(answered(), async (address) => {
    await using client = await connect(address);
    await client.send(getRequest("/").replace("GET", "HEAD"));
    const head = await client.readResponse({ method: "HEAD" });
    assertEquals([head.fields.get("Content-Length"), head.framing], ["5", "none"]);
    await client.send(getRequest("/none"));
    const none = await client.readResponse();
    assertEquals([none.status, none.fields.has("Content-Length")], [204, false]);
  }, { handlers: { answer } });
});

Deno.test("handler: a request's body is whole, in however many pieces it came", async () => {
  const bytes = Uint8Array.from({ length: 50_000 }, (_, index) => index * 7 % 251);
  const answer: CustomHandler = async (context) => ({ body: await context.body() });
  await withSluice(answered(), async (address) => {
    await using client = await connect(address);
    for (const framing of ["Content-Length: 50000", "Transfer-Encoding: chunked"]) {
      await client.send(`POST / HTTP/1.1\r\nHost: a\r\n${framing}\r\n\r\n`);
      const isChunked = framing.startsWith("T");
      let size = 1;
      for (let at = 0; at < bytes.length; at += size, size = size * 3 + 1) { // 1, 4, 13, 40 …
        const piece = bytes.subarray(at, at + size);
        if (isChunked) await client.send(`${piece.length.toString(16)}\r\n`);
        await client.send(piece);
        if (isChunked) await client.send("\r\n");
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      if (isChunked) await client.send("0\r\n\r\n");
      assertEquals((await client.readResponse()).body, bytes);
    }
  }, { handlers: { answer } });
});

Deno.test("handler: a body of megabytes arrives whole, from memory and from a stream", async () => {
  const bytes = new Uint8Array(3_000_001).map((_, at) => at % 251);
  const answer: CustomHandler = ({ path }) => ({
    body: path === "/memory" ? bytes : new ReadableStream<Uint8Array>({
      start(controller) {
        for (let at = 0; at < bytes.length; at += 70_001) {
          controller.enqueue(bytes.slice(at, at + 70_001));
        }
        controller.close();
      },
    }),
  });
  await withSluice(answered(), async (address) => {
    const ask = async (request: string): Promise<Answer> => {
      await using client = await connect(address, { highWaterBytes: 8_000_000 });
      await client.send(request);
      return await client.readResponse();
    };
    const memory = await ask(getRequest("/memory"));
    assertEquals([memory.framing, memory.isComplete], ["content_length", true]);
    assertEquals(memory.body, bytes);
    const stream = await ask(getRequest("/stream"));
    assertEquals([stream.framing, stream.isComplete], ["chunked", true]);
    assertEquals(stream.body, bytes);
    const old = await ask("GET /stream HTTP/1.0\r\n\r\n");
    assertEquals([old.framing, old.body.length], ["close", bytes.length]);
  }, { handlers: { answer } });
});

Deno.test("handler: a piece of a stream reaches the client before the next one is made", async () => {
  const second = gate();
  const answer: CustomHandler = () => ({
    headers: { "Content-Type": "text/event-stream" },
    body: ReadableStream.from((async function* () {
      yield new TextEncoder().encode("data: 1\n\n");
      await second.opened;
      yield new TextEncoder().encode("data: 2\n\n");
    })()),
  });
  await withSluice(answered(), async (address) => {
    await using client = await connect(address);
    await client.send(getRequest());
    await client.readThrough("data: 1\n\n");
    second.open();
    await client.readThrough("data: 2\n\n");
    await client.readThrough("0\r\n\r\n");
  }, { handlers: { answer } });
});

Deno.test("handler: a stream is read no faster than the client reads", async () => {
  let made = 0;
  let isCancelled = false;
  const answer: CustomHandler = () => ({
    body: new ReadableStream<Uint8Array>({
      pull(controller) {
        made++;
        controller.enqueue(new Uint8Array(65_536));
      },
      cancel() {
        isCancelled = true;
      },
    }, { highWaterMark: 0 }),
  });
  await withSluice(answered(), async (address, sluice) => {
    {
      await using client = await connect(address, { highWaterBytes: 1024 });
      await client.send(getRequest());
      await client.readHead();
      let before = -1;
      await eventually("the stream to stand still", () => {
        const stands = made > 0 && made === before;
        before = made;
        return stands;
      });
      assertEquals(sluice.stats().pool.heldBytes < 200_000, true);
      assertEquals(made < 500, true); // what the kernel buffers, and no more
    }
    await eventually("the stream to be cancelled", () => isCancelled);
  }, { handlers: { answer } });
});

Deno.test("handler: several locations are asked at once for one answer, each with its own peer, retry and log line", async () => {
  const both = gate();
  await using price = await startOrigin({
    each: [expectRequest(), pause(both), send(okResponse("42"))],
  });
  await using name = await startOrigin({
    each: [expectRequest(), pause(both), send(okResponse("lamp"))],
  });
  const answer: CustomHandler = async (context) => {
    const [first, second] = await Promise.all([
      context.subrequest("/price?id=7"),
      context.subrequest("/name", { method: "POST", body: "id=7", headers: { "X-Own": "1" } }),
    ]);
    return { body: `${second.text()} ${first.text()} ${first.headers.get("content-length")}` };
  };
  const yaml = answered(
    `
      = /price: { internal: on, log_subrequest: on, proxy: { pass: http://price } }
      = /name: { internal: on, log_subrequest: on, proxy: { pass: http://name } }`,
    "",
    `upstreams:
  price: { servers: ["127.0.0.1:1", "${price.address}"] }
  name: { servers: ["${name.address}"] }`,
  );
  await withSluice(yaml, async (address, sluice) => {
    await using client = await connect(address);
    await client.send(getRequest("/offer", "Cookie: c=1", "Range: bytes=0-1"));
    await Promise.all([price.waitForRequest(1), name.waitForRequest(1)]); // both at once
    both.open();
    assertEquals((await client.readResponse()).bodyText, "lamp 42 2");
    const [asked] = name.requests;
    assertEquals([asked?.method, asked?.target], ["POST", "/name"]);
    assertEquals(asked?.fields.get("Cookie"), "c=1");
    assertEquals([asked?.fields.get("X-Own"), asked?.fields.get("Content-Length")], ["1", "4"]);
    assertEquals(asked?.fields.has("Range"), false);
    assertEquals(price.requests[0]?.target, "/price?id=7");
    await sluice.accessLine(3);
    assertEquals(sluice.accessLog.toSorted(), [
      "/name|200|200",
      "/offer|200|-",
      "/price|200|502, 200",
    ]);
    assertEquals((await exchange(address, getRequest("/price"))).status, 404); // not from outside
  }, { handlers: { answer }, logFormat: "$uri|$status|$upstream_status" });
});

Deno.test("handler: an answer over subrequest_output_buffer_size is a 502 and never cut", async () => {
  for (const size of [1024, 1025]) {
    const chunked = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${size.toString(16)}\r\n${
      "x".repeat(size)
    }\r\n0\r\n\r\n`;
    const toEnd = `HTTP/1.0 200 OK\r\n\r\n${"x".repeat(size)}`;
    for (const response of [okResponse("x".repeat(size)), chunked]) {
      await using origin = await respondWith(response);
      await check(origin.address, size);
    }
    await using origin = await startOrigin({
      each: [expectHead(), send(toEnd), { name: "close", play: (c) => (c.socket.end(), done()) }],
    });
    await check(origin.address, size);
  }

  function done(): Promise<void> {
    return Promise.resolve();
  }

  async function check(origin: string, size: number): Promise<void> {
    const answer: CustomHandler = async (context) => {
      const { status, body } = await context.subrequest("/big");
      return { body: `${status} ${status === 200 ? body.length : "refused"}` };
    };
    const big = `/big: { subrequest_output_buffer_size: 1k, proxy: { pass: "http://${origin}" } }`;
    await withSluice(answered(big), async (address, sluice) => {
      const { bodyText } = await exchange(address, getRequest());
      assertEquals(bodyText, size === 1024 ? "200 1024" : "502 refused");
      if (size > 1024) await sluice.errorLine(/too big a body for a subrequest.*"\/big"/);
    }, { handlers: { answer } });
  }
});

Deno.test("handler: an answer that breaks in the middle is asked of the next peer, since nobody has seen it", async () => {
  await using broken = await startOrigin({
    each: [expectHead(), send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), {
      name: "end",
      play(connection) {
        connection.socket.end();
        return Promise.resolve();
      },
    }],
  });
  await using whole = await respondWith(okResponse("whole one"));
  const answer: CustomHandler = async (context) => ({
    body: (await context.subrequest("/x")).text(),
  });
  const yaml = answered(
    "/x: { proxy: { pass: http://app } }",
    "",
    `upstreams: { app: { servers: ["${broken.address}", "${whole.address}"] } }`,
  );
  await withSluice(yaml, async (address) => {
    assertEquals((await exchange(address, getRequest())).bodyText, "whole one");
  }, { handlers: { answer } });
});

Deno.test("handler: a handler may ask a handler, a return, and what is not there", async () => {
  const handlers: Record<string, CustomHandler> = {
    async answer(context) {
      const asked = ["/inner?x=1", "/told", "/none/at/all", "/far"];
      const answers = await Promise.all(asked.map((target) => context.subrequest(target)));
      return { body: answers.map(({ status, body }) => `${status}:${body.length}`).join(" ") };
    },
    inner: ({ path, query }) => ({ status: 202, body: path + query }),
  };
  await withSluice(
    `
servers:
  - listen: 127.0.0.1:0
    locations:
      = /: { handler: answer }
      /inner: { handler: inner }
      /told: { return: 200 ok }
      /far: { proxy: { pass: "http://127.0.0.1:1" } }
`,
    async (address) => {
      const { bodyText } = await exchange(address, getRequest());
      assertMatch(bodyText, /^202:9 200:2 404:\d+ 502:\d+$/);
    },
    { handlers },
  );
});

Deno.test("handler: an error is a 500 for the client and a stack in the log", async () => {
  const answers: readonly CustomHandler[] = [
    () => {
      throw new RangeError("out of lamps");
    },
    () => Promise.reject(new RangeError("out of lamps")),
    () => ({ headers: { "bad name": "x" } }),
    () => ({ headers: { ok: "a\r\nX-Injected: b" } }),
    () => ({ status: 99 }),
    () => undefined as never,
    () => ({ body: 42 }) as never,
  ];
  for (const [index, answer] of answers.entries()) {
    await withSluice(answered(), async (address, sluice) => {
      const response = await exchange(address, getRequest());
      assertEquals(response.status, 500);
      assertEquals(response.fields.has("X-Injected"), false);
      const line = await sluice.errorLine(/handler "answer" failed/);
      if (index < 2) assertStringIncludes(line, "RangeError: out of lamps\\x0A    at ");
      assertEquals(await sluice.accessLine(1), "GET / HTTP/1.1|500|-");
    }, { handlers: { answer } });
  }
});

Deno.test("handler: a stream that fails cuts the response short, and the client can tell", async () => {
  const answer: CustomHandler = () => ({
    body: ReadableStream.from((function* () {
      yield new TextEncoder().encode("half");
      throw new Error("the source dried up");
    })()),
  });
  await withSluice(answered(), async (address, sluice) => {
    const response = await exchange(address, getRequest());
    assertEquals([response.status, response.bodyText, response.isComplete], [200, "half", false]);
    await sluice.errorLine(/handler "answer" failed: Error: the source dried up/);
  }, { handlers: { answer } });
});

Deno.test("handler_timeout: a handler that never answers is a 504, a stream that stops is cut", async () => {
  const never = gate();
  const handlers: Record<string, CustomHandler> = {
    async answer() {
      await never.opened;
      return {};
    },
    stream: () => ({
      body: new ReadableStream<Uint8Array>({
        start: (controller) => controller.enqueue(new TextEncoder().encode("first")),
      }),
    }),
  };
  const yaml = answered(
    "/stream: { handler: stream, handler_timeout: 50ms }",
    ", handler_timeout: 50ms",
  );
  await withSluice(yaml, async (address, sluice) => {
    assertEquals((await exchange(address, getRequest("/"))).status, 504);
    const cut = await exchange(address, getRequest("/stream"));
    assertEquals([cut.bodyText, cut.isComplete], ["first", false]);
    await sluice.errorLine(/handler "answer" timed out/);
    await sluice.errorLine(/handler "stream" timed out/);
  }, { handlers });
  never.open();
});

Deno.test("handler: the client's leaving aborts the signal and ends its subrequests", async () => {
  const never = gate();
  let isAborted = false;
  await using origin = await startOrigin({ each: [expectHead(), pause(never)] });
  const answer: CustomHandler = async (context) => {
    context.signal.addEventListener("abort", () => isAborted = true);
    await context.subrequest("/slow");
    return { body: "too late" };
  };
  const slow = `/slow: { proxy: { pass: "http://${origin.address}" } }`;
  await withSluice(answered(slow), async (address, sluice) => {
    {
      await using client = await connect(address);
      await client.send(getRequest("/gone"));
      await origin.waitForRequest(1);
    }
    assertEquals(await origin.connections[0]!.ended, "closed");
    assertEquals(await sluice.accessLine(1), "GET /gone HTTP/1.1|499|-");
    assertEquals(isAborted, true);
  }, { handlers: { answer } });
  never.open();
});

Deno.test("handler: what it leaves running ends with its answer, and its context is no longer of use", async () => {
  const never = gate();
  let kept: HandlerContext | undefined;
  await using origin = await startOrigin({ each: [expectHead(), pause(never)] });
  const answer: CustomHandler = async (context) => {
    kept = context;
    context.subrequest("/slow").catch(() => {});
    await origin.waitForRequest(1);
    return { body: "done" };
  };
  const slow = `/slow: { proxy: { pass: "http://${origin.address}" } }`;
  await withSluice(answered(slow), async (address) => {
    assertEquals((await exchange(address, getRequest())).bodyText, "done");
    assertEquals(await origin.connections[0]!.ended, "closed");
    await assertRejects(() => kept!.subrequest("/slow"), Error, "is over");
  }, { handlers: { answer } });
  never.open();
});

Deno.test("handler: variables, the log, add_header and error_page are those of the location", async () => {
  const answer: CustomHandler = (context) => {
    context.log("warn", "said by a handler");
    if (context.path === "/fail") throw new Error("no");
    const { variables } = context;
    return { body: `${variables.get("remote_addr")} ${variables.get("no_such_thing")}` };
  };
  const settings = ", add_header: { X-Added: $request_method }, error_page: { 500: /sorry }";
  await withSluice(
    answered("= /sorry: { return: 200 sorry }", settings),
    async (address, sluice) => {
      const response = await exchange(address, getRequest("/"));
      assertEquals(response.bodyText, "127.0.0.1 undefined");
      assertEquals(response.fields.get("X-Added"), "GET");
      const failed = await exchange(address, getRequest("/fail"));
      assertEquals([failed.status, failed.bodyText], [500, "sorry"]);
      await sluice.errorLine(/\[warn\].*said by a handler.*client: 127.0.0.1/);
    },
    { handlers: { answer } },
  );
});

Deno.test("handler: a request body is read when it is asked for, and bounded", async () => {
  const answer: CustomHandler = async (context) => {
    const body = context.path === "/unread" ? new Uint8Array() : await context.body(10);
    return { body: `<${new TextDecoder().decode(body)}>` };
  };
  const post = (path: string, framing: string, body: string) =>
    `POST ${path} HTTP/1.1\r\nHost: a\r\n${framing}\r\n\r\n${body}`;
  await withSluice(answered(), async (address) => {
    await using client = await connect(address);
    for (
      const [request, status, text] of [
        [post("/", "Content-Length: 5", "hello"), 200, "<hello>"],
        [
          post("/", "Transfer-Encoding: chunked", "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"),
          200,
          "<hello>",
        ],
        [post("/unread", "Content-Length: 5", "hello"), 200, "<>"],
        [getRequest(), 200, "<>"],
      ] as const
    ) {
      await client.send(request);
      const response = await client.readResponse();
      assertEquals([response.status, response.bodyText], [status, text]);
    }
    for (const framing of ["Content-Length: 11", "Transfer-Encoding: chunked"]) {
      const body = framing.startsWith("C") ? "hello world" : "b\r\nhello world\r\n0\r\n\r\n";
      assertEquals((await exchange(address, post("/", framing, body))).status, 413);
    }
  }, { handlers: { answer } });
});

Deno.test("handler: a client that leaves in the middle of its body ends the reading", async () => {
  let error: unknown;
  const answer: CustomHandler = async (context) => {
    try {
      await context.body();
    } catch (thrown) {
      error = thrown;
      throw thrown;
    }
    return {};
  };
  await withSluice(answered(), async (address, sluice) => {
    {
      await using client = await connect(address);
      await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf");
    }
    assertEquals(await sluice.accessLine(1), "POST / HTTP/1.1|499|-");
    assertStringIncludes(String(error), "closed connection");
  }, { handlers: { answer } });
});

Deno.test("handler: a subrequest that is none is an error of the handler's", async () => {
  for (
    const [target, headers] of [
      ["no slash", {}],
      ["/a b", {}],
      ["/a\r\nX: y", {}],
      ["/a", { "bad name": "x" }],
      ["/a", { x: "a\r\ny: z" }],
    ] as const
  ) {
    const answer: CustomHandler = async (context) => {
      const error = await assertRejects(() => context.subrequest(target, { headers }), TypeError);
      return { body: error.message };
    };
    await withSluice(answered("/a: { return: 200 no }"), async (address) => {
      assertStringIncludes((await exchange(address, getRequest())).bodyText, "Cannot ask for GET");
    }, { handlers: { answer } });
  }
});

Deno.test("handler: limit_rate holds for what a handler sends, from memory and from a stream", async () => {
  const bytes = new Uint8Array(30_000);
  const answer: CustomHandler = ({ path }) => ({
    body: path === "/memory" ? bytes : new Blob([bytes]).stream(),
  });
  await withSluice(answered("", ", limit_rate: 60k"), async (address) => {
    for (const path of ["/memory", "/stream"]) {
      const startedAtMs = performance.now();
      assertEquals((await exchange(address, getRequest(path))).body.length, bytes.length);
      const tookMs = performance.now() - startedAtMs;
      assertEquals(tookMs > 250, true, `${path} took ${tookMs} ms`);
    }
  }, { handlers: { answer } });
});

Deno.test("handler: the answer of another handler is bounded too, and a stream without an end is ended", async () => {
  let isCancelled = false;
  const handlers: Record<string, CustomHandler> = {
    exact: () => ({ body: new Uint8Array(1024) }),
    pieces: () => ({ body: ReadableStream.from([new Uint8Array(1000), new Uint8Array(24)]) }),
    over: () => ({ body: new Uint8Array(1025) }),
    endless: () => ({
      body: new ReadableStream<Uint8Array>({
        pull: (controller) => controller.enqueue(new Uint8Array(100)),
        cancel() {
          isCancelled = true;
        },
      }),
    }),
  };
  const names = ["exact", "pieces", "over", "endless"];
  const inner = names.map((name) => `= /${name}: { internal: on, handler: ${name} }`);
  const yaml = `
subrequest_output_buffer_size: 1k
servers:
  - listen: 127.0.0.1:0
    locations:
      = /by/auth: { auth_request: /endless, handler: exact }
      ${inner.join("\n      ")}
      ${names.map((name) => `/ask/${name}: { handler: ask_${name} }`).join("\n      ")}
`;
  for (const name of names) {
    handlers[`ask_${name}`] = async (context) => {
      const { status, body } = await context.subrequest(`/${name}`);
      return { body: `${status} ${body.length}` };
    };
  }
  await withSluice(yaml, async (address, sluice) => {
    const ask = async (name: string) =>
      (await exchange(address, getRequest(`/ask/${name}`))).bodyText;
    assertEquals([await ask("exact"), await ask("pieces")], ["200 1024", "200 1024"]);
    assertEquals([await ask("over"), await ask("endless")], ["502 0", "502 0"]);
    assertEquals(isCancelled, true);
    await sluice.errorLine(/too big a response to a subrequest: more than 1024 bytes/);
    // Nobody looks at the body of that one.
    assertEquals((await exchange(address, getRequest("/by/auth"))).status, 200);
  }, { handlers });
});
