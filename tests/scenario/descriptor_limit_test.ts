/** What happens when the process can open nothing more. */
import { assertEquals } from "@std/assert";
import { connect, exchange, getRequest } from "../support/client.ts";
import { eventually } from "../support/in_process.ts";
import { startSluice } from "../support/sluice.ts";

const OPEN_FILES_MAX = 100;

Deno.test("descriptors: when traffic has them all the admin listener answers, and traffic goes on later", async () => {
  await using sluice = await startSluice(
    `
admin: { listen: "127.0.0.1:0" }
log: { access: off }
servers: [{ listen: 127.0.0.1:0, locations: { /: { return: 200 ok } } }]
`,
    { openFilesMax: OPEN_FILES_MAX },
  );
  const [, admin = ""] = await sluice.program.waitForLine(/admin listening on (\S+)$/);
  const clients = await Promise.all(
    Array.from({ length: OPEN_FILES_MAX }, () => connect(sluice.address)),
  );
  await sluice.program.waitForLine(/cannot accept a connection: Too many open files/);
  for (let count = 0; count < 3; count++) {
    const request = `GET /healthz HTTP/1.1\r\nHost: ${admin}\r\nConnection: close\r\n\r\n`;
    assertEquals((await exchange(admin, request)).status, 200);
  }
  for (const client of clients) await client.close();
  assertEquals((await exchange(sluice.address, getRequest("/"))).status, 200);
  await eventually("descriptors to be free", () => sluice.fdCount() < OPEN_FILES_MAX / 2);
});

Deno.test("descriptors: in a flood of connections that come and go the admin listener answers each time", async () => {
  await using sluice = await startSluice(
    `
admin: { listen: "127.0.0.1:0" }
log: { access: off }
servers: [{ listen: 127.0.0.1:0, locations: { /: { return: 200 ok } } }]
`,
    { openFilesMax: OPEN_FILES_MAX },
  );
  const [, admin = ""] = await sluice.program.waitForLine(/admin listening on (\S+)$/);
  const flood = [];
  for (let count = 0; count < 2 * OPEN_FILES_MAX; count++) {
    flood.push(await connect(sluice.address)); // what is not accepted waits in the queue
  }
  await sluice.program.waitForLine(/cannot accept a connection: Too many open files/);
  const request = `GET /healthz HTTP/1.1\r\nHost: ${admin}\r\nConnection: close\r\n\r\n`;
  for (let round = 0; round < 20; round++) {
    for (const client of flood.splice(0, 10)) await client.close();
    for (let count = 0; count < 10; count++) flood.push(await connect(sluice.address));
    assertEquals((await exchange(admin, request)).status, 200, `round ${round}`);
  }
  for (const client of flood) await client.close();
  assertEquals((await exchange(sluice.address, getRequest("/"))).status, 200);
  await eventually("descriptors to be free", () => sluice.fdCount() < OPEN_FILES_MAX / 2);
});
