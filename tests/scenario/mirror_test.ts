/**
 * `mirror`: copies that nobody waits for.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { connect, exchange, getRequest } from "../support/client.ts";
import { eventually, withSluice } from "../support/in_process.ts";
import {
  expectBody,
  expectHead,
  expectRequest,
  okResponse,
  pause,
  repeat,
  reset,
  respondWith,
  send,
  startOrigin,
} from "../support/origin.ts";
import { gate } from "../support/within.ts";

interface Address {
  readonly address: string;
}

/** `/` in front of `app`, with copies to `copy`. */
function mirrored(app: Address, copy: Address, settings = "", copyProxy = ""): string {
  return `
servers:
  - listen: 127.0.0.1:0
    locations:
      /:
        mirror: /copy
        proxy: { pass: "http://${app.address}" }
        ${settings}
      = /copy:
        internal: on
        log_subrequest: on
        proxy: { pass: "http://${copy.address}"${copyProxy} }
`;
}

Deno.test("mirror: another location gets a copy with method and fields, and its answer is thrown away", async () => {
  await using app = await respondWith(okResponse("from app"));
  await using copy = await respondWith(okResponse("from copy", "X-Copy: 1"));
  const headers = ', set_header: { X-Original: "$request_uri" }';
  await withSluice(mirrored(app, copy, "", headers), async (address, sluice) => {
    const request = getRequest("/page?x=1", "Cookie: a=b").replace("GET", "DELETE");
    const response = await exchange(address, request);
    assertEquals([response.bodyText, response.fields.has("X-Copy")], ["from app", false]);
    const head = await copy.waitForRequest(1);
    assertEquals([head.method, head.target], ["DELETE", "/copy?x=1"]);
    assertEquals([head.fields.get("Cookie"), head.fields.get("X-Original")], ["a=b", "/page?x=1"]);
    await sluice.accessLine(2);
    assertEquals(sluice.accessLog.toSorted(), ["/copy 200", "/page 200"]);
  }, { logFormat: "$uri $status" });
});

Deno.test("mirror: a copy that is never answered holds up neither the response nor the connection's next request", async () => {
  const never = gate();
  await using app = await startOrigin({ each: [repeat(expectHead(), send(okResponse("fast")))] });
  await using copy = await startOrigin({ each: [expectHead(), pause(never)] });
  await withSluice(mirrored(app, copy, "", ", read_timeout: 1500ms"), async (address, sluice) => {
    await using client = await connect(address);
    for (let k = 1; k <= 3; k++) {
      await client.send(getRequest(`/${k}`));
      assertEquals((await client.readResponse()).bodyText, "fast");
    }
    await copy.waitForRequest(3);
    await sluice.accessLine(3);
    assertEquals(sluice.accessLog, ["/1 200", "/2 200", "/3 200"]); // no copy is done yet
    await client.close(); // its leaving is no reason to end a copy
    await sluice.accessLine(6);
    assertEquals(sluice.accessLog.slice(3), ["/copy 504", "/copy 504", "/copy 504"]);
  }, { logFormat: "$uri $status" });
  never.open();
});

Deno.test("mirror: errors of a copy are in the log and nowhere else", async () => {
  await using app = await respondWith(okResponse("fine"));
  await using copy = await startOrigin({ each: [expectHead(), reset()] });
  await withSluice(mirrored(app, copy), async (address, sluice) => {
    assertEquals((await exchange(address, getRequest())).bodyText, "fine");
    await sluice.errorLine(/request: "GET \/ HTTP\/1.1", subrequest: "\/copy"/);
  });
});

Deno.test("mirror: several locations get copies", async () => {
  await using app = await respondWith(okResponse("fine"));
  await using copy = await startOrigin({ each: [repeat(expectHead(), send(okResponse("")))] });
  const yaml = mirrored(app, copy).replace("mirror: /copy", "mirror: [/copy, /copy, /other?x=y]") +
    `
      /other: { proxy: { pass: "http://${copy.address}" } }
`;
  await withSluice(yaml, async (address) => {
    await exchange(address, getRequest("/?a=b"));
    await copy.waitForRequest(3);
    assertEquals(copy.requests.map(({ target }) => target).toSorted(), [
      "/copy?a=b",
      "/copy?a=b",
      "/other?x=y",
    ]);
  });
});

Deno.test("mirror: a request body is in both, whatever its framing", async () => {
  for (const isChunked of [false, true]) {
    const script = [expectRequest(), send(okResponse("ok"))];
    await using app = await startOrigin({ each: script });
    await using copy = await startOrigin({ each: script });
    await withSluice(mirrored(app, copy), async (address) => {
      await using client = await connect(address);
      await client.sendBytewise(
        isChunked
          ? "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhell\r\n1\r\no\r\n0\r\n\r\n"
          : "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
      );
      assertEquals((await client.readResponse()).status, 200);
      await copy.waitForRequest(1);
      for (const origin of [app, copy]) {
        const text = () => new TextDecoder().decode(origin.connections[0]!.received);
        await eventually("the body", () => /hello$|5\r\nhello\r\n0\r\n\r\n$/.test(text()));
      }
      assertEquals(copy.requests[0]?.fields.get("Content-Length"), "5");
    });
  }
});

Deno.test("mirror_request_body off: a copy has no body, and does not wait for it", async () => {
  await using app = await startOrigin({ each: [expectRequest(), send(okResponse("ok"))] });
  await using copy = await respondWith(okResponse(""));
  await withSluice(mirrored(app, copy, "mirror_request_body: off"), async (address) => {
    await using client = await connect(address);
    await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
    const head = await copy.waitForRequest(1);
    assertEquals([head.method, head.fields.has("Content-Length")], ["POST", false]);
    await client.send("hello");
    assertEquals((await client.readResponse()).status, 200);
  });
});

Deno.test("mirror: a body over client_body_buffer_size passes whole, and is not copied", async () => {
  const size = 100_000;
  const body = "x".repeat(size);
  for (const isChunked of [false, true]) {
    const reading = isChunked ? expectRequest() : expectHead();
    await using app = await startOrigin({
      each: isChunked
        ? [reading, send(okResponse("ok"))]
        : [reading, expectBody(size), send(okResponse("ok"))],
    });
    await using copy = await respondWith(okResponse(""));
    const yaml = mirrored(app, copy, "client_body_buffer_size: 8k");
    await withSluice(yaml, async (address, sluice) => {
      await using client = await connect(address);
      await client.send(
        isChunked
          ? `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${
            size.toString(16)
          }\r\n${body}\r\n0\r\n\r\n`
          : `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n${body}`,
      );
      assertEquals((await client.readResponse()).status, 200);
      await sluice.errorLine(/a request body of over 8192 bytes is not mirrored/);
    });
    assertEquals(copy.requestsSeen, 0);
    // Framing that was streamed is chunked again, in other pieces.
    const text = new TextDecoder().decode(app.connections[0]!.received);
    assertEquals(text.slice(text.indexOf("\r\n\r\n")).replaceAll(/[^x]/g, "").length, size);
  }
});

Deno.test("mirror_limit: while so many copies are under way, further requests are not copied", async () => {
  const hold = gate();
  await using app = await startOrigin({ each: [repeat(expectHead(), send(okResponse("ok")))] });
  await using copy = await startOrigin({
    each: [repeat(expectHead(), pause(hold), send(okResponse("")))],
  });
  await withSluice(mirrored(app, copy, "mirror_limit: 2"), async (address, sluice) => {
    for (let k = 0; k < 4; k++) await exchange(address, getRequest());
    await copy.waitForRequest(2);
    await sluice.errorLine(/2 mirrored requests are under way: left one out/);
    assertEquals(copy.requestsSeen, 2);
    hold.open();
    await eventually("the copies to be done", () => sluice.accessLog.length >= 6);
    await exchange(address, getRequest());
    await copy.waitForRequest(3);
  });
});

Deno.test("mirror: stopping ends the copies that are under way", async () => {
  const never = gate();
  await using app = await respondWith(okResponse("ok"));
  await using copy = await startOrigin({ each: [expectHead(), pause(never)] });
  await withSluice(mirrored(app, copy), async (address, sluice) => {
    await exchange(address, getRequest());
    await copy.waitForRequest(1);
    await sluice.server.stop();
  });
  assertEquals(await copy.connections[0]!.ended, "closed");
  never.open();
});

Deno.test("mirror: a request that auth_request refuses is not copied", async () => {
  await using copy = await respondWith(okResponse(""));
  await using app = await respondWith(okResponse("secret"));
  const yaml = mirrored(app, copy, "auth_request: /no") + "      /no: { return: 403 }\n";
  await withSluice(yaml, async (address) => {
    assertEquals((await exchange(address, getRequest())).status, 403);
  });
  assertEquals(copy.requestsSeen + app.requestsSeen, 0);
});
