/**
 * A connection on which a peer was told that it is the last request carries no other one
 * (RFC 9112, 9.6), also where the peer does not say in its answer that it will close.
 */
import { assertEquals } from "@std/assert";
import { exchange, getRequest } from "../support/client.ts";
import { inFrontOf, withSluice } from "../support/in_process.ts";
import { expectRequest, okResponse, repeat, send, startOrigin } from "../support/origin.ts";

const CASES: readonly (readonly [proxy: string, connections: number])[] = [
  ['http_version: "1.1"', 1],
  ['set_header: { Connection: "" }', 1],
  ["set_header: { Connection: x-closed }", 1],
  ['http_version: "1.0", set_header: { Connection: Keep-Alive }', 1],
  ['http_version: "1.0"', 3],
  ['http_version: "1.0", set_header: { Connection: "" }', 3],
  ["set_header: { Connection: close }", 3],
  ['set_header: { connection: "x-a, Close" }', 3],
  ["set_header: { Connection: $arg_c }", 3],
];

for (const [proxy, connections] of CASES) {
  Deno.test(`${proxy}: ${connections} connections to the peer for three requests`, async () => {
    await using origin = await startOrigin({
      each: [repeat(expectRequest(), send(okResponse("ok")))],
    });
    await withSluice(inFrontOf(origin, { proxy }), async (address) => {
      for (let n = 0; n < 3; n++) {
        assertEquals((await exchange(address, getRequest("/?c=close"))).bodyText, "ok");
      }
      assertEquals(origin.connectionsSeen, connections);
    });
  });
}
