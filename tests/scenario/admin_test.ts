import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { connect, exchange, getRequest } from "../support/client.ts";
import { inFrontOf, type InProcessSluice, withSluice } from "../support/in_process.ts";
import { expectHead, okResponse, respondWith, startOrigin } from "../support/origin.ts";
import { readPrometheus, sampleOf } from "../support/prometheus.ts";
import { runSluice, startSluice } from "../support/sluice.ts";

const TOKEN = "a-token-of-some-length";
const ADMIN = `admin: { listen: "127.0.0.1:0", token: ${TOKEN} }`;
const AS_OPERATOR = { Authorization: `Bearer ${TOKEN}` };

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
}

async function ask(
  sluice: InProcessSluice,
  path: string,
  init: RequestInit & { readonly json?: unknown } = {},
): Promise<Answer> {
  const { json, headers, ...rest } = init;
  const response = await fetch(`http://${sluice.server.adminAddress}${path}`, {
    ...rest,
    headers: json === undefined ? headers ?? {} : {
      "Content-Type": "application/json",
      ...headers as Record<string, string>,
    },
    ...(json === undefined ? {} : { body: JSON.stringify(json) }),
  });
  return { status: response.status, text: await response.text(), headers: response.headers };
}

Deno.test("the admin listener tells what was counted, as JSON and to Prometheus", async () => {
  await using origin = await respondWith(okResponse("hello"));
  await using dead = await startOrigin();
  const deadAddress = dead.address;
  await dead[Symbol.asyncDispose]();
  const yaml = inFrontOf([deadAddress, origin.address], { main: ADMIN, group: "keepalive: 4" });
  await withSluice(yaml, async (address, sluice) => {
    for (let k = 0; k < 3; k++) await exchange(address, getRequest("/"));
    await sluice.accessLine(3);

    const { status, text, headers } = await ask(sluice, "/metrics");
    assertEquals(status, 200);
    assertEquals(headers.get("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
    const metrics = readPrometheus(text);
    const ok = { upstream: "app", peer: origin.address };
    const failed = { upstream: "app", peer: deadAddress };
    assertEquals(sampleOf(metrics, "sluice_http_requests_total", { class: "2xx" }), 3);
    assertEquals(sampleOf(metrics, "sluice_http_request_duration_seconds_count"), 3);
    assertEquals(sampleOf(metrics, "sluice_connections_accepted_total"), 3);
    assertEquals(sampleOf(metrics, "sluice_upstream_requests_total", { ...ok, class: "2xx" }), 3);
    assertEquals(sampleOf(metrics, "sluice_upstream_connections_opened_total", ok), 1);
    assertEquals(sampleOf(metrics, "sluice_upstream_connections_reused_total", ok), 2);
    assertEquals(sampleOf(metrics, "sluice_upstream_retries_total", failed), 1);
    assertEquals(
      sampleOf(metrics, "sluice_upstream_failures_total", { ...failed, reason: "error" }),
      1,
    );
    assertEquals(
      sampleOf(metrics, "sluice_upstream_peer_state", { ...failed, state: "unavailable" }),
      1,
    );

    const answer = JSON.parse((await ask(sluice, "/status")).text);
    assertEquals(answer.readiness, "serving");
    assertEquals(answer.servers[0].requests["2xx"], 3);
    const [first, second] = answer.upstreams[0].peers;
    assertEquals([first.state, second.state], ["unavailable", "up"]);
    assertEquals([first.failures.error, second.requests["2xx"]], [1, 3]);
    assertEquals(second.response.count, 3);
  });
});

Deno.test("a client that is at work, idle, or half way through a request head is told apart", async () => {
  await using origin = await startOrigin({ each: [expectHead()] });
  await withSluice(inFrontOf(origin, { main: ADMIN }), async (address, sluice) => {
    await using writing = await connect(address);
    await using reading = await connect(address);
    await using idle = await connect(address);
    await writing.send(getRequest("/"));
    await origin.waitForRequest(1);
    await reading.send("GET / HT");
    const states = async () => {
      const { connections } = JSON.parse((await ask(sluice, "/status")).text);
      return [connections.writing, connections.reading, connections.idle].join(" ");
    };
    let seen = "";
    for (let k = 0; k < 100 && seen !== "1 1 1"; k++) seen = await states();
    assertEquals(seen, "1 1 1");
    void idle;
  });
});

Deno.test("status_zone: requests are counted under its name, in place of the server's", async () => {
  const yaml = `
${ADMIN}
servers:
  - listen: 127.0.0.1:0
    server_name: example.org
    locations:
      /: { return: 200 }
      /api: { return: 200, status_zone: api }
  - listen: 127.0.0.1:0
    server_name: zoned
    status_zone: all
    locations: { /: { return: 200, status_zone: off }, /x: { return: 200 } }
`;
  await withSluice(yaml, async (address, sluice) => {
    for (const path of ["/", "/api", "/api"]) await exchange(address, getRequest(path));
    await sluice.accessLine(3);
    const metrics = readPrometheus((await ask(sluice, "/metrics")).text);
    const of = (server: string) =>
      sampleOf(metrics, "sluice_http_requests_total", { server, class: "2xx" });
    assertEquals([of("example.org"), of("api"), of("all")], [1, 2, 0]);
  });
});

Deno.test("what limits have decided is counted by zone", async () => {
  const yaml = `
${ADMIN}
limit_req_zone: $binary_remote_addr zone=login:1m rate=1r/m
limit_conn_zone: $binary_remote_addr zone=many:1m
servers:
  - listen: 127.0.0.1:0
    locations: { /: { return: 200 }, /x: { empty_gif: on, limit_req: zone=login, limit_conn: many 9 } }
`;
  await withSluice(yaml, async (address, sluice) => {
    for (let k = 0; k < 3; k++) await exchange(address, getRequest("/x"));
    const metrics = readPrometheus((await ask(sluice, "/metrics")).text);
    const of = (kind: string, zone: string, result: string) =>
      sampleOf(metrics, "sluice_limit_requests_total", { kind, zone, result });
    assertEquals(of("limit_req", "login", "passed"), 1);
    assertEquals(of("limit_req", "login", "rejected"), 2);
    assertEquals(of("limit_conn", "many", "passed") > 0, true);
  });
});

Deno.test("nothing of the admin listener is reachable where traffic is", async () => {
  await using origin = await respondWith(okResponse("the origin's"));
  await withSluice(inFrontOf(origin, { main: ADMIN }), async (address, sluice) => {
    for (const path of ["/", "/status", "/metrics", "/healthz", "/readyz", "/upstreams"]) {
      const { bodyText } = await exchange(address, getRequest(path));
      assertEquals(bodyText, "the origin's", path);
    }
    for (const path of ["/reload", "/reopen"]) {
      const response = await exchange(
        address,
        `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${TOKEN}\r\n` +
          "Content-Length: 0\r\nConnection: close\r\n\r\n",
      );
      assertEquals(response.bodyText, "the origin's", path);
    }
    // And the other way round: the admin listener passes nothing on.
    assertEquals((await ask(sluice, "/anything")).status, 404);
    const { port } = new URL(`http://${sluice.server.adminAddress}`);
    const seen = origin.requestsSeen;
    const absolute = await exchange(
      `127.0.0.1:${port}`,
      `GET http://${address}/ HTTP/1.1\r\nHost: ${address}\r\nConnection: close\r\n\r\n`,
    );
    assert(!absolute.bodyText.includes("the origin's"));
    assertEquals(origin.requestsSeen, seen);
  });
});

Deno.test("without admin nobody listens, and nothing is counted", async () => {
  await using origin = await respondWith(okResponse("hello"));
  await withSluice(inFrontOf(origin), async (address, sluice) => {
    await exchange(address, getRequest("/"));
    assertEquals(sluice.server.adminAddress, undefined);
    const { counts } = await sluice.server.control.status();
    assertEquals([counts.servers, counts.peers], [[], []]);
  });
});

Deno.test("actions need the token; looking needs it where the configuration says so", async () => {
  await using origin = await respondWith(okResponse("hello"));
  await withSluice(inFrontOf(origin, { main: ADMIN }), async (_, sluice) => {
    const none = await ask(sluice, "/reopen", { method: "POST" });
    assertEquals([none.status, none.headers.get("WWW-Authenticate")], [
      401,
      'Bearer realm="sluice admin"',
    ]);
    const wrong = { Authorization: "Bearer a-token-of-some-lengtH" };
    assertEquals((await ask(sluice, "/reopen", { method: "POST", headers: wrong })).status, 401);
    const right = await ask(sluice, "/reopen", { method: "POST", headers: AS_OPERATOR });
    assertEquals([right.status, right.text], [200, '{"ok":true}\n']);
    assertEquals((await ask(sluice, "/status")).status, 200);
  });
  const forAll = `admin: { listen: "127.0.0.1:0", token: ${TOKEN}, token_for: all }`;
  await withSluice(inFrontOf(origin, { main: forAll }), async (_, sluice) => {
    for (const path of ["/status", "/metrics", "/upstreams"]) {
      assertEquals((await ask(sluice, path)).status, 401, path);
      assertEquals((await ask(sluice, path, { headers: AS_OPERATOR })).status, 200, path);
    }
    for (const path of ["/", "/healthz", "/readyz"]) {
      assertEquals((await ask(sluice, path)).status, 200, path);
    }
  });
  const noToken = `admin: "127.0.0.1:0"`;
  await withSluice(inFrontOf(origin, { main: noToken }), async (_, sluice) => {
    const refused = await ask(sluice, "/reopen", { method: "POST", headers: AS_OPERATOR });
    assertEquals(refused.status, 403);
    assertStringIncludes(refused.text, "token_file");
  });
});

Deno.test("what makes no sense is refused with a status and a reason", async () => {
  await using origin = await respondWith(okResponse("hello"));
  await withSluice(inFrontOf(origin, { main: ADMIN }), async (_, sluice) => {
    const peers = "/upstreams/app/peers";
    const peer = `${peers}/${origin.address}`;
    const post = { method: "POST", headers: AS_OPERATOR };
    const patch = { method: "PATCH", headers: AS_OPERATOR };
    const cases: [path: string, init: Parameters<typeof ask>[2], status: number, RegExp][] = [
      ["/nowhere", {}, 404, /there is no \/nowhere here/],
      ["/status", { method: "POST" }, 405, /GET or HEAD/],
      ["/status", { method: "OPTIONS" }, 405, /OPTIONS/],
      ["/reload", {}, 405, /POST/],
      ["/upstreams/none", {}, 404, /no upstream none/],
      ["/upstreams/none/peers", { ...post, json: { address: "127.0.0.1:1" } }, 404, /none/],
      [`${peers}/127.0.0.1:1`, {}, 404, /no peer/],
      [`${peers}/127.0.0.1:1`, { ...patch, json: { weight: 2 } }, 404, /127\.0\.0\.1:1/],
      [`${peers}/127.0.0.1:1`, { ...patch, method: "DELETE" }, 404, /127\.0\.0\.1:1/],
      [peers, { ...post, json: { address: origin.address } }, 409, /it has that peer/],
      [peers, { ...post, json: { address: "x y" } }, 400, /no address/],
      [peers, { ...post, json: { adress: "x" } }, 400, /did you mean \\"address\\"/],
      [peers, { ...post, json: [] }, 400, /JSON object/],
      [peers, { ...post, body: "{}" }, 415, /application\/json/],
      [peer, { ...patch, json: {} }, 400, /need some of/],
      [peer, { ...patch, json: { weight: 0 } }, 400, /at least 1/],
      [peer, { ...patch, json: { drain: "yes" } }, 400, /true or false/],
      [peer, { ...patch, json: { x: "y".repeat(20_000) } }, 413, /16384 bytes/],
      ["/reload", post, 409, /did not come from a file/],
      ["/%ff", {}, 400, /wrongly encoded/],
    ];
    for (const [path, init, status, reason] of cases) {
      const answer = await ask(sluice, path, init);
      assertEquals(answer.status, status, `${path}: ${answer.text}`);
      assertEquals(Object.keys(JSON.parse(answer.text)), ["error"], path);
      assertMatch(answer.text, reason);
    }
  });
});

Deno.test("peers are added, weighed, drained, taken out and removed while requests go on", async () => {
  await using one = await respondWith(okResponse("one"));
  await using two = await respondWith(okResponse("two"));
  await withSluice(inFrontOf(one, { main: ADMIN }), async (address, sluice) => {
    const act = async (method: string, path: string, json?: unknown) => {
      const init = json === undefined ? {} : { json };
      const { status, text } = await ask(sluice, path, { method, headers: AS_OPERATOR, ...init });
      return { status, ...JSON.parse(text) };
    };
    const answers = async (count: number) => {
      const bodies = [];
      for (let k = 0; k < count; k++) bodies.push((await exchange(address, getRequest())).bodyText);
      return bodies.sort().join(" ");
    };
    const peer = (of: { address: string }) => `/upstreams/app/peers/${of.address}`;
    assertEquals(await answers(2), "one one");

    const added = await act("POST", "/upstreams/app/peers", { address: two.address, weight: 3 });
    assertEquals([added.status, added.name, added.weight], [201, two.address, 3]);
    assertEquals(await answers(4), "one two two two");

    assertEquals((await act("PATCH", peer(two), { weight: 1 })).weight, 1);
    assertEquals(await answers(4), "one one two two");

    assertEquals((await act("PATCH", peer(one), { drain: true })).state, "draining");
    assertEquals(await answers(2), "two two");
    assertEquals((await act("PATCH", peer(one), { drain: false, down: true })).state, "down");
    assertEquals(await answers(2), "two two");
    assertEquals((await act("PATCH", peer(one), { down: false })).state, "up");

    assertEquals((await act("DELETE", peer(two))).status, 200);
    assertEquals(await answers(2), "one one");
    assertEquals((await act("GET", "/upstreams/app/peers"))[0].name, one.address);
    const said = sluice.errorLog.flatMap((line) =>
      / peer \S+ of app is (.*)/.exec(line)?.[1] ?? []
    );
    assertEquals(said, [
      "added",
      "changed: weight=1",
      "changed: drain=on",
      "changed: down=on drain=off",
      "changed: down=off",
      "removed",
    ]);
  });
});

Deno.test("the page may run its own script and nothing else, and no answer is kept or framed", async () => {
  await using origin = await respondWith(okResponse("hello"));
  await withSluice(inFrontOf(origin, { main: ADMIN }), async (_, sluice) => {
    const page = await ask(sluice, "/");
    assertEquals(page.headers.get("Content-Type"), "text/html; charset=utf-8");
    const policy = page.headers.get("Content-Security-Policy") ?? "";
    assertMatch(policy, /default-src 'none'.*script-src 'sha256-.*frame-ancestors 'none'/);
    assertEquals(/unsafe|https?:/.test(policy), false);
    assertEquals(/(?:src|href)="(?!data:)/.test(page.text), false);
    for (const path of ["/", "/status", "/metrics", "/nowhere"]) {
      const { headers } = await ask(sluice, path);
      assertEquals(headers.get("X-Content-Type-Options"), "nosniff", path);
      assertEquals(headers.get("X-Frame-Options"), "DENY", path);
      assertEquals(headers.get("Cache-Control"), "no-store", path);
      assertEquals(headers.get("Access-Control-Allow-Origin"), null, path);
    }
  });
});

Deno.test("a name that somebody else's DNS leads to loopback does not open the admin listener", async () => {
  await using origin = await respondWith(okResponse("hello"));
  await withSluice(inFrontOf(origin, { main: ADMIN }), async (_, sluice) => {
    const { adminAddress } = sluice.server;
    const asked = async (host: string) =>
      (await exchange(
        adminAddress!,
        `GET /status HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
      )).status;
    assertEquals(await asked("evil.example:9090"), 403);
    assertEquals(await asked("localhost:9090"), 200);
    assertEquals(await asked("127.0.0.1"), 200);
    assertEquals(await asked("[::1]:80"), 200);
  });
});

Deno.test("/readyz says that the process drains, while /healthz says that it works", async () => {
  const origin = await startOrigin({ each: [expectHead()] });
  try {
    await withSluice(inFrontOf(origin, { main: ADMIN }), async (address, sluice) => {
      await using client = await connect(address);
      await client.send(getRequest("/"));
      const request = origin.waitForRequest(1);
      await request;
      assertEquals((await ask(sluice, "/readyz")).status, 200);
      const ending = sluice.server.shutdown();
      const draining = await ask(sluice, "/readyz");
      assertEquals([draining.status, draining.text], [503, '{"status":"draining"}\n']);
      assertEquals((await ask(sluice, "/healthz")).status, 200);
      await origin[Symbol.asyncDispose]();
      assertEquals((await client.readResponse()).status, 502);
      await ending;
    });
  } finally {
    await origin[Symbol.asyncDispose]();
  }
});

Deno.test("POST /reload puts the file's configuration in force, or says all that is wrong with it", async () => {
  const conf = (body: string) => `
    admin: { listen: "127.0.0.1:0", token: ${TOKEN} }
    log: { access: off }
    servers: [{ listen: "127.0.0.1:0", locations: { /: { return: "200 ${body}" } } }]
  `;
  await using sluice = await startSluice(conf("old"));
  const [, admin = ""] = await sluice.program.waitForLines(/^sluice: admin listening on (\S+)$/, 1)
    .then(([match]) => match ?? []);
  const post = async () => {
    const response = await fetch(`http://${admin}/reload`, {
      method: "POST",
      headers: AS_OPERATOR,
    });
    return { status: response.status, text: await response.text() };
  };
  const reloads = async () => {
    const { config } = await (await fetch(`http://${admin}/status`)).json();
    return [config.generation, config.reloads_ok, config.reloads_failed, config.last_error !== ""];
  };
  assertEquals(await reloads(), [1, 0, 0, false]);

  await Deno.writeTextFile(sluice.configPath, conf("new"));
  assertEquals(await post(), { status: 200, text: '{"ok":true}\n' });
  assertEquals((await exchange(sluice.address, getRequest())).bodyText, "new");
  assertEquals(await reloads(), [2, 1, 0, false]);

  await Deno.writeTextFile(sluice.configPath, "sevrers: []");
  const refused = await post();
  assertEquals(refused.status, 409);
  assertStringIncludes(JSON.parse(refused.text).error, 'did you mean "servers"?');
  assertEquals((await exchange(sluice.address, getRequest())).bodyText, "new");
  assertEquals(await reloads(), [2, 1, 1, true]);
  const metrics = readPrometheus(await (await fetch(`http://${admin}/metrics`)).text());
  assertEquals(sampleOf(metrics, "sluice_reloads_total", { result: "failed" }), 1);
  assertEquals(sampleOf(metrics, "sluice_last_reload_successful"), 0);
});

Deno.test("the token is read from a file, again with each reload", async () => {
  await using sluice = await startSluice((dir) => {
    Deno.writeTextFileSync(`${dir}/token`, "first-token-of-ours\n");
    return `
      admin: { listen: "127.0.0.1:0", token_file: ${dir}/token }
      servers: [{ listen: "127.0.0.1:0", return: "200 ok" }]
    `;
  });
  const [match] = await sluice.program.waitForLines(/^sluice: admin listening on (\S+)$/, 1);
  const post = async (token: string) => {
    const headers = { Authorization: `Bearer ${token}` };
    const response = await fetch(`http://${match?.[1]}/reload`, { method: "POST", headers });
    await response.body?.cancel();
    return response.status;
  };
  await Deno.writeTextFile(`${sluice.dir}/token`, "second-token-of-ours\n");
  assertEquals(await post("first-token-of-ours"), 200);
  assertEquals(await post("first-token-of-ours"), 401);
  assertEquals(await post("second-token-of-ours"), 200);
  await Deno.writeTextFile(`${sluice.dir}/token`, "short\n");
  assertEquals(await post("second-token-of-ours"), 409);
  assertEquals(await post("second-token-of-ours"), 409); // still in force
});

Deno.test("status prints what the admin listener tells, also at a unix socket that wants its token", async () => {
  await using sluice = await startSluice((dir) => `
    admin: { listen: "unix:${dir}/admin", token: ${TOKEN}, token_for: all }
    log: { access: off }
    servers: [{ listen: "127.0.0.1:0", server_name: example.org, return: "200 ok" }]
  `);
  await exchange(sluice.address, getRequest());
  const text = await runSluice(["status", "-c", sluice.configPath]);
  assertEquals(text.code, 0, text.stderr);
  assertMatch(
    text.stdout,
    /serving, up .*\n.*\n.*\n\nSERVER .*\nexample\.org +- .* 1 +0 +0 +0 +0 /,
  );
  const json = await runSluice(["status", "--json", "-c", sluice.configPath]);
  assertEquals(JSON.parse(json.stdout).servers[0].requests["2xx"], 1);
  const refused = await runSluice(["status", "--admin", `unix:${sluice.dir}/admin`]);
  assertEquals(refused.code, 1);
  assertStringIncludes(refused.stderr, "wants its token");
});
