/**
 * A kept connection whose last response was larger than `buffer_size` has a cell for all
 * of the next one: what comes in one read goes out in one write, behind a head that takes
 * the place of the peer's.
 */
import { assertEquals } from "@std/assert";
import { difference, numbered } from "../support/bodies.ts";
import { connect, getRequest } from "../support/client.ts";
import { inFrontOf, withSluice } from "../support/in_process.ts";
import { act, expectHead, okResponse, repeat, startOrigin } from "../support/origin.ts";
import { type Random, withRandom } from "../support/random.ts";

/** Framed as a peer might: with its length, or in chunks of any size; its head as long as it likes. */
function framed(random: Random, body: Uint8Array<ArrayBuffer>): Uint8Array {
  const filler = `X-Filler: ${"f".repeat(random.integer(0, 900))}`;
  if (random.chance(0.5)) return okResponse(body, filler);
  const encoder = new TextEncoder();
  const parts = [
    encoder.encode(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n${filler}\r\n\r\n`),
  ];
  for (let at = 0; at < body.length;) {
    const end = Math.min(body.length, at + random.integer(1, 30_000));
    parts.push(encoder.encode(`${(end - at).toString(16)}\r\n`), body.subarray(at, end));
    parts.push(encoder.encode("\r\n"));
    at = end;
  }
  parts.push(encoder.encode("0\r\n\r\n"));
  return new Uint8Array(parts.flatMap((part) => [...part]));
}

for (const proxy of ["", "buffering: off", "buffers: 2 4k", "max_temp_file_size: 0"]) {
  Deno.test(
    `responses of any size, one after another on one connection, arrive byte for byte; ${
      proxy || "with defaults"
    }`,
    async () => {
      await withRandom(async (random) => {
        const bodies = Array.from(
          { length: 30 },
          (_, salt) => numbered(random.integer(0, random.chance(0.7) ? 72_000 : 200_000), salt),
        );
        let sent = 0;
        await using origin = await startOrigin({
          each: [repeat(
            expectHead(),
            act("the next one", async (connection) => {
              await connection.write(framed(random, bodies[sent++]!));
            }),
          )],
        });
        await withSluice(inFrontOf(origin, { proxy }), async (address) => {
          await using client = await connect(address);
          for (const [index, body] of bodies.entries()) {
            await client.send(getRequest(`/${index}`));
            const response = await client.readResponse();
            assertEquals([response.status, response.isComplete], [200, true]);
            assertEquals(difference(response.body, body), "");
          }
          assertEquals(origin.connections.length, 1);
        });
      });
    },
  );
}

Deno.test("buffer_size bounds a response head however large the connection's cell has become", async () => {
  const long = okResponse("x", `X-Long: ${"l".repeat(5_000)}`);
  const responses = [okResponse(numbered(40_000)), okResponse(numbered(40_000)), long];
  await using origin = await startOrigin({
    each: [repeat(
      expectHead(),
      act("the next one", async (connection) => {
        await connection.write(responses.shift()!);
      }),
    )],
  });
  await withSluice(inFrontOf(origin, { proxy: "buffer_size: 4k" }), async (address, sluice) => {
    await using client = await connect(address);
    for (const status of [200, 200, 502]) {
      await client.send(getRequest());
      assertEquals((await client.readResponse()).status, status);
    }
    await sluice.errorLine(/upstream sent too big header while reading response header/);
  });
});
