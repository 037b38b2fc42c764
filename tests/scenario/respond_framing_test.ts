/** Where a response ends: trailers both ways, what is too short, what is too long. */
import { assert, assertEquals } from "@std/assert";
import { connect, getRequest, type Response } from "../support/client.ts";
import { inFrontOf, type InProcessSluice, withSluice } from "../support/in_process.ts";
import {
  close,
  expectRequest,
  okResponse,
  type Origin,
  repeat,
  type Script,
  send,
  startOrigin,
} from "../support/origin.ts";

const HTTP_10 = "GET / HTTP/1.0\r\nHost: test\r\n\r\n";
const CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const WAYS = ["buffering: on", "buffering: off", "max_temp_file_size: 0"] as const;

async function answer(
  script: Script,
  proxy: string,
  request = getRequest(),
  check: (origin: Origin, sluice: InProcessSluice) => void | Promise<void> = () => {},
): Promise<Response> {
  let response: Response | undefined;
  await using origin = await startOrigin({ each: script });
  await withSluice(inFrontOf(origin, { proxy }), async (address, sluice) => {
    await using client = await connect(address);
    await client.send(request);
    response = await client.readResponse({ method: request.split(" ")[0]! });
    await check(origin, sluice);
  });
  return response!;
}

Deno.test("chunked_transfer_encoding off: the end of the connection is the body's, without trailers", async () => {
  await using origin = await startOrigin({
    each: [expectRequest(), send(`${CHUNKED}3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n`)],
  });
  const settings = { proxy: "pass_trailers: on", server: "chunked_transfer_encoding: off" };
  await withSluice(inFrontOf(origin, settings), async (address) => {
    await using client = await connect(address);
    await client.send(getRequest());
    const { fields, bodyText, trailers } = await client.readResponse();
    assertEquals(fields.get("Transfer-Encoding"), undefined);
    assertEquals(fields.get("Connection"), "close");
    assertEquals([bodyText, trailers], ["abc", undefined]);
    assertEquals(await client.ended, "closed");
  });
});

for (const way of WAYS) {
  const proxy = `${way}, pass_trailers: on`;

  Deno.test(`${way}: trailers pass where pass_trailers says so, those that belong into a head do not`, async () => {
    const text = `${CHUNKED}3\r\nabc\r\n0\r\nX-Sum: 1\r\nContent-Type: text/plain\r\n` +
      "Set-Cookie: a=b\r\nLocation: /evil\r\nx-sum: 2\r\n\r\n";
    const response = await answer([repeat(expectRequest(), send(text))], proxy);
    assertEquals(response.bodyText, "abc");
    assertEquals(response.trailers?.list, [["X-Sum", "1"], ["x-sum", "2"]]);
    assertEquals(response.fields.get("Connection"), "keep-alive");
  });

  Deno.test(`${way}: a trailer that frames or routes is no response`, async () => {
    for (const line of ["Content-Length: 7", "Transfer-Encoding: chunked", "Host: evil"]) {
      const text = `${CHUNKED}3\r\nabc\r\n`;
      const script = [expectRequest(), send(text), send(`0\r\nX-Sum: 1\r\n${line}\r\n\r\n`)];
      const response = await answer(script, proxy, getRequest(), async (_, sluice) => {
        await sluice.errorLine(/trailer section that frames or routes/);
      });
      assert(response.status === 502 || !response.isComplete); // as it came: at once, or in two
      assertEquals(response.trailers?.list ?? [], []);
    }
  });

  Deno.test(`${way}: trailers of an empty body, and of one that comes in pieces`, async () => {
    for (
      const pieces of [
        [`${CHUNKED}0\r\nX-Sum: 1\r\n\r\n`],
        [CHUNKED, "0\r\nX-Sum: 1\r\n\r\n"],
        [CHUNKED, "3\r\nabc", "\r\n0\r\nX-S", "um: 1\r\n", "\r\n"],
      ]
    ) {
      const steps = pieces.map((piece) => send(piece));
      const response = await answer([expectRequest(), ...steps], proxy);
      assertEquals(response.trailers?.get("X-Sum"), "1");
    }
  });

  Deno.test(`${way}: trailers do not pass by themselves, nor to HTTP/1.0`, async () => {
    const script = [expectRequest(), send(`${CHUNKED}3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n`)];
    assertEquals((await answer(script, way)).trailers?.list ?? [], []);
    const response = await answer(script, proxy, HTTP_10);
    assertEquals([response.framing, response.bodyText], ["close", "abc"]);
  });

  Deno.test(`${way}: what comes behind the end does not pass, and ends the connection's use`, async () => {
    for (
      const text of [
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\n",
        `${CHUNKED}3\r\nabc\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n`,
        "HTTP/1.1 204 None\r\n\r\nHTTP/1.1 200 OK\r\n",
        "HTTP/1.1 304 Same\r\nContent-Length: 3\r\n\r\nabc",
      ]
    ) {
      await answer([expectRequest(), send(text)], way, getRequest(), async (origin, sluice) => {
        assertEquals(sluice.stats().idle, 0);
        await sluice.errorLine(/upstream sent more data than specified/);
        await origin.connections[0]!.ended;
      });
    }
  });

  Deno.test(`${way}: a body behind the answer to HEAD ends the connection's use`, async () => {
    const request = "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n";
    const script = [expectRequest(), send(okResponse("abc"))];
    const response = await answer(script, way, request, (_, sluice) => {
      assertEquals(sluice.stats().idle, 0);
    });
    assertEquals([response.status, response.fields.get("Content-Length")], [200, "3"]);
  });

  for (
    const [what, text] of [
      ["a length", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"],
      ["chunks", `${CHUNKED}9\r\nhalf`],
      ["chunks without the last", `${CHUNKED}4\r\nhalf\r\n`],
      ["chunks without the end of the trailers", `${CHUNKED}4\r\nhalf\r\n0\r\nX: y\r\n`],
    ]
  ) {
    for (const pass of ["pass_trailers: on", "pass_trailers: off"]) {
      Deno.test(`${way}, ${pass}: a body of ${what} that is too short is never passed off as whole`, async () => {
        const script = [expectRequest(), send(text!), close()];
        const response = await answer(
          script,
          `${way}, ${pass}`,
          getRequest(),
          async (_, sluice) => {
            await sluice.errorLine(/upstream prematurely closed connection/);
          },
        );
        assertEquals([response.bodyText, response.isComplete], ["half", false]);
      });
    }
  }
}

Deno.test("trailers of a streamed request body pass where pass_trailers says so", async () => {
  const request = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" +
    "3\r\nabc\r\n0\r\nX-Sum: 1\r\nAuthorization: me\r\n\r\n";
  for (const [proxy, passes] of [["pass_trailers: on", true], ["pass_trailers: off", false]]) {
    const script = [repeat(expectRequest(), send(okResponse("ok")))];
    await answer(script, `request_buffering: off, ${proxy}`, request, (origin, sluice) => {
      const text = new TextDecoder().decode(origin.connections[0]!.received);
      assertEquals(text.includes("X-Sum: 1"), passes);
      assert(!text.includes("Authorization"));
      assertEquals(sluice.stats().idle, 1);
    });
  }
});
