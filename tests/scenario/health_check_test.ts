/** Active checks: which peers are used, by what they answer to requests of our own. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { freePorts } from "../support/free_ports.ts";
import { readYaml } from "../../src/config/mod.ts";
import { startServer } from "../../src/control/server.ts";
import { connect, exchange, getRequest } from "../support/client.ts";
import { eventually, inFrontOf, type InProcessSluice, withSluice } from "../support/in_process.ts";
import {
  act,
  expectRequest,
  okResponse,
  type Origin,
  repeat,
  respondWith,
  silent,
  startOrigin,
} from "../support/origin.ts";
import { tempDir } from "../support/program.ts";
import { realServerTest } from "../support/real_servers.ts";
import {
  makeCertificates,
  serverNameOf,
  startTlsOrigin,
  type TlsOriginOptions,
} from "../support/tls_origin.ts";

const WELL = okResponse("well");
const ILL = "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n";

/** Answers checks with what `health` holds, and everything else with its name. */
async function startChecked(
  name: string,
): Promise<{ origin: Origin; health: { answer: string | Uint8Array } } & AsyncDisposable> {
  const health: { answer: string | Uint8Array } = { answer: WELL };
  const answer = act("answer", (connection) => {
    const isCheck = connection.requests.at(-1)?.target === "/healthz";
    return connection.write(isCheck ? latin1(health.answer) : okResponse(name));
  });
  const origin = await startOrigin({ each: [repeat(expectRequest(), answer)] });
  return { origin, health, [Symbol.asyncDispose]: () => origin[Symbol.asyncDispose]() };
}

function latin1(text: string | Uint8Array): Uint8Array {
  return typeof text === "string" ? new TextEncoder().encode(text) : text;
}

async function namesOf(address: string, requests: number): Promise<string[]> {
  const names: string[] = [];
  for (let at = 0; at < requests; at++) {
    const { status, bodyText } = await exchange(address, getRequest());
    names.push(status === 200 ? bodyText : String(status));
  }
  return [...new Set(names)].sort();
}

function checksOf({ requests }: Origin): number {
  return requests.filter(({ target }) => target === "/healthz").length;
}

function newsIn({ errorLog }: InProcessSluice): string[] {
  return errorLog.flatMap((line) => /peer \S+ of app is .*/.exec(line) ?? []);
}

Deno.test("health_check: a peer that fails is out until it passes again; both is said once", async () => {
  await using one = await startChecked("one");
  await using two = await startChecked("two");
  const group =
    "health_check: { path: /healthz, interval: 10ms, fails: 3, passes: 2, status: 2xx }";
  const { address: name } = one.origin;
  await withSluice(inFrontOf([name, two.origin.address], { group }), async (address, sluice) => {
    await checkOf(one.origin);
    assertEquals(await namesOf(address, 4), ["one", "two"]);

    one.health.answer = ILL;
    await sluice.errorLine(/is unhealthy/);
    assertEquals(await namesOf(address, 4), ["two"]);
    const checks = checksOf(one.origin);
    await eventually("more checks", () => checksOf(one.origin) > checks + 4);
    assertEquals(one.origin.requests.filter(({ target }) => target === "/").length, 2);

    one.health.answer = WELL;
    await sluice.errorLine(/is healthy/);
    assertEquals(await namesOf(address, 4), ["one", "two"]);
    assertEquals(newsIn(sluice), [
      `peer ${name} of app is unhealthy: status 500, expected 2xx (3 of 3)`,
      `peer ${name} of app is healthy: 2 passed in a row`,
    ]);
  });
});

function checkOf(origin: Origin): Promise<void> {
  return eventually("a check", () => checksOf(origin) > 0);
}

Deno.test("health_check: what is sent", async () => {
  await using one = await startChecked("one");
  const checks = [
    "{ path: /healthz }",
    "{ path: '/healthz?a=b', method: HEAD, host: x.test:8080, headers: { X-Check: 'on', A: b } }",
  ];
  const expected = [
    "GET /healthz HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n",
    "HEAD /healthz?a=b HTTP/1.1\r\nHost: x.test:8080\r\nX-Check: on\r\nA: b\r\n" +
    "Connection: close\r\n\r\n",
  ];
  for (const [at, check] of checks.entries()) {
    const conf = inFrontOf(one.origin, { group: `health_check: ${check}` });
    await withSluice(conf, async () => {
      await one.origin.waitForRequest(at + 1);
      const { received } = one.origin.connections.at(-1)!;
      assertEquals(new TextDecoder().decode(received), expected[at]);
    });
  }
});

/** Why a peer is unhealthy, by what it answers and what is asked for. */
const REASONS: readonly (readonly [check: string, answer: string, why: string])[] = [
  ["status: 200 204-205", ILL, "status 500, expected 200 or 204-205"],
  ["body: ready", "HTTP/1.1 200 OK\r\n\r\nnot yet", 'its body has no "ready"'],
  ["body: '!not'", "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nnot yet", 'its body has "not"'],
  [
    "body: '~ ^re.dy$'",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nREA\r\n2\r\nDY\r\n0\r\n\r\n",
    "its body has no match of ^re.dy$",
  ],
  ["", "garbage and more\r\n\r\n", "invalid answer: no HTTP/1 status line"],
  ["", `HTTP/1.1 200 OK\r\nX: ${"x".repeat(17_000)}\r\n\r\n`, "invalid answer: a head of more"],
  ["body: x", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "its answer is cut short"],
  ["", "", "it closed the connection"],
];

for (const [check, answer, why] of REASONS) {
  const text = check === "" ? why : `${check}: ${why}`;
  Deno.test(`health_check: the log says why, ${text}`, async () => {
    await using origin = await startOrigin({
      each: [
        expectRequest(),
        act("answer", async ({ socket }) => {
          socket.end(answer);
          await Promise.resolve();
        }),
      ],
    });
    const conf = inFrontOf(origin, { group: `health_check: { interval: 20ms, ${check} }` });
    await withSluice(conf, async (address, sluice) => {
      const line = await sluice.errorLine(/is unhealthy/);
      assertEquals(line.includes(`is unhealthy: ${why}`), true, line);
      assertEquals((await exchange(address, getRequest())).status, 502);
    });
  });
}

Deno.test("health_check: bodies that match, in chunks, to the end, in either case of letters", async () => {
  const answers = [REASONS[2]!, REASONS[3]!].map(([, answer]) => answer);
  for (const [at, body] of ["~* NOT", "~* ^ready$", "!oops"].entries()) {
    await using one = await startChecked("one");
    one.health.answer = ILL;
    const check = `{ path: /healthz, interval: 10ms, body: '${body}' }`;
    await withSluice(
      inFrontOf(one.origin, { group: `health_check: ${check}` }),
      async (_, sluice) => {
        await sluice.errorLine(/is unhealthy/);
        one.health.answer = answers[at] ?? WELL;
        await sluice.errorLine(/is healthy/);
      },
    );
  }
});

Deno.test("health_check: a peer that says nothing has until the timeout", async () => {
  await using origin = await startOrigin({ each: [silent()] });
  const group = "health_check: { interval: 10ms, timeout: 50ms, fails: 2 }";
  await withSluice(inFrontOf(origin, { group }), async (_, sluice) => {
    const line = await sluice.errorLine(/is unhealthy/);
    assertMatch(line, /no answer within 50 ms \(2 of 2\)/);
  });
});

Deno.test("health_check: what runs when the proxy stops is ended", async () => {
  await using origin = await startOrigin({ each: [silent()] });
  const server = inFrontOf(origin, { group: "health_check: { timeout: 1h }" });
  // Not `withSluice`: it waits for rest, which a check that runs is not.
  const running = await startServer(readYaml(`log: { access: off }\n${server}`, "t"));
  await origin.waitForConnection(1);
  await running.stop();
  await eventually("nothing to be held", () => running.stats().outstanding.length === 0);
});

Deno.test("health_check: tcp is about connections alone; port is another place to ask", async () => {
  const [closed = 0] = freePorts(1);
  await using one = await respondWith(okResponse("one"));
  await using two = await respondWith(okResponse("two"));
  const group = "health_check: { type: tcp, interval: 10ms }";
  const conf = inFrontOf([one.address, `127.0.0.1:${closed}`], { group });
  await withSluice(conf, async (address, sluice) => {
    const line = await sluice.errorLine(/is unhealthy/);
    assertMatch(line, new RegExp(`127.0.0.1:${closed} of app is unhealthy: .*refused`));
    assertEquals(await namesOf(address, 4), ["one"]);
    assertEquals(sluice.errorLog.filter((text) => text.includes("upstream: ")).length, 0);
  });
  const other = `health_check: { type: tcp, port: ${closed}, interval: 10ms }`;
  await withSluice(inFrontOf(two, { group: other }), async (address, sluice) => {
    await sluice.errorLine(/is unhealthy/);
    assertEquals((await exchange(address, getRequest())).status, 502);
  });
});

Deno.test("health_check mandatory: a peer is not used before its first check has passed", async () => {
  await using one = await startChecked("one");
  one.health.answer = "";
  const group = "health_check: { path: /healthz, interval: 10ms, timeout: 30ms, fails: 1000, " +
    "mandatory: on }";
  await withSluice(inFrontOf(one.origin, { group }), async (address, sluice) => {
    await checkOf(one.origin);
    assertEquals(await namesOf(address, 1), ["502"]);
    one.health.answer = WELL;
    await sluice.errorLine(/is healthy: 1 passed/);
    assertEquals(await namesOf(address, 1), ["one"]);
  });
});

Deno.test("health_check keepalive_time: checks share a connection; one that was closed meanwhile is no failure", async () => {
  await using one = await startChecked("one");
  const group = "health_check: { path: /healthz, interval: 10ms, keepalive_time: 1h }";
  await withSluice(inFrontOf(one.origin, { group }), async (_, sluice) => {
    await eventually("some checks", () => checksOf(one.origin) > 5);
    assertEquals(one.origin.connectionsSeen, 1);
    one.origin.connections[0]!.socket.destroy();
    const checks = checksOf(one.origin);
    await eventually("more checks", () => checksOf(one.origin) > checks + 5);
    assertEquals(one.origin.connectionsSeen, 2);
    assertEquals(newsIn(sluice), []);
  });
});

Deno.test("health_check: a peer that is down is not asked", async () => {
  await using one = await startChecked("one");
  await using two = await startChecked("two");
  const group = "health_check: { path: /healthz, interval: 5ms }";
  const conf = inFrontOf([one.origin.address, `${two.origin.address} down`], { group });
  await withSluice(conf, async () => {
    await eventually("some checks", () => checksOf(one.origin) > 5);
    assertEquals(two.origin.connectionsSeen, 0);
  });
});

realServerTest("health_check tls: the certificate is verified", ["openssl"], async () => {
  await using dir = await tempDir();
  const { ca, app } = await makeCertificates(dir.path);
  await using origin = await startTlsOrigin({
    pair: app,
    each: [repeat(expectRequest(), act("answer", (connection) => connection.write(WELL)))],
  });
  const tls = `tls: on, ssl_verify: on, ssl_trusted_certificate: ${ca}, interval: 20ms`;
  const proxy = "ssl_server_name: on";
  const conf = (name: string) =>
    inFrontOf(origin, {
      proxy,
      group: `health_check: { ${tls}, host: ${name}, mandatory: on }`,
    }).replace("http://app", "https://app");
  await withSluice(conf("app.test"), async (address, sluice) => {
    await sluice.errorLine(/is healthy/);
    assertEquals((await exchange(address, getRequest())).bodyText, "well");
  });
  await withSluice(conf("other.test"), async (_, sluice) => {
    const line = await sluice.errorLine(/is unhealthy/);
    assertMatch(line, /upstream SSL certificate does not match "other.test"/);
  });
});

Deno.test("health_check: what is known of a peer stays over a reload, and goes with the checks", async () => {
  await using one = await startChecked("one");
  await using two = await startChecked("two");
  one.health.answer = ILL;
  const origins = [one.origin.address, two.origin.address];
  const group = "health_check: { path: /healthz, interval: 20ms, fails: 2, mandatory: on }";
  await withSluice(inFrontOf(origins, { group }), async (address, sluice) => {
    await sluice.errorLine(/is unhealthy/);
    await sluice.errorLine(/is healthy/);
    const reload = (yaml: string) => {
      const log = `log: { access: off, error: { path: ${sluice.dir}/error.log, level: info } }\n`;
      return sluice.server.reload(readYaml(log + yaml, "t"));
    };
    await reload(inFrontOf(origins, { group }));
    assertEquals(await namesOf(address, 4), ["two"]);
    await reload(inFrontOf(origins));
    assertEquals(await namesOf(address, 4), ["one", "two"]);
    assertEquals(newsIn(sluice).length, 2);
  });
});

Deno.test("a peer that is killed under load costs no client an error, and is not asked while it is out", async () => {
  const dying = await startChecked("dying");
  await using _dying = dying;
  await using two = await startChecked("two");
  await using three = await startChecked("three");
  const origins = [dying, two, three].map(({ origin }) => origin.address);
  const group = "health_check: { path: /healthz, interval: 20ms }";
  const server = "keepalive_requests: 1000000";
  await withSluice(inFrontOf(origins, { group, server }), async (address, sluice) => {
    const answers: string[] = [];
    let isOver = false;
    const clients = Array.from({ length: 16 }, async () => {
      await using client = await connect(address);
      while (!isOver) {
        await client.send(getRequest());
        const { status, bodyText } = await client.readResponse();
        answers.push(status === 200 ? bodyText : String(status));
      }
    });
    await eventually(
      "all peers to answer",
      () => new Set(answers).size === 3 && answers.length > 300,
    );
    await dying.origin[Symbol.asyncDispose]();
    await sluice.errorLine(/is unhealthy/);
    const log = sluice.accessLog.length;
    const before = answers.length;
    await eventually("more answers", () => answers.length > before + 300);
    isOver = true;
    await Promise.all(clients);
    assertEquals([...new Set(answers)].sort(), ["dying", "three", "two"]);
    // 16 may have been under way when it was taken out.
    const late = sluice.accessLog.slice(log + 16).filter((line) => line.includes(origins[0]!));
    assertEquals(late, []);
  }, { logFormat: "$status|$upstream_addr" });
});

Deno.test("health_check type tcp: whoever takes a connection is well, whatever it would answer", async () => {
  await using one = await startOrigin({
    each: [expectRequest(), act("leave", () => Promise.resolve())],
  });
  const healthOf = async (type: string) => {
    let line = "";
    const group = `health_check: { type: ${type}, interval: 10ms, timeout: 200ms, mandatory: on }`;
    await withSluice(inFrontOf(one, { group }), async (_, sluice) => {
      line = await sluice.errorLine(/is (?:un)?healthy/);
    });
    return line.includes("unhealthy") ? "unhealthy" : "healthy";
  };
  assertEquals([await healthOf("tcp"), await healthOf("http")], ["healthy", "unhealthy"]);
});

Deno.test("health_check jitter: checks come later by up to that much", async () => {
  const checksIn = async (jitter: string) => {
    await using one = await startChecked("one");
    const group = `health_check: { path: /healthz, interval: 1ms, jitter: ${jitter} }`;
    await withSluice(inFrontOf(one.origin, { group }), async () => {
      const startedMs = performance.now();
      await eventually("some time", () => performance.now() - startedMs > 500);
    });
    return checksOf(one.origin);
  };
  const [without, within] = [await checksIn("0"), await checksIn("1h")];
  assert(without > 5, `${without}`);
  assert(within <= 2, `${within}`); // the first two come at once
});

realServerTest(
  "health_check tls: names, versions and a certificate of its own",
  ["openssl"],
  async () => {
    await using dir = await tempDir();
    const { ca, app, client } = await makeCertificates(dir.path);
    const answer = act("answer", (connection) => connection.write(WELL));
    const startPeer = (options: Partial<TlsOriginOptions> = {}) =>
      startTlsOrigin({ pair: app, each: [repeat(expectRequest(), answer)], ...options });
    await using plain = await startPeer();
    await using asking = await startPeer({ clientCa: ca });
    await using modern = await startPeer({ minVersion: "TLSv1.3" });
    const newsOf = async (origin: Origin, parameters: string) => {
      let line = "";
      const tls = "tls: on, interval: 20ms, mandatory: on, host: wrong.test";
      const group = `health_check: { ${tls}${parameters} }`;
      const conf = inFrontOf(origin, { group }).replace("http://app", "https://app");
      await withSluice(conf, async (_, sluice) => {
        line = await sluice.errorLine(/is (?:un)?healthy/);
      });
      return line.includes("unhealthy") ? "unhealthy" : "healthy";
    };
    const verify = `, ssl_verify: on, ssl_trusted_certificate: ${ca}`;
    assertEquals(await newsOf(plain, verify), "unhealthy");
    assertEquals(
      await newsOf(plain, `${verify}, ssl_name: app.test, ssl_server_name: on`),
      "healthy",
    );
    assertEquals(serverNameOf(plain, plain.connectionsSeen), "app.test");
    await newsOf(plain, `${verify}, ssl_name: app.test`);
    assertEquals(serverNameOf(plain, plain.connectionsSeen), "");

    const own = `, ssl_certificate: ${client.certificate}, ssl_certificate_key: ${client.key}`;
    assertEquals([await newsOf(asking, ""), await newsOf(asking, own)], ["unhealthy", "healthy"]);
    const news = [await newsOf(modern, ""), await newsOf(modern, ", ssl_protocols: TLSv1.2")];
    assertEquals(news, ["healthy", "unhealthy"]);
  },
);
