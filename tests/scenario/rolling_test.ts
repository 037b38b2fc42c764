/** A second process takes the port over from the first. */
import { assertEquals } from "@std/assert";
import { freePort } from "../support/free_ports.ts";
import { connect, getRequest } from "../support/client.ts";
import { startSluice } from "../support/sluice.ts";

function conf(address: string, text: string): string {
  return `
log: { access: off, error: stderr }
servers:
  - { listen: "${address} reuseport", locations: { /: { return: "200 ${text}" } } }
`;
}

Deno.test("listen reuseport: a second process takes over, and no request is lost", async () => {
  await using first = await startSluice(conf(`127.0.0.1:${freePort()}`, "first"));
  const { address } = first;
  const stop = new AbortController();
  const said = new Map<string, number>();

  /** Asks on one connection after the other, each until the server closes it. */
  async function keepAsking(): Promise<void> {
    while (!stop.signal.aborted) {
      await using client = await connect(address);
      for (let isOpen = true; isOpen && !stop.signal.aborted;) {
        await client.send(getRequest());
        const { bodyText, fields } = await client.readResponse();
        said.set(bodyText, (said.get(bodyText) ?? 0) + 1);
        isOpen = fields.get("connection") !== "close";
      }
    }
  }

  const asking = Array.from({ length: 8 }, keepAsking);
  await using second = await startSluice(conf(address, "second"));
  assertEquals(await first.program.stop("SIGQUIT"), { code: 0, signal: null });
  await using client = await connect(address);
  await client.send(getRequest());
  assertEquals((await client.readResponse()).bodyText, "second");
  stop.abort();
  await Promise.all(asking);
  assertEquals([...said.keys()].toSorted(), ["first", "second"]);
  assertEquals((await second.stop()).code, 0);
});

Deno.test("without reuseport the address of a process that runs cannot be had", async () => {
  await using first = await startSluice(conf(`127.0.0.1:${freePort()}`, "first"));
  const plain = conf(first.address, "second").replace(" reuseport", "");
  const second = await startSluice(plain).then(() => "started", (error: Error) => error.message);
  assertEquals(second.includes("another program listens there already"), true, second);
});
