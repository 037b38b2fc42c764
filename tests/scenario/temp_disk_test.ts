/** `temp_disk`: request bodies that need a file when there is no room for one. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Client, connect, exchange } from "../support/client.ts";
import { eventually, inFrontOf, withSluice } from "../support/in_process.ts";
import { okResponse, respondWith } from "../support/origin.ts";
import { startSluice } from "../support/sluice.ts";

const SETTINGS = {
  main: 'temp_disk: 1m\nadmin: { listen: "127.0.0.1:0" }',
  server: "client_max_body_size: 0",
};
const MIB = 1 << 20;

function upload(bytes: number, ...fieldLines: readonly string[]): string {
  const lines = ["PUT / HTTP/1.1", "Host: a", `Content-Length: ${bytes}`, ...fieldLines];
  return `${lines.join("\r\n")}\r\n\r\n`;
}

async function assertTurnedAway(client: Client): Promise<void> {
  const response = await client.readResponse();
  assertEquals([response.status, response.fields.get("retry-after")], [503, "5"]);
}

Deno.test("temp_disk: a body that does not fit is 503 before any of it is read", async () => {
  await using origin = await respondWith(okResponse("ok"));
  await withSluice(inFrontOf(origin, SETTINGS), async (address, sluice) => {
    await using client = await connect(address);
    await client.send(upload(MIB, "Expect: 100-continue"));
    await assertTurnedAway(client);
    assertEquals(await sluice.accessLine(1), "PUT / HTTP/1.1|503|-");
    await sluice.errorLine(
      /\[error\] .*shedding load: no room for a client request body in the 1048576 bytes of temp_disk/,
    );
    const metrics = await (await fetch(`http://${sluice.server.adminAddress}/metrics`)).text();
    assert(metrics.includes('sluice_shed_requests_total{budget="temp_disk"} 1'), metrics);
    assert(metrics.includes("sluice_temp_disk_max_bytes 1048576"), metrics);
    const status = await (await fetch(`http://${sluice.server.adminAddress}/status`)).json();
    assertEquals([status.shed.temp_disk, status.workers[0].temp_files.bytes_max], [1, MIB]);
  });
  assertEquals(origin.requestsSeen, 0);
});

Deno.test("temp_disk: a body that has begun goes on while others are turned away, and small ones pass", async () => {
  await using origin = await respondWith(okResponse("ok"));
  await withSluice(inFrontOf(origin, SETTINGS), async (address, sluice) => {
    const size = 890_000;
    await using first = await connect(address);
    await first.send(upload(size));
    await first.send(new Uint8Array(size - 100_000));
    await eventually(
      "most of the first body to be on disk",
      () => sluice.stats().outstanding.some((line) => / of [5-9]\d{5} bytes/.test(line)),
    );
    await using second = await connect(address);
    await second.send(upload(630_000));
    await assertTurnedAway(second);
    await second.close();
    assertEquals((await exchange(address, `${upload(10_000)}${"x".repeat(10_000)}`)).status, 200);

    await first.send(new Uint8Array(100_000));
    assertEquals((await first.readResponse()).status, 200);
    await eventually(
      "the first body's file to be closed",
      () => !sluice.stats().outstanding.some((line) => line.includes("temp files")),
    );
    assertEquals((await exchange(address, `${upload(600_000)}${"x".repeat(600_000)}`)).status, 200);
  });
});

Deno.test("temp_disk: a chunked body that turns out not to fit is 503, and its file is given back", async () => {
  await using origin = await respondWith(okResponse("ok"));
  await withSluice(inFrontOf(origin, SETTINGS), async (address, sluice) => {
    await using client = await connect(address);
    await client.send("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    const chunk = new Uint8Array(100_000);
    const sending = (async () => {
      for (let count = 0; count < 12; count++) {
        await client.send("186a0\r\n");
        await client.send(chunk);
        await client.send("\r\n");
      }
    })().catch(() => {}); // it is not read to its end
    await assertTurnedAway(client);
    await client.close();
    await sending;
    assertMatch(await sluice.accessLine(1), /\|503\|-$/);
  });
  assertEquals(origin.requestsSeen, 0);
});

Deno.test("temp_disk is one for all workers", async () => {
  await using origin = await respondWith(okResponse("ok"));
  await using sluice = await startSluice(`
workers: 2
temp_disk: 1m
log: { access: off }
servers:
  - listen: { address: 127.0.0.1:0, reuseport: on }
    client_max_body_size: 0
    locations: { /: { proxy: { pass: "http://${origin.address}" } } }
`);
  await using first = await connect(sluice.address);
  await first.send(upload(890_000));
  await first.send(new Uint8Array(840_000));
  // It is on its way still: whoever comes once it is there is turned away, wherever it ends up.
  const isTurnedAway = async (): Promise<boolean> => {
    await using client = await connect(sluice.address);
    await client.send(upload(630_000, "Expect: 100-continue"));
    return !(await client.readHead()).text.startsWith("HTTP/1.1 100 ");
  };
  for (let tries = 0; tries < 100 && !await isTurnedAway();) tries++;
  for (let count = 0; count < 16; count++) assertEquals(await isTurnedAway(), true);
  await first.send(new Uint8Array(50_000));
  assertEquals((await first.readResponse()).status, 200);
});
