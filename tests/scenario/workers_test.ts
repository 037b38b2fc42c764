import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { readYaml } from "../../src/config/mod.ts";
import { CannotListen } from "../../src/control/running_server.ts";
import { start, startWorkers, type Workers } from "../../src/control/workers.ts";
import { startProxy } from "../../mod.ts";
import { isKnownVariable } from "../../src/http/variables.ts";
import { type Client, connect, exchange, getRequest } from "../support/client.ts";
import { EndedEarly } from "../support/inbox.ts";
import { eventually } from "../support/in_process.ts";
import {
  close,
  expectRequest,
  okResponse,
  pause,
  repeat,
  send,
  startOrigin,
} from "../support/origin.ts";
import { gate, PATIENCE_MS } from "../support/within.ts";
import { tempDir } from "../support/program.ts";
import { runSluice, startSluice } from "../support/sluice.ts";

/** Two workers with a queue each, so that the system deals out connections evenly. */
const LISTEN = "{ address: 127.0.0.1:0, reuseport: on }";

function confOf(dir: string, text: string, more = "") {
  const yaml = `
workers: 2
log:
  access: { path: ${dir}/access.log, format: test, buffer: 64k, flush: 10ms }
  error: { path: ${dir}/error.log, level: info }
  formats: { test: '$connection $request_uri $status' }
${text}
${more}`;
  return readYaml(yaml, "test.yaml", { isKnownVariable });
}

/** Two workers in this process, for the time of `act`. */
async function withWorkers(
  text: string,
  act: (workers: Workers, dir: string, address: string) => Promise<void>,
): Promise<void> {
  await using dir = await tempDir();
  const workers = await startWorkers(confOf(dir.path, text), 2, { debugBuffers: true });
  try {
    await act(workers, dir.path, workers.addresses[0]!);
  } finally {
    await workers.stop();
  }
  const bugs = linesOf(dir.path, "error.log").filter((line) => /a bug in this proxy/.test(line));
  assertEquals(bugs, []);
}

function linesOf(dir: string, name: string): string[] {
  return Deno.readTextFileSync(`${dir}/${name}`).split("\n").filter((line) => line !== "");
}

async function errorLine(dir: string, pattern: RegExp): Promise<void> {
  await eventually(
    () => `${pattern} in the error log:\n${linesOf(dir, "error.log").join("\n")}`,
    () => linesOf(dir, "error.log").some((line) => pattern.test(line)),
  );
}

const SHARED = `servers: [{ listen: "127.0.0.1:0", locations: { /: { return: 200 ok } } }]`;

const PLAIN = `servers: [{ listen: ${LISTEN}, locations: { /: { return: 200 ok } } }]`;

Deno.test("workers: 2: two threads answer, say who they are in the log, and end with the process", async () => {
  await using sluice = await startSluice((dir) => `
    workers: 2
    log: { access: off, error: { path: ${dir}/error.log, level: info } }
    servers:
      - listen: ${LISTEN}
        locations:
          = /missing: { proxy: { pass: "http://127.0.0.1:1" } }
          /: { return: 200 ok }
  `);
  for (let k = 0; k < 40; k++) {
    const response = await exchange(sluice.address, getRequest("/missing"));
    assertEquals(response.status, 502);
  }
  const log = () => sluice.readLog("error.log").join("\n");
  await eventually(
    "both workers to have logged",
    () => /#1: \*/.test(log()) && /#2: \*/.test(log()),
  );
  assertMatch(log(), /\[notice\] \d+#0: start worker process 1\n.*start worker process 2/);

  const exit = await sluice.stop();
  assertEquals(exit.code, 0);
  assertMatch(log(), /#0: worker process 1 exited with code 0/);
  assertMatch(log(), /#0: worker process 2 exited with code 0/);
});

Deno.test("workers: two need no more permissions than one, and no unstable API", async () => {
  await using dir = await tempDir();
  await using sluice = await startSluice(
    `
    workers: 2
    log: { access: off, error: { path: stderr } }
    servers: [{ listen: "127.0.0.1:0", locations: { /: { return: 200 ok } } }]
  `,
    {
      denoArgs: [
        "--no-config",
        `--import-map=${await importMap(dir.path)}`,
        "--no-prompt",
        "--allow-net=127.0.0.1",
        "--allow-read",
      ],
    },
  );
  assertEquals((await exchange(sluice.address, getRequest("/"))).bodyText, "ok");
});

/** Of deno.json nothing but what names stand for. */
async function importMap(dir: string): Promise<string> {
  const config: { imports: unknown } = JSON.parse(await Deno.readTextFile("deno.json"));
  const path = `${dir}/imports.json`;
  await Deno.writeTextFile(path, JSON.stringify({ imports: config.imports }));
  return path;
}

Deno.test("workers: an address that is in use fails the start, once, and nothing stays open", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using dir = await tempDir();
  const conf = `${dir.path}/sluice.yaml`;
  const listen = `127.0.0.1:${taken.addr.port}`;
  await Deno.writeTextFile(
    conf,
    `workers: 2\nservers: [{ listen: "${listen}", locations: { /: { return: 200 } } }]\n`,
  );
  const { code, stderr } = await runSluice(["run", "-c", conf]);
  assertEquals(code, 1);
  assertEquals(
    stderr.split("\n").filter((line) => line.includes(`Cannot listen on ${listen}`)).length,
    1,
    stderr,
  );
});

Deno.test("workers: one that is terminated under load costs only its own connections, and is replaced", () =>
  withWorkers(PLAIN, async (workers, dir, address) => {
    const clients: Client[] = [];
    for (let k = 0; k < 32; k++) clients.push(await connect(address));
    const answered = async (client: Client): Promise<boolean> => {
      try {
        await client.send(getRequest("/"));
        return (await client.readResponse()).status === 200;
      } catch {
        return false;
      }
    };
    assertEquals(await Promise.all(clients.map(answered)), clients.map(() => true));

    workers.terminate(2);
    await errorLine(dir, /\[alert\] \d+#0: worker process 2 exited with code 1: terminated/);
    await errorLine(dir, /\[notice\] \d+#0: start worker process 2$/);
    const alive = (await Promise.all(clients.map(answered))).filter((isAlive) => isAlive).length;
    assert(alive > 0 && alive < 32, `${alive} of 32 connections went on`);
    for (const client of clients) client.close();

    const more = await Promise.all(Array.from({ length: 32 }, async () => {
      return (await exchange(address, getRequest("/more"))).status;
    }));
    assertEquals(more, more.map(() => 200));
  }));

Deno.test("workers: while all of them are being replaced, who comes waits, and is served", () =>
  withWorkers(SHARED, async (workers, dir, address) => {
    workers.terminate(1);
    workers.terminate(2);
    // A thread runs on for a moment after its end: what it accepts then goes with it.
    const answered = async (): Promise<number> => {
      try {
        return (await exchange(address, getRequest("/"))).status;
      } catch (error) {
        if (error instanceof EndedEarly) return await answered();
        throw error; // refused: nobody listened
      }
    };
    const all = await Promise.all(Array.from({ length: 8 }, answered));
    assertEquals(all, all.map(() => 200));
    await errorLine(dir, /start worker process 1$/);
    await errorLine(dir, /start worker process 2$/);
  }));

Deno.test("workers: a reload is all workers' or nobody's", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const servers = (word: string, more = "") =>
    `servers: [{ listen: ${LISTEN}, locations: { /: { return: "200 ${word}" } } }${more}]`;
  await withWorkers(servers("one"), async (workers, dir, address) => {
    const words = async () => {
      const all = Array.from({ length: 24 }, () => exchange(address, getRequest("/")));
      return [...new Set((await Promise.all(all)).map(({ bodyText }) => bodyText))];
    };
    assertEquals(await words(), ["one"]);

    const second =
      `, { listen: "127.0.0.1:${taken.addr.port}", locations: { /: { return: 200 } } }`;
    await assertRejects(
      () => workers.reload(confOf(dir, servers("two", second))),
      CannotListen,
      `Cannot listen on 127.0.0.1:${taken.addr.port}`,
    );
    assertEquals(await words(), ["one"]);

    await workers.reload(confOf(dir, servers("three")));
    assertEquals(await words(), ["three"]);
    assertEquals(workers.addresses, [address]);
  });
});

Deno.test("workers: one log file holds whole lines of all of them, also over reopen", () =>
  withWorkers(PLAIN, async (workers, dir, address) => {
    const all = Array.from({ length: 24 }, async (_, k) => {
      await using client = await connect(address);
      for (let n = 0; n < 20; n++) {
        await client.send(getRequest(`/${k}/${n}/${"x".repeat(200)}`));
        await client.readResponse();
      }
    });
    await Promise.all(all);
    await eventually("all lines", () => linesOf(dir, "access.log").length >= 480);
    Deno.renameSync(`${dir}/access.log`, `${dir}/old.log`);
    await workers.reopenLogs();
    await exchange(address, getRequest("/new"));
    await eventually("the new file's line", () => linesOf(dir, "access.log").length === 1);
    for (const line of linesOf(dir, "old.log")) assertMatch(line, /^\d+ \/\d+\/\d+\/x{200} 200$/);
  }));

Deno.test("workers: a unix socket is served by the first worker, and by the one in its place", async () => {
  await using dir = await tempDir();
  const path = `${dir.path}/sluice.sock`;
  const text = `servers: [{ listen: "unix:${path}", locations: { /: { return: 200 ok } } }]`;
  await withWorkers(text, async (workers, logs, address) => {
    assertEquals(address, `unix:${path}`);
    assertEquals((await exchange(address, getRequest("/"))).bodyText, "ok");
    workers.terminate(1);
    await errorLine(logs, /\[notice\] \d+#0: start worker process 1$/);
    assertEquals((await exchange(address, getRequest("/"))).bodyText, "ok");
  });
});

Deno.test("workers: SIGQUIT lets the requests of all of them finish", async () => {
  const answer = gate();
  await using origin = await startOrigin({
    each: [repeat(expectRequest(), pause(answer), send(okResponse("late")))],
  });
  const text =
    `servers: [{ listen: ${LISTEN}, locations: { /: { proxy: { pass: "http://${origin.address}" } } } }]`;
  await withWorkers(text, async (workers, _dir, address) => {
    const all = Array.from({ length: 16 }, () => exchange(address, getRequest("/")));
    await origin.waitForRequest(16);
    const ending = workers.shutdown();
    answer.open();
    assertEquals((await Promise.all(all)).map(({ bodyText }) => bodyText), all.map(() => "late"));
    await ending;
  });
});

Deno.test("startProxy: several workers and handlers do not go together", async () => {
  const config = `
    workers: 2
    log: { access: off }
    servers: [{ listen: "127.0.0.1:0", locations: { /: { handler: hello } } }]`;
  await assertRejects(
    () => startProxy({ config, handlers: { hello: () => ({ body: "hello" }) } }),
    Error,
    "Cannot start 2 workers with handlers or balancers: a function cannot go to another thread; need workers: 1",
  );
});

Deno.test("startProxy: several workers behind one proxy object", async () => {
  const config = `
    workers: 2
    log: { access: off }
    servers: [{ listen: "127.0.0.1:0", locations: { /: { return: 200 ok } } }]`;
  await using proxy = await startProxy({ config });
  assertEquals(await (await fetch(`http://${proxy.addresses[0]}/`)).text(), "ok");
  await eventually("the workers' numbers", () => proxy.stats().pool.maxBytes > 2 ** 30);
});

Deno.test("workers: as many as the configuration says, or one a processor", () => {
  const text = (workers: string) =>
    `workers: ${workers}\nservers: [{ listen: "127.0.0.1:0", locations: { /: { return: 200 } } }]`;
  const read = (workers: string) => readYaml(text(workers), "t", { isKnownVariable }).workers;
  assertEquals([read("1"), read("7"), read("auto")], [1, 7, 0]);
  for (const wrong of ["0", "257", "-1", "two"]) {
    assertThrows(() => read(wrong), Error, "a number from 1 to 256, or auto");
  }
});

Deno.test("workers: 1 starts no thread", async () => {
  await using dir = await tempDir();
  const server = await start({ ...confOf(dir.path, PLAIN), workers: 1 });
  assertEquals(server.workerNames, [String(Deno.pid)]);
  await server.stop();
});

/** Sends `count` requests at once, each on a connection of its own: they go to both workers. */
function manyAt(address: string, count: number, target = "/") {
  return Promise.all(Array.from({ length: count }, () => exchange(address, getRequest(target))));
}

Deno.test("workers: max_conns of a peer is one number for both of them", async () => {
  const answer = gate();
  await using origin = await startOrigin({
    each: [repeat(expectRequest(), pause(answer), send(okResponse("ok")))],
  });
  const text = `
upstreams: { app: { servers: [{ address: ${origin.address}, max_conns: 5 }] } }
servers: [{ listen: ${LISTEN}, locations: { /: { proxy: { pass: "http://app" } } } }]`;
  await withWorkers(text, async (workers, dir, address) => {
    const all = manyAt(address, 24);
    all.catch(() => {}); // looked at below
    await eventually("all but five to be refused", () => {
      return linesOf(dir, "access.log").filter((line) => line.endsWith(" 502")).length === 19;
    });
    await origin.waitForRequest(5);
    answer.open();
    assertEquals((await all).filter(({ status }) => status === 200).length, 5);
    assertEquals(origin.requestsSeen, 5);

    const status = await workers.control.status();
    assertEquals(status.upstreams[0]?.peers[0]?.active, 0);
  });
});

Deno.test("workers: what a terminated one held of max_conns is given back", async () => {
  const answer = gate();
  await using origin = await startOrigin({
    each: [repeat(expectRequest(), pause(answer), send(okResponse("ok")))],
  });
  const text = `
upstreams: { app: { servers: [{ address: ${origin.address}, max_conns: 8 }] } }
servers: [{ listen: ${LISTEN}, locations: { /: { proxy: { pass: "http://app" } } } }]`;
  await withWorkers(text, async (workers, dir, address) => {
    const active = async () =>
      (await workers.control.status()).upstreams[0]?.peers[0]?.active ?? -1;
    const held = Array.from({ length: 8 }, () => exchange(address, getRequest("/")).catch(() => 0));
    await origin.waitForRequest(8);
    assertEquals(await active(), 8);
    workers.terminate(1);
    await errorLine(dir, /start worker process 1$/);
    const left = await active();
    assert(left < 8, `${left} of 8 are counted`);

    const more = Array.from({ length: 8 - left }, () => exchange(address, getRequest("/")));
    await origin.waitForRequest(8 + more.length);
    assertEquals(await active(), 8);
    assertEquals((await exchange(address, getRequest("/"))).status, 502);
    answer.open();
    assertEquals((await Promise.all(more)).map(({ status }) => status), more.map(() => 200));
    await Promise.all(held);
  });
});

Deno.test("workers: a peer that failed for one of them is out for both", async () => {
  await using good = await startOrigin({
    each: [repeat(expectRequest(), send(okResponse("good")))],
  });
  await using bad = await startOrigin({ each: [expectRequest(), close()] });
  const text = `
upstreams:
  app: { servers: [{ address: ${bad.address}, max_fails: 3, fail_timeout: 1h }, ${good.address}] }
servers: [{ listen: ${LISTEN}, locations: { /: { proxy: { pass: "http://app" } } } }]`;
  await withWorkers(text, async (_workers, dir, address) => {
    for (let k = 0; k < 40; k++) {
      assertEquals((await exchange(address, getRequest("/"))).bodyText, "good");
    }
    assertEquals(bad.requestsSeen, 3);
    const told = linesOf(dir, "error.log").filter((line) => line.includes("temporarily disabled"));
    assertEquals(told.length, 1, "it is said once");
  });
});

Deno.test("workers: limit_req lets through what one worker would", async () => {
  await using origin = await startOrigin({
    each: [repeat(expectRequest(), send(okResponse("ok")))],
  });
  const text = `
limit_req_zone: "$request_uri zone=one:1m rate=1r/m"
servers:
  - listen: ${LISTEN}
    locations: { /: { limit_req: "zone=one burst=9 nodelay", proxy: { pass: "http://${origin.address}" } } }`;
  await withWorkers(text, async (workers, dir, address) => {
    const all = await manyAt(address, 40);
    assertEquals(all.filter(({ status }) => status === 200).length, 10);
    workers.terminate(2);
    await errorLine(dir, /start worker process 2$/);
    const more = await manyAt(address, 20);
    assertEquals(more.filter(({ status }) => status === 200).length, 0, "it is not forgotten");
  });
});

Deno.test("workers: limit_conn counts the requests of both, but none of a terminated one", async () => {
  const answer = gate();
  await using origin = await startOrigin({
    each: [repeat(expectRequest(), pause(answer), send(okResponse("ok")))],
  });
  const text = `
limit_conn_zone: "$server_port zone=all:1m"
servers:
  - listen: ${LISTEN}
    locations: { /: { limit_conn: "all 6", proxy: { pass: "http://${origin.address}" } } }`;
  await withWorkers(text, async (workers, dir, address) => {
    const first = Array.from(
      { length: 20 },
      () => exchange(address, getRequest("/")).catch(() => 0),
    );
    await eventually("all but six to be refused", () => {
      return linesOf(dir, "access.log").filter((line) => line.endsWith(" 503")).length === 14;
    });
    await origin.waitForRequest(6);
    workers.terminate(1);
    workers.terminate(2);
    await errorLine(dir, /start worker process 1$/);
    await errorLine(dir, /start worker process 2$/);
    await Promise.all(first);
    const second = Array.from({ length: 6 }, () => exchange(address, getRequest("/")));
    await origin.waitForRequest(12);
    assertEquals((await exchange(address, getRequest("/"))).status, 503);
    answer.open();
    assertEquals((await Promise.all(second)).map(({ status }) => status), second.map(() => 200));
  });
});

Deno.test("workers: an active check takes a peer out for both, and lets it back", async () => {
  let isWell = false;
  await using checked = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    ({ url }) => new Response("checked", { status: isWell || !url.endsWith("/well") ? 200 : 500 }),
  );
  await using other = await startOrigin({
    each: [repeat(expectRequest(), send(okResponse("other")))],
  });
  const text = `
upstreams:
  app:
    health_check: { path: /well, interval: 20ms, jitter: 0, fails: 1, passes: 1 }
    servers: ["127.0.0.1:${checked.addr.port}", ${other.address}]
servers: [{ listen: ${LISTEN}, locations: { /: { proxy: { pass: "http://app" } } } }]`;
  await withWorkers(text, async (_workers, dir, address) => {
    const bodies = async () =>
      [...new Set((await manyAt(address, 24)).map(({ bodyText }) => bodyText))].sort();
    await errorLine(dir, /is unhealthy/);
    assertEquals(await bodies(), ["other"]);
    isWell = true;
    await errorLine(dir, /is healthy/);
    assertEquals(await bodies(), ["checked", "other"]);
    const checks = linesOf(dir, "error.log").filter((line) => /healthy/.test(line));
    assertEquals(checks.length, 2, "one thread checks, and says so once");
  });
});

Deno.test("workers: what an operator changes of a peer is so in both, and in one that begins later", async () => {
  await using one = await startOrigin({ each: [repeat(expectRequest(), send(okResponse("one")))] });
  await using two = await startOrigin({ each: [repeat(expectRequest(), send(okResponse("two")))] });
  const text = `
upstreams: { app: { servers: [${one.address}] } }
servers: [{ listen: ${LISTEN}, locations: { /: { proxy: { pass: "http://app" } } } }]`;
  await withWorkers(text, async (workers, dir, address) => {
    const { control } = workers;
    const bodies = async () =>
      [...new Set((await manyAt(address, 24)).map(({ bodyText }) => bodyText))].sort();
    assertEquals((await control.addPeer("app", { address: two.address })).ok, true);
    assertEquals(await bodies(), ["one", "two"]);
    assertEquals((await control.changePeer("app", one.address, { down: true })).ok, true);
    assertEquals(await bodies(), ["two"]);
    workers.terminate(1);
    await errorLine(dir, /start worker process 1$/);
    assertEquals(await bodies(), ["two"]);
  });
});

Deno.test("workers: /status adds up what both have counted", async () => {
  const text = `
admin: { listen: "127.0.0.1:0" }
${PLAIN}`;
  await withWorkers(text, async (workers, dir, address) => {
    await manyAt(address, 30);
    await eventually("all lines", () => linesOf(dir, "access.log").length === 30);
    const { workers: told, counts } = await workers.control.status();
    assertEquals(told.map(({ id }) => id), [1, 2]);
    assertEquals(counts.process[0], 30, "accepted");

    workers.terminate(2);
    await errorLine(dir, /start worker process 2$/);
    await manyAt(address, 10);
    await eventually("all lines", () => linesOf(dir, "access.log").length === 40);
    assertEquals((await workers.control.status()).counts.process[0], 40, "nothing is forgotten");
    assert(workers.adminAddress !== undefined);
  });
});

Deno.test("workers: a peer that one of them has ejected is out for all, and /status says so", async () => {
  const bad = "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n";
  await using ill = await startOrigin({ each: [repeat(expectRequest(), send(bad))] });
  await using well = await startOrigin({
    each: [repeat(expectRequest(), send(okResponse("well")))],
  });
  const text = `
upstreams:
  app:
    outlier_detection: { consecutive_5xx: 2, base_ejection_time: 1h, interval: 1h }
    servers: [${ill.address}, ${well.address}]
servers: [{ listen: ${LISTEN}, locations: { /: { proxy: { pass: "http://app" } } } }]`;
  await withWorkers(text, async ({ control }, dir, address) => {
    await manyAt(address, 24);
    await errorLine(dir, /is ejected/);
    const { upstreams } = await control.status();
    assertEquals(upstreams[0]?.peers.map(({ state }) => state), ["ejected", "up"]);
  });
});

Deno.test("workers: stub_status tells of the clients of both, and no connection has another's number", async () => {
  const text = `
servers: [{ listen: ${LISTEN}, locations: { /: { return: 200 ok }, = /s: { stub_status: on } } }]`;
  await withWorkers(text, async (workers, dir, address) => {
    const acceptedBecomes = async (count: number) => {
      await using client = await connect(address);
      const endMs = performance.now() + PATIENCE_MS;
      let seen = -1;
      while (seen !== count && performance.now() < endMs) {
        await client.send(getRequest("/s"));
        seen = Number(/^ (\d+) /m.exec((await client.readResponse()).bodyText)?.[1]);
        // Nobody tells when it changes; a connection has a bound of requests.
        if (seen !== count) await new Promise((resolve) => setTimeout(resolve, 50));
      }
      assertEquals(seen, count);
    };
    await manyAt(address, 30);
    await acceptedBecomes(31);
    workers.terminate(1);
    await errorLine(dir, /start worker process 1$/);
    await manyAt(address, 30);
    await acceptedBecomes(62);
    await eventually("all lines", () => linesOf(dir, "access.log").length >= 40);
    const numbers = linesOf(dir, "access.log").filter((line) => !line.includes("/s "))
      .map((line) => line.split(" ", 1)[0]);
    assertEquals(new Set(numbers).size, numbers.length);
  });
});
