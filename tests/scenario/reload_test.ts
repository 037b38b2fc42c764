/** Reload: what runs keeps its configuration, what comes has the new one, and nothing is lost between. */
import { assertEquals, assertRejects } from "@std/assert";
import { freePort } from "../support/free_ports.ts";
import { readYaml } from "../../src/config/mod.ts";
import { connect, exchange, getRequest } from "../support/client.ts";
import { eventually, type InProcessSluice, withSluice } from "../support/in_process.ts";
import {
  expectRequest,
  okResponse,
  pause,
  respondWith,
  send,
  startOrigin,
} from "../support/origin.ts";
import { gate } from "../support/within.ts";

/** A configuration in which every path is answered with `text`. */
function saying(text: string, more = ""): string {
  return `
servers:
  - { listen: "127.0.0.1:0", locations: { /: { return: "200 ${text}" } } }
${more}
`;
}

/** A configuration in front of a group. */
function proxying(address: string, peer = "", main = ""): string {
  return `
${main}
upstreams:
  app: { servers: [{ address: "${address}"${peer} }, { address: "127.0.0.1:1", backup: true }] }
servers:
  - listen: "127.0.0.1:0"
    locations:
      /: { proxy: { pass: "http://app", buffering: off, next_upstream: off } }
`;
}

/** Reloads with the same logs. */
function reload(sluice: InProcessSluice, yaml: string): Promise<void> {
  const { dir } = sluice;
  const log = `
log:
  access: { path: ${dir}/access.log, format: test, buffer: 0 }
  error: { path: ${dir}/error.log, level: info }
  formats: { test: '$request|$status|$upstream_status' }
`;
  return sluice.server.reload(readYaml(log + yaml, "test.yaml"));
}

Deno.test("a kept connection's next request has the new configuration, and the address stays", async () => {
  await withSluice(saying("old"), async (address, sluice) => {
    await using client = await connect(address);
    await client.send(getRequest());
    assertEquals((await client.readResponse()).bodyText, "old");
    await reload(sluice, saying("new"));
    assertEquals(sluice.addresses, [address]);
    await client.send(getRequest());
    assertEquals((await client.readResponse()).bodyText, "new");
    assertEquals((await exchange(address, getRequest())).bodyText, "new");
  });
});

Deno.test("a stream that runs keeps the old configuration to its end, and the old one ends with it", async () => {
  const finish = gate();
  await using origin = await startOrigin({
    each: [
      expectRequest(),
      send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\none"),
      pause(finish),
      send("two"),
    ],
  });
  await withSluice(proxying(origin.address), async (address, sluice) => {
    await using client = await connect(address);
    await client.send(getRequest());
    await client.readThrough("one");
    await reload(sluice, saying("new"));
    await sluice.errorLine(/\[notice\] .*gracefully shutting down$/);
    assertEquals((await exchange(address, getRequest())).bodyText, "new");
    assertEquals(sluice.errorLog.some((line) => line.endsWith("exiting")), false);
    finish.open();
    await client.readThrough("two");
    await sluice.errorLine(/\[notice\] .*exiting$/);
    await client.send(getRequest());
    assertEquals((await client.readResponse()).bodyText, "new");
  });
});

Deno.test("worker_shutdown_timeout cuts off what still runs with the old configuration, and nothing else", async () => {
  await using origin = await startOrigin({
    each: [expectRequest(), send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\none")],
  });
  const conf = proxying(origin.address, "", "worker_shutdown_timeout: 50ms");
  await withSluice(conf, async (address, sluice) => {
    await using old = await connect(address);
    await using idle = await connect(address);
    await old.send(getRequest());
    await old.readThrough("one");
    await reload(sluice, saying("new"));
    await old.ended;
    await sluice.errorLine(/exiting$/);
    await idle.send(getRequest());
    assertEquals((await idle.readResponse()).bodyText, "new");
  });
});

Deno.test("a new address is opened, one that is gone is closed, and its idle clients leave", async () => {
  const port = freePort();
  const more = `  - { listen: "127.0.0.1:${port}", locations: { /: { return: "200 more" } } }`;
  await withSluice(saying("old"), async (address, sluice) => {
    await reload(sluice, saying("new", more));
    assertEquals(sluice.addresses, [address, `127.0.0.1:${port}`]);
    await using client = await connect(`127.0.0.1:${port}`);
    await client.send(getRequest());
    assertEquals((await client.readResponse()).bodyText, "more");
    await reload(sluice, saying("last"));
    assertEquals(await client.ended, "closed");
    await assertRejects(() => connect(`127.0.0.1:${port}`));
    assertEquals((await exchange(address, getRequest())).bodyText, "last");
  });
});

Deno.test("an address that cannot be had: the old configuration stays, and nothing new is left open", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const port = freePort();
  const more = `
  - { listen: "127.0.0.1:${port}", locations: { /: { return: "200 more" } } }
  - { listen: "127.0.0.1:${taken.addr.port}", locations: { /: { return: "200 more" } } }`;
  await withSluice(saying("old"), async (address, sluice) => {
    await assertRejects(
      () => reload(sluice, saying("new", more)),
      Error,
      `Cannot listen on 127.0.0.1:${taken.addr.port}`,
    );
    assertEquals(sluice.addresses, [address]);
    await assertRejects(() => connect(`127.0.0.1:${port}`));
    assertEquals((await exchange(address, getRequest())).bodyText, "old");
  });
});

Deno.test("a log that cannot be opened: the old configuration stays", async () => {
  await withSluice(saying("old"), async (address, sluice) => {
    const log = `log: { access: ${sluice.dir}/no/such/access.log }\n`;
    const conf = readYaml(log + saying("new"), "test.yaml");
    await assertRejects(() => sluice.server.reload(conf), Deno.errors.NotFound);
    assertEquals((await exchange(address, getRequest())).bodyText, "old");
  });
});

Deno.test("a peer that is out stays out, and requests that run count for max_conns as before", async () => {
  const finish = gate();
  await using slow = await startOrigin({
    each: [expectRequest(), pause(finish), send(okResponse("slow"))],
  });
  const conf = (maxConns: number) => proxying(slow.address, `, max_conns: ${maxConns}`);
  await withSluice(conf(1), async (address, sluice) => {
    await using running = await connect(address);
    await running.send(getRequest());
    await slow.waitForRequest(1);
    await reload(sluice, conf(1));
    // The only peer is full: what is left is the backup, where nobody listens.
    assertEquals((await exchange(address, getRequest())).status, 502);
    finish.open();
    assertEquals((await running.readResponse()).bodyText, "slow");
    assertEquals((await exchange(address, getRequest())).bodyText, "slow");
  });

  const dead = `127.0.0.1:${freePort()}`;
  await withSluice(proxying(dead), async (address, sluice) => {
    await exchange(address, getRequest());
    await reload(sluice, proxying(dead));
    await exchange(address, getRequest());
    // The peer, and then its backup: it was not asked again. The log is written beside the answer.
    const disabled = () =>
      sluice.errorLog.flatMap((line) => /temporarily disabled: (\S+)/.exec(line)?.[1] ?? []);
    await eventually("both to be out", () => disabled().length >= 2);
    assertEquals(disabled(), [dead, "127.0.0.1:1"]);
  });
});

Deno.test("idle connections to peers of the old configuration are closed at once", async () => {
  await using origin = await respondWith(okResponse("ok"));
  await withSluice(proxying(origin.address), async (address, sluice) => {
    await exchange(address, getRequest());
    await eventually("an idle connection", () => sluice.stats().idle === 1);
    await reload(sluice, proxying(origin.address));
    await origin.connections[0]!.ended;
    assertEquals((await exchange(address, getRequest())).bodyText, "ok");
  });
});

Deno.test("many reloads at once come one after the other, and the last one holds", async () => {
  await withSluice(saying("0"), async (address, sluice) => {
    await Promise.all(
      Array.from({ length: 20 }, (_, at) => reload(sluice, saying(String(at + 1)))),
    );
    assertEquals((await exchange(address, getRequest())).bodyText, "20");
  });
});

Deno.test("a reload while the server shuts down is refused", async () => {
  await withSluice(saying("old"), async (_, sluice) => {
    const ending = sluice.server.shutdown();
    await assertRejects(() => reload(sluice, saying("new")), Error, "shutting down");
    await ending;
  });
});

Deno.test("a backlog that changes waits for the next start, and the log says so", async () => {
  await withSluice(saying("old"), async (_, sluice) => {
    await reload(sluice, saying("new").replace(":0", ":0 backlog=64"));
    await sluice.errorLine(
      /backlog and reuseport of 127\.0\.0\.1:0 stay as they are until the next start/,
    );
  });
});
