/** limit_req and limit_conn with two workers: one bucket, one count. */
import { assertEquals } from "@std/assert";
import { readYaml } from "../../src/config/mod.ts";
import { startWorkers } from "../../src/control/workers.ts";
import { isKnownVariable } from "../../src/http/variables.ts";
import { connect, exchange, getRequest } from "../support/client.ts";
import { eventually } from "../support/in_process.ts";
import { expectRequest, okResponse, pause, repeat, send, startOrigin } from "../support/origin.ts";
import { tempDir } from "../support/program.ts";

Deno.test("limits: two workers have one bucket and one count, and both let in as many as one", async () => {
  const held = Promise.withResolvers<void>();
  await using origin = await startOrigin({
    each: [repeat(expectRequest(), pause(held.promise), send(okResponse("ok")))],
  });
  await using dir = await tempDir();
  const yaml = `
workers: 2
log:
  access: { path: ${dir.path}/access.log, format: test, buffer: 0 }
  error: { path: ${dir.path}/error.log, level: info }
  formats: { test: "$pid $connection $request_uri $status" }
limit_req_zone: [$arg_k zone=one:64k rate=1r/m]
limit_conn_zone: [$arg_c zone=con:64k]
servers:
  - listen: { address: 127.0.0.1:0, reuseport: on }
    locations:
      /a: { limit_req: zone=one burst=9 nodelay, root: ${dir.path} }
      /c: { limit_conn: con 3, proxy: { pass: "http://${origin.address}" } }
`;
  const conf = readYaml(yaml, "test.yaml", { isKnownVariable });
  const workers = await startWorkers(conf, 2, { debugBuffers: true });
  const address = workers.addresses[0]!;
  try {
    const statuses = await Promise.all(
      Array.from(
        { length: 40 },
        async () => (await exchange(address, getRequest("/a?k=1"))).status,
      ),
    );
    assertEquals(statuses.filter((status) => status === 404).length, 10, "all but these are 503");
    assertEquals(statuses.filter((status) => status === 503).length, 30);

    const clients = await Promise.all(Array.from({ length: 20 }, () => connect(address)));
    for (const client of clients) await client.send(getRequest("/c?c=1"));
    const log = () => Deno.readTextFileSync(`${dir.path}/access.log`).split("\n");
    const refused = () => log().filter((line) => line.endsWith("/c?c=1 503")).length;
    await eventually("all but three to be refused", () => refused() === 17);
    assertEquals(origin.connections.length, 3);
    held.resolve();
    const answers = await Promise.all(clients.map(async (client) => {
      const { status } = await client.readResponse();
      await client.close();
      return status;
    }));
    assertEquals(answers.filter((status) => status === 200).length, 3);
    await eventually(
      "their lines",
      () => log().filter((line) => line.endsWith("/c?c=1 200")).length === 3,
    );
    assertEquals((await exchange(address, getRequest("/c?c=1"))).status, 200);
  } finally {
    await workers.stop();
  }
});
