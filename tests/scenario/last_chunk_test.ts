/** The end of a response needs no buffer memory: it is not cut because others use it all. */
import { assertEquals } from "@std/assert";
import { type Client, connect, getRequest } from "../support/client.ts";
import { eventually, withSluice } from "../support/in_process.ts";
import { expectRequest, pause, send, startOrigin } from "../support/origin.ts";
import { gate } from "../support/within.ts";

for (const buffering of ["on", "off"]) {
  Deno.test(`buffering ${buffering}: the last chunk comes though the buffer memory is used up`, async () => {
    const isFull = gate();
    const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    await using origin = await startOrigin({
      each: [
        expectRequest(),
        send(`${head}5\r\nfirst\r\n`),
        pause(isFull),
        send("0\r\n\r\n"),
        pause(gate()),
      ],
    });
    const yaml = `
buffer_memory: 1m
upstreams: { app: { servers: [${origin.address}] } }
servers:
  - listen: 127.0.0.1:0
    locations: { /: { proxy: { pass: "http://app", buffering: ${buffering} } } }
`;
    await withSluice(yaml, async (address, sluice) => {
      await using client = await connect(address);
      await client.send(getRequest());
      await client.readThrough("first\r\n");
      await using stack = new AsyncDisposableStack();
      const others: Client[] = [];
      const pool = () => sluice.stats().pool;
      // First large cells, for bodies that do not come, then all that is left for idle clients.
      while (pool().heldBytes < pool().slabBytes) {
        const { heldBytes, refusals } = pool();
        const other = stack.use(await connect(address));
        others.push(other);
        if (refusals === 0) {
          await other.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nab");
        }
        await eventually(
          "memory to be taken, or none to be there",
          () => pool().refusals > refusals || pool().heldBytes > heldBytes,
        );
      }
      isFull.open();
      await client.readThrough("0\r\n\r\n");
      for (const other of others) await other.reset();
      assertEquals(sluice.errorLog.filter((line) => line.includes("no buffer memory")), []);
    });
  });
}
