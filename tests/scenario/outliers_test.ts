/** Peers that are ejected for what they answer, and requests that are not tried again too often. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { freePorts } from "../support/free_ports.ts";
import { exchange, getRequest } from "../support/client.ts";
import { inFrontOf, withSluice } from "../support/in_process.ts";
import {
  act,
  expectRequest,
  okResponse,
  repeat,
  respondWith,
  send,
  startOrigin,
} from "../support/origin.ts";

const BAD = "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n";

Deno.test("outlier_detection: a peer with bad answers is ejected, and comes back", async () => {
  let answer: string | Uint8Array = BAD;
  const play = act(
    "answer",
    (connection) =>
      connection.write(typeof answer === "string" ? new TextEncoder().encode(answer) : answer),
  );
  await using ill = await startOrigin({ each: [repeat(expectRequest(), play)] });
  await using well = await respondWith(okResponse("well"));
  const conf = inFrontOf([ill.address, well.address], {
    group: "outlier_detection: { consecutive_5xx: 3, base_ejection_time: 200ms, interval: 1h }",
  });
  await withSluice(conf, async (address, sluice) => {
    const ask = async () => (await exchange(address, getRequest())).status;
    const statuses = [];
    for (let at = 0; at < 6; at++) statuses.push(await ask());
    assertEquals(statuses, [503, 200, 503, 200, 503, 200]);
    const line = await sluice.errorLine(/is ejected/);
    assertMatch(line, /peer \S+ of app is ejected for 0.2 s: 3 5xx in a row/);
    assertEquals([await ask(), await ask()], [200, 200]);
    assertEquals(ill.requestsSeen, 3);

    answer = okResponse("well again");
    await sluice.errorLine(/is no longer ejected/);
    for (let at = 0; at < 2; at++) assertEquals(await ask(), 200);
    assertEquals(ill.requestsSeen, 4);
  });
});

Deno.test("retry_budget: when it is spent a request is not tried again, and says so", async () => {
  const [closed = 0] = freePorts(1);
  await using well = await respondWith(okResponse("well"));
  const conf = inFrontOf([`127.0.0.1:${closed} max_fails=0`, well.address], {
    group: "retry_budget: { percent: 50%, min_per_second: 0 }, balance: { hash: $arg_k }",
  });
  await withSluice(conf, async (address, sluice) => {
    // Keys of the closed port are tried again at the other, as far as the budget goes.
    const statuses: number[] = [];
    for (let at = 0; at < 4; at++) {
      statuses.push((await exchange(address, getRequest("/?k=same"))).status);
    }
    assertEquals(statuses, [502, 200, 502, 200]);
    assertMatch(await sluice.accessLine(1), /not tried again, retry budget spent/);
  }, { logFormat: "$status|$upstream_failure" });
});

Deno.test("panic_threshold: when too few peers are healthy all are asked, and the log says when", async () => {
  let isWell = false;
  const play = act("answer", (connection) => {
    const isCheck = connection.requests.at(-1)?.target === "/healthz";
    return connection.write(isCheck && !isWell ? new TextEncoder().encode(BAD) : okResponse("yes"));
  });
  await using one = await startOrigin({ each: [repeat(expectRequest(), play)] });
  await using two = await startOrigin({ each: [repeat(expectRequest(), play)] });
  const conf = inFrontOf([one.address, two.address], {
    group: "panic_threshold: 50%, health_check: { path: /healthz, interval: 10ms }",
  });
  await withSluice(conf, async (address, sluice) => {
    await sluice.errorLine(/is unhealthy/);
    const ask = async () => (await exchange(address, getRequest())).status;
    for (let at = 0; at < 6; at++) assertEquals(await ask(), 200);
    const panic = await sluice.errorLine(/panic/);
    assertMatch(panic, /\[warn\].*0 of 2 peers of app are healthy: panic, health is ignored/);

    isWell = true;
    await sluice.errorLine(/is healthy/);
    await sluice.errorLine(new RegExp(`${two.address} of app is healthy`));
    await sluice.errorLine(new RegExp(`${one.address} of app is healthy`));
    assertEquals(await ask(), 200);
    await sluice.errorLine(/2 of 2 peers of app are healthy: no panic any more/);
  });
});

/** Asks until the log has a line, which has to come by these requests. */
async function ejectedBy(
  parameters: string,
  answers: readonly string[],
  requests: number,
): Promise<string[]> {
  await using stack = new AsyncDisposableStack();
  const origins = [];
  for (const answer of answers) {
    origins.push(stack.use(await startOrigin({ each: [repeat(expectRequest(), send(answer))] })));
  }
  let lines: string[] = [];
  const group = `outlier_detection: { ${parameters} }`;
  const peers = origins.map(({ address }) => `${address} max_fails=0`);
  await withSluice(
    inFrontOf(peers, { group, proxy: "next_upstream: off" }),
    async (address, sluice) => {
      for (let at = 0; at < requests; at++) await exchange(address, getRequest());
      await sluice.errorLine(/is ejected/);
      lines = sluice.errorLog.flatMap((line) => {
        const [, text] = /peer \S+ of app (is ejected for .*)/.exec(line) ?? [];
        return text === undefined ? [] : [text.replace(/, client: .*/, "")];
      });
    },
  );
  return lines;
}

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const NO_HTTP = "this is no HTTP\r\n\r\n";
const HOUR = "base_ejection_time: 1h, max_ejection_time: 1h, interval: 1h";

Deno.test("outlier_detection: gateway failures and errors in a row have bounds of their own", async () => {
  assertEquals(
    await ejectedBy(`${HOUR}, consecutive_gateway_failure: 2`, [BAD, OK], 4),
    ["is ejected for 3600 s: 2 gateway failures in a row"],
  );
  assertEquals(
    await ejectedBy(`${HOUR}, consecutive_errors: 2`, [NO_HTTP, OK], 4),
    ["is ejected for 3600 s: 2 errors in a row"],
  );
});

Deno.test("outlier_detection: max_ejection_percent lets more than one go, max_ejection_time bounds how long", async () => {
  const parameters = "consecutive_5xx: 1, base_ejection_time: 1h, max_ejection_time: 90s, " +
    "max_ejection_percent: 70%";
  assertEquals(await ejectedBy(parameters, [BAD, BAD, OK], 3), [
    "is ejected for 90 s: 1 5xx in a row",
    "is ejected for 90 s: 1 5xx in a row",
  ]);
});

Deno.test("outlier_detection: after each interval, the peer that succeeds far less often than the others", async () => {
  const parameters = "consecutive_5xx: 0, consecutive_gateway_failure: 0, interval: 300ms, " +
    "success_rate_minimum_hosts: 3, success_rate_request_volume: 2, success_rate_stdev_factor: 1.2";
  const startedMs = performance.now();
  const [line = ""] = await ejectedBy(parameters, [OK, OK, BAD], 6);
  assert(performance.now() - startedMs < 5_000, "by default an interval has 10 s");
  assertMatch(
    line,
    /^is ejected for 30 s: 0\.0 % of 2 succeeded, of all 66\.7 %, least allowed 10\.1 %$/,
  );
});
