/** Peers that are ejected for what they answer, and requests that are not tried again too often. */
import { assertEquals, assertMatch } from "@std/assert";
import { exchange, getRequest } from "../support/client.ts";
import { inFrontOf, withSluice } from "../support/in_process.ts";
import {
  act,
  expectRequest,
  okResponse,
  repeat,
  respondWith,
  startOrigin,
} from "../support/origin.ts";
import { freePorts } from "../support/real_servers.ts";

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
  const [closed = 0] = await freePorts(1);
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
