/** limit_req and limit_conn: compared with nginx 1.22.1 by hand, statuses and words. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { readYaml } from "../../src/config/mod.ts";
import { connect, exchange, getRequest } from "../support/client.ts";
import { eventually, type InProcessSluice, withSluice } from "../support/in_process.ts";
import {
  expectRequest,
  okResponse,
  pause,
  repeat,
  respondWith,
  send,
  startOrigin,
} from "../support/origin.ts";

/** One request a minute: within a test nothing leaks. */
const ZONES = `
limit_req_zone:
  - $arg_k zone=one:64k rate=1r/m
  - $arg_j zone=two:64k rate=1r/m
  - $arg_f zone=fast:64k rate=20r/s
limit_conn_zone: [$arg_c zone=con:64k, $arg_d zone=con2:64k]
`;

const LOG_FORMAT = "$request_uri $status [$limit_req_status] [$limit_conn_status]";

/** One server with these locations, each a line of YAML, in which `PASS` proxies. */
async function withLocations(
  locations: readonly string[],
  act: (
    statusOf: (target: string) => Promise<number>,
    sluice: InProcessSluice,
  ) => Promise<void>,
  around = "",
): Promise<void> {
  await using origin = await respondWith(okResponse("origin"));
  const yaml = `${ZONES}${around}
servers:
  - listen: 127.0.0.1:0
    locations:
      ${locations.join("\n      ")}
`.replaceAll("PASS", `proxy: { pass: "http://${origin.address}" }`);
  await withSluice(yaml, async (address, sluice) => {
    const statusOf = async (target: string) => (await exchange(address, getRequest(target))).status;
    await act(statusOf, sluice);
  }, { logFormat: LOG_FORMAT });
}

async function inTurn(
  statusOf: (target: string) => Promise<number>,
  ...targets: readonly string[]
): Promise<number[]> {
  const statuses: number[] = [];
  for (const target of targets) statuses.push(await statusOf(target));
  return statuses;
}

Deno.test("limit_req: a request too many is 503, a key without text is not limited", async () => {
  await withLocations(["/: { limit_req: zone=one, PASS }"], async (statusOf, sluice) => {
    assertEquals(await inTurn(statusOf, "/?k=1", "/?k=1", "/?k=2", "/", "/"), [
      200,
      503,
      200,
      200,
      200,
    ]);
    assertMatch(
      await sluice.errorLine(/limiting/),
      /\[error\].* limiting requests, excess: (?:0\.9\d\d|1\.000) by zone "one", client: 127\.0\.0\.1, /,
    );
    assertEquals(await sluice.accessLine(1), "/?k=1 200 [PASSED] [-]");
    assertEquals(await sluice.accessLine(2), "/?k=1 503 [REJECTED] [-]");
    assertEquals(await sluice.accessLine(4), "/ 200 [-] [-]");
  });
});

Deno.test("limit_req: burst with nodelay lets so many pass at once; with delay=N only N of them", async () => {
  await withLocations([
    "/nodelay: { limit_req: zone=one burst=2 nodelay, limit_req_status: 429, PASS }",
    "/delay: { limit_req: zone=two burst=2 delay=1, limit_req_log_level: info, PASS }",
  ], async (statusOf, sluice) => {
    assertEquals(
      await inTurn(statusOf, ...Array<string>(4).fill("/nodelay?k=1")),
      [200, 200, 200, 429],
    );
    assertEquals(await inTurn(statusOf, "/delay?j=1", "/delay?j=1"), [200, 200]);
    await using third = await connect(sluice.addresses[0]!);
    await third.send(getRequest("/delay?j=1"));
    await sluice.errorLine(
      /\[info\].* delaying request, excess: (?:1\.9\d\d|2\.000), by zone "two", client: /,
    );
    assertEquals(await statusOf("/delay?j=1"), 503);
    await sluice.errorLine(
      /\[info\].* limiting requests, excess: (?:2\.9\d\d|3\.000) by zone "two"/,
    );
  });
});

Deno.test("limit_req: a delayed request is answered when it is its time", async () => {
  await withLocations(["/: { limit_req: zone=fast burst=5, PASS }"], async (statusOf, sluice) => {
    const startedAtMs = performance.now();
    const statuses = await Promise.all(
      Array.from({ length: 5 }, () => statusOf("/?f=1")),
    );
    assertEquals(statuses, [200, 200, 200, 200, 200]);
    const tookMs = performance.now() - startedAtMs;
    assert(tookMs >= 195, `${tookMs} ms for what may take place every 50 ms`);
    await sluice.errorLine(/\[warn\].* delaying request, excess: /);
    await sluice.accessLine(5);
    assertEquals(
      sluice.accessLog.filter((line) => line === "/?f=1 200 [DELAYED] [-]").length,
      4,
    );
  });
});

Deno.test("limit_req: a client that leaves while its request is delayed is 499", async () => {
  await withLocations(["/: { limit_req: zone=one burst=1, PASS }"], async (statusOf, sluice) => {
    assertEquals(await statusOf("/?k=1"), 200);
    {
      await using client = await connect(sluice.addresses[0]!);
      await client.send(getRequest("/?k=1"));
      await sluice.errorLine(/delaying request/);
    }
    assertEquals(await sluice.accessLine(2), "/?k=1 499 [DELAYED] [-]");
    await sluice.errorLine(/\[info\].* client prematurely closed connection, client: /);
  });
});

Deno.test("limit_req: what a zone knows outlives a reload, if its name and size stay", async () => {
  const yaml = (zone: string, word: string) => `
limit_req_zone: [${zone}]
servers: [{ listen: 127.0.0.1:0, locations: { /: { limit_req: zone=one, root: /${word} } } }]
`;
  await withSluice(yaml("$arg_k zone=one:64k rate=1r/m", "one"), async (address, sluice) => {
    const statusOf = async (target: string) => (await exchange(address, getRequest(target))).status;
    const reload = (text: string) => sluice.server.reload(readYaml(text, "test.yaml"));
    assertEquals(await inTurn(statusOf, "/?k=1", "/?k=1"), [404, 503]);
    await reload(yaml("$arg_k zone=one:64k rate=2r/m", "two"));
    assertEquals(await inTurn(statusOf, "/?k=1", "/?k=2"), [503, 404]);
    await reload(yaml("$arg_k zone=one:128k rate=2r/m", "three"));
    assertEquals(await statusOf("/?k=1"), 404, "another size, another zone");
  });
});

Deno.test("limit_req: stopping ends requests that are delayed", async () => {
  await withLocations(["/: { limit_req: zone=one burst=1, PASS }"], async (statusOf, sluice) => {
    assertEquals(await statusOf("/?k=1"), 200);
    await using client = await connect(sluice.addresses[0]!);
    await client.send(getRequest("/?k=1"));
    await sluice.errorLine(/delaying request/);
    await sluice.server.stop();
    await client.readToEnd();
  });
});

Deno.test("limit_req: several limits all have to let a request pass, and nothing counts in any if one refuses", async () => {
  await withLocations([
    "/both: { limit_req: [zone=one burst=1 nodelay, zone=two], PASS }",
    "/one: { limit_req: zone=one burst=1 nodelay, PASS }",
  ], async (statusOf, sluice) => {
    assertEquals(await inTurn(statusOf, "/both?k=1&j=1", "/both?k=1&j=1"), [200, 503]);
    await sluice.errorLine(/limiting requests, excess: .* by zone "two"/);
    assertEquals(await inTurn(statusOf, "/one?k=1", "/one?k=1"), [200, 503]);
    assertEquals(await inTurn(statusOf, "/both?k=2", "/both?k=2", "/both?k=2"), [200, 200, 503]);
  });
});

Deno.test("limit_req_dry_run: nobody is held up or refused, the log and the variable tell", async () => {
  await withLocations([
    "/a: { limit_req: zone=one, limit_req_dry_run: on, limit_req_log_level: warn, PASS }",
    "/b: { limit_req: zone=two burst=3, limit_req_dry_run: on, PASS }",
  ], async (statusOf, sluice) => {
    assertEquals(await inTurn(statusOf, "/a?k=1", "/a?k=1", "/b?j=1", "/b?j=1"), [
      200,
      200,
      200,
      200,
    ]);
    await sluice.errorLine(
      /\[warn\].* limiting requests, dry run, excess: (?:0\.9\d\d|1\.000) by zone "one"/,
    );
    await sluice.errorLine(
      /\[warn\].* delaying request, dry run, excess: (?:0\.9\d\d|1\.000), by zone "two"/,
    );
    assertEquals(await sluice.accessLine(2), "/a?k=1 200 [REJECTED_DRY_RUN] [-]");
    assertEquals(await sluice.accessLine(4), "/b?j=1 200 [DELAYED_DRY_RUN] [-]");
  });
});

Deno.test("limit_req: it is looked at once in a request, and has an error page that is not limited", async () => {
  await withLocations([
    "/: { limit_req: zone=one, error_page: { 503: /busy }, PASS }",
    "/busy: { limit_req: zone=one, PASS }",
    "/out: { limit_req: zone=one, access: [deny all], PASS }",
  ], async (statusOf, sluice) => {
    assertEquals(await inTurn(statusOf, "/?k=1", "/?k=1"), [200, 503]);
    assertEquals(sluice.errorLog.filter((line) => line.includes("limiting")).length, 1);
    assertEquals(await inTurn(statusOf, "/out?k=2", "/out?k=2"), [403, 503], "before access");
  });
});

Deno.test("limit_req: a location's limits replace those around it", async () => {
  await withLocations(
    [
      "/inherits: { PASS }",
      "/own: { limit_req: zone=two burst=1 nodelay, PASS }",
    ].map((line) => line),
    async (statusOf) => {
      assertEquals(await inTurn(statusOf, "/own?k=1&j=1", "/own?k=1&j=1"), [200, 200]);
    },
  );
});

/** Runs `act` with the first request under way, which ends with it. */
async function withOneUnderWay(
  locations: readonly string[],
  target: string,
  act: (
    statusOf: (target: string) => Promise<number>,
    sluice: InProcessSluice,
    end: () => Promise<void>,
  ) => Promise<void>,
): Promise<void> {
  const held = Promise.withResolvers<void>();
  const answering = repeat(expectRequest(), send(okResponse("origin")));
  await using origin = await startOrigin({
    first: [[expectRequest(), pause(held.promise), send(okResponse("origin")), answering]],
    each: [answering],
  });
  const yaml = `${ZONES}
servers:
  - listen: 127.0.0.1:0
    locations:
      ${locations.join("\n      ")}
`.replaceAll("PASS", `proxy: { pass: "http://${origin.address}" }`);
  await withSluice(yaml, async (address, sluice) => {
    const statusOf = async (asked: string) => (await exchange(address, getRequest(asked))).status;
    await using first = await connect(address);
    await first.send(getRequest(target));
    await eventually("a request at the origin", () => origin.connections.length === 1);
    await act(statusOf, sluice, async () => {
      held.resolve();
      assertEquals((await first.readResponse()).status, 200);
    });
  }, { logFormat: LOG_FORMAT });
}

Deno.test("limit_conn: so many requests at once, and another one when one has ended", async () => {
  await withOneUnderWay(
    ["/: { limit_conn: con 1, PASS }", "/two: { limit_conn: [con 9, con2 1], PASS }"],
    "/held?c=1",
    async (statusOf, sluice, end) => {
      assertEquals(await inTurn(statusOf, "/?c=1", "/?c=2", "/", "/"), [503, 200, 200, 200]);
      assertMatch(
        await sluice.errorLine(/limiting/),
        /\[error\].* limiting connections by zone "con", client: 127\.0\.0\.1, /,
      );
      assertEquals(await inTurn(statusOf, "/two?c=1&d=1", "/two?c=1&d=1"), [200, 200]);
      await end();
      await eventually("the first request's line", () => sluice.accessLog.length === 7);
      assertEquals(await statusOf("/?c=1"), 200);
      assertEquals(await sluice.accessLine(1), "/?c=1 503 [-] [REJECTED]");
      assertEquals(await sluice.accessLine(2), "/?c=2 200 [-] [PASSED]");
    },
  );
});

Deno.test("limit_conn: one that is refused is counted nowhere; dry run refuses nobody", async () => {
  await withOneUnderWay(
    [
      "/: { limit_conn: con 1, PASS }",
      "/both: { limit_conn: [con2 1, con 1], limit_conn_status: 429, limit_conn_log_level: warn, PASS }",
      "/dry: { limit_conn: con 1, limit_conn_dry_run: on, PASS }",
      "/other: { limit_conn: con2 1, PASS }",
    ],
    "/held?c=1",
    async (statusOf, sluice, end) => {
      assertEquals(
        await inTurn(statusOf, "/both?c=1&d=1", "/both?c=1&d=1", "/other?d=1", "/dry?c=1"),
        [429, 429, 200, 200],
      );
      await sluice.errorLine(/\[warn\].* limiting connections by zone "con"/);
      await sluice.errorLine(/\[error\].* limiting connections, dry run, by zone "con"/);
      assertEquals(await sluice.accessLine(4), "/dry?c=1 200 [-] [REJECTED_DRY_RUN]");
      await end();
    },
  );
});
