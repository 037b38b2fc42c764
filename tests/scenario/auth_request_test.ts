/**
 * `auth_request`: who is let in, and what is known of them then.
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { connect, exchange, getRequest } from "../support/client.ts";
import { withSluice } from "../support/in_process.ts";
import {
  expectHead,
  expectRequest,
  okResponse,
  pause,
  repeat,
  respondWith,
  send,
  startOrigin,
} from "../support/origin.ts";
import { gate } from "../support/within.ts";

interface Address {
  readonly address: string;
}

/** `/` behind `/auth`. */
function guarded(app: Address, auth: Address, settings = "", authProxy = ""): string {
  return `
upstreams:
  app: { servers: [${app.address}] }
  auth: { servers: [${auth.address}] }
servers:
  - listen: 127.0.0.1:0
    locations:
      /:
        auth_request: /auth
        proxy: { pass: http://app }
        ${settings}
      = /auth:
        internal: on
        proxy: { pass: http://auth${authProxy} }
`;
}

function answer(statusLine: string, ...fieldLines: readonly string[]): string {
  return ["HTTP/1.1 " + statusLine, "Content-Length: 0", ...fieldLines, "", ""].join("\r\n");
}

Deno.test("auth_request: a 2xx lets the request in", async () => {
  await using app = await respondWith(okResponse("secret"));
  await using auth = await respondWith(answer("204 No Content"));
  await withSluice(guarded(app, auth), async (address, sluice) => {
    const response = await exchange(address, getRequest("/page?x=1"));
    assertEquals([response.status, response.bodyText], [200, "secret"]);
    assertEquals(app.requests[0]?.target, "/page?x=1");
    assertEquals(await sluice.accessLine(1), "GET /page?x=1 HTTP/1.1|200|200");
    assertEquals(sluice.accessLog.length, 1);
  });
});

Deno.test("auth_request: the question has the client's fields, and neither its body nor its length", async () => {
  await using app = await startOrigin({ each: [expectRequest(), send(okResponse("ok"))] });
  await using auth = await respondWith(okResponse("yes"));
  await withSluice(guarded(app, auth), async (address) => {
    await exchange(
      address,
      "POST /form HTTP/1.1\r\nHost: a\r\nCookie: s=1\r\nContent-Length: 5\r\n\r\nhello",
    );
    const [question] = auth.requests;
    assertEquals([question?.method, question?.target], ["GET", "/auth"]);
    assertEquals(question?.fields.get("Cookie"), "s=1");
    assertEquals(question?.fields.has("Content-Length"), false);
    const [request] = app.requests;
    assertEquals([request?.method, request?.fields.get("Content-Length")], ["POST", "5"]);
    assertEquals(new TextDecoder().decode(app.connections[0]!.received).endsWith("hello"), true);
  });
});

Deno.test("auth_request: 401 is passed on with every WWW-Authenticate, 403 as it is", async () => {
  await using app = await respondWith(okResponse("secret"));
  for (const status of ["401 Unauthorized", "403 Forbidden"]) {
    const challenges = ["WWW-Authenticate: Basic realm=a", "WWW-Authenticate: Bearer"];
    await using auth = await respondWith(answer(status, ...challenges));
    await withSluice(guarded(app, auth), async (address) => {
      const response = await exchange(address, getRequest());
      assertEquals(response.status, Number(status.slice(0, 3)));
      assertEquals(
        response.fields.all("WWW-Authenticate"),
        status.startsWith("401") ? ["Basic realm=a", "Bearer"] : [],
      );
    });
  }
  assertEquals(app.requestsSeen, 0);
});

Deno.test("auth_request: every other answer, and none, is a 500 with a line in the log", async () => {
  await using app = await respondWith(okResponse("secret"));
  for (const status of ["302 Found", "404 Not Found", "500 Oops"]) {
    await using auth = await respondWith(answer(status, "Location: /login"));
    await withSluice(guarded(app, auth), async (address, sluice) => {
      assertEquals((await exchange(address, getRequest())).status, 500);
      await sluice.errorLine(
        new RegExp(`auth request unexpected status: ${status.slice(0, 3)}.*request: "GET / HTTP`),
      );
    });
  }
  await withSluice(guarded(app, { address: "127.0.0.1:1" }), async (address, sluice) => {
    assertEquals((await exchange(address, getRequest())).status, 500);
    await sluice.errorLine(/connect\(\) failed.*request: "GET \/ HTTP\/1.1", subrequest: "\/auth"/);
  });
  assertEquals(app.requestsSeen, 0);
});

Deno.test("auth_request_set: the answer's fields are variables of the request: in fields both ways and in the log", async () => {
  await using app = await respondWith(okResponse("ok"));
  await using auth = await respondWith(answer("200 OK", "X-User: ann", "X-Role: a", "X-Role: b"));
  const settings =
    `auth_request_set: { $user: $upstream_http_x_user, $role: "r=$upstream_http_x_role" }
        add_header: { X-Seen: "$user" }`;
  const yaml = guarded(app, auth, settings).replace(
    "pass: http://app",
    'pass: http://app, set_header: { X-User: "$user", X-Role: "$role", X-Status: "$auth_status" }',
  ).replace("auth_request_set: {", "auth_request_set: { $auth_status: $upstream_status,");
  await withSluice(yaml, async (address, sluice) => {
    const response = await exchange(address, getRequest("/", "X-User: forged"));
    assertEquals(response.fields.get("X-Seen"), "ann");
    const { fields } = app.requests[0]!;
    assertEquals(fields.all("X-User"), ["ann"]);
    assertEquals([fields.get("X-Role"), fields.get("X-Status")], ["r=a, b", "200"]);
    assertEquals(await sluice.accessLine(1), "/|200|ann");
  }, { logFormat: "$uri|$status|$user" });
});

Deno.test("auth_request: $request_uri at the location that is asked is the client's", async () => {
  await using app = await respondWith(okResponse("ok"));
  await using auth = await respondWith(okResponse(""));
  const headers = ', set_header: { X-Original: "$request_method $request_uri $uri" }';
  await withSluice(guarded(app, auth, "", headers), async (address) => {
    await exchange(address, getRequest("/a%20b?c=d").replace("GET", "DELETE"));
    assertEquals(auth.requests[0]?.fields.get("X-Original"), "DELETE /a%20b?c=d /auth");
  });
});

Deno.test("auth_request: off below a level that has it; return answers unasked, as in nginx", async () => {
  await using auth = await respondWith(answer("403 Forbidden"));
  await using app = await respondWith(okResponse("open"));
  await withSluice(
    `
servers:
  - listen: 127.0.0.1:0
    auth_request: /auth
    locations:
      /: { proxy: { pass: "http://${app.address}" } }
      /open: { auth_request: off, proxy: { pass: "http://${app.address}" } }
      /told: { return: 200 told }
      = /auth: { proxy: { pass: "http://${auth.address}" } }
`,
    async (address) => {
      assertEquals((await exchange(address, getRequest("/"))).status, 403);
      assertEquals((await exchange(address, getRequest("/open"))).bodyText, "open");
      assertEquals((await exchange(address, getRequest("/told"))).bodyText, "told");
    },
  );
});

Deno.test("auth_request: error_page takes a 401 to a login page", async () => {
  await using app = await respondWith(okResponse("secret"));
  await using auth = await respondWith(answer("401 Unauthorized", "WWW-Authenticate: Basic"));
  const yaml = guarded(app, auth, 'error_page: { 401: "@login" }') + `
      "@login": { return: "302 http://login/" }
`;
  await withSluice(yaml, async (address) => {
    const response = await exchange(address, getRequest());
    assertEquals([response.status, response.fields.get("Location")], [302, "http://login/"]);
  });
});

Deno.test("auth_request: the connection to the peer that answers is kept, and a big body of it is no error", async () => {
  await using app = await startOrigin({
    each: [repeat(expectHead(), send(okResponse("ok")))],
  });
  await using auth = await startOrigin({
    each: [repeat(expectHead(), send(okResponse("x".repeat(100))))],
  });
  const yaml = guarded(app, auth);
  await withSluice(yaml, async (address) => {
    for (let k = 0; k < 3; k++) assertEquals((await exchange(address, getRequest())).status, 200);
  });
  assertEquals(auth.requestsSeen, 3);
  await using large = await startOrigin({
    each: [repeat(expectHead(), send(okResponse("x".repeat(100_000))))],
  });
  await withSluice(guarded(app, large), async (address) => {
    assertEquals((await exchange(address, getRequest())).status, 200);
  });
});

Deno.test("auth_request: a question that fails at one peer is asked at the next", async () => {
  await using app = await respondWith(okResponse("ok"));
  await using auth = await respondWith(okResponse(""));
  const yaml = guarded(app, auth).replace(`[${auth.address}]`, `["127.0.0.1:1", ${auth.address}]`);
  await withSluice(yaml, async (address) => {
    assertEquals((await exchange(address, getRequest())).status, 200);
  });
});

Deno.test("auth_request: the client's leaving ends the question at once, and is a 499", async () => {
  const never = gate();
  await using app = await respondWith(okResponse("ok"));
  await using auth = await startOrigin({ each: [expectHead(), pause(never)] });
  await withSluice(guarded(app, auth), async (address, sluice) => {
    {
      await using client = await connect(address);
      await client.send(getRequest("/gone"));
      await auth.waitForRequest(1);
    }
    assertEquals(await auth.connections[0]!.ended, "closed");
    assertEquals(await sluice.accessLine(1), "GET /gone HTTP/1.1|499|-");
    assertMatch(await sluice.errorLine(/client prematurely closed/), /subrequest: "\/auth"/);
  });
  never.open();
  assertEquals(app.requestsSeen, 0);
});

Deno.test("auth_request: the client's leaving is noticed after the question too", async () => {
  const never = gate();
  await using auth = await respondWith(okResponse(""));
  await using app = await startOrigin({ each: [expectHead(), pause(never)] });
  await withSluice(guarded(app, auth), async (address, sluice) => {
    {
      await using client = await connect(address);
      await client.send(getRequest("/gone"));
      await app.waitForRequest(1);
    }
    assertEquals(await app.connections[0]!.ended, "closed");
    assertMatch(await sluice.accessLine(1), /^GET \/gone HTTP\/1.1\|499\|/);
  });
  never.open();
});

Deno.test("auth_request: a location that asks itself ends in a 500, not in a circle", async () => {
  await withSluice(
    `
servers:
  - listen: 127.0.0.1:0
    auth_request: /auth
    locations:
      /: { proxy: { pass: "http://127.0.0.1:1" } }
      /auth: { handler: nested }
`,
    async (address, sluice) => {
      assertEquals((await exchange(address, getRequest("/"))).status, 500);
      await sluice.errorLine(/subrequests in a circle/);
    },
    {
      handlers: {
        async nested(context) {
          return { status: (await context.subrequest("/auth")).status };
        },
      },
    },
  );
});

Deno.test("auth_request: requests of one connection, one after the other and pipelined, are each asked for", async () => {
  await using app = await startOrigin({ each: [repeat(expectHead(), send(okResponse("ok")))] });
  await using auth = await startOrigin({ each: [repeat(expectHead(), send(okResponse("")))] });
  await withSluice(guarded(app, auth), async (address) => {
    await using client = await connect(address);
    for (let k = 0; k < 3; k++) {
      await client.send(getRequest(`/${k}`));
      assertEquals((await client.readResponse()).status, 200);
    }
    await client.send(getRequest("/3") + getRequest("/4") + getRequest("/5"));
    for (let k = 3; k < 6; k++) assertEquals((await client.readResponse()).status, 200);
    assertEquals(app.requests.map(({ target }) => target), ["/0", "/1", "/2", "/3", "/4", "/5"]);
    assertEquals(auth.requestsSeen, 6);
  });
});

Deno.test("auth_request: a request that comes while the question is asked is the next one", async () => {
  const hold = gate();
  await using app = await startOrigin({ each: [repeat(expectHead(), send(okResponse("ok")))] });
  await using auth = await startOrigin({
    each: [repeat(expectHead(), pause(hold), send(okResponse("")))],
  });
  await withSluice(guarded(app, auth), async (address) => {
    await using client = await connect(address);
    await client.send(getRequest("/1"));
    await auth.waitForRequest(1);
    await client.send(getRequest("/2"));
    hold.open();
    for (let k = 0; k < 2; k++) assertEquals((await client.readResponse()).status, 200);
    assertEquals(app.requests.map(({ target }) => target), ["/1", "/2"]);
  });
});

Deno.test("auth_request: the question goes to the server of the request, though an absolute target and Host differ", async () => {
  await using app = await respondWith(okResponse("secret"));
  await using no = await respondWith(answer("403 Forbidden"));
  await using yes = await respondWith(answer("200 OK"));
  const server = (name: string, auth: Address) => `
  - listen: 127.0.0.1:0
    server_name: ${name}
    locations:
      /: { auth_request: /auth, proxy: { pass: "http://${app.address}" } }
      /auth: { proxy: { pass: "http://${auth.address}", set_header: { Host: $host } } }`;
  const yaml = `servers:${server("closed.org", no)}${server("open.org", yes)}\n`;
  await withSluice(yaml, async (address) => {
    const both = (target: string, host: string) =>
      `GET http://${target}/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
    assertEquals((await exchange(address, both("closed.org", "open.org"))).status, 403);
    assertEquals((await exchange(address, both("open.org", "closed.org"))).status, 200);
  });
  assertEquals(no.requests[0]?.fields.get("Host"), "closed.org");
  assertEquals(yes.requests[0]?.fields.get("Host"), "open.org");
});
