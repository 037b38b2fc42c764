/** allow, deny, satisfy, limit_except and auth_basic: compared with nginx 1.22.1 by hand. */
import { assertEquals, assertMatch } from "@std/assert";
import { connect, exchange, getRequest, type Response } from "../support/client.ts";
import { eventually, type InProcessSluice, withSluice } from "../support/in_process.ts";
import { okResponse, respondWith } from "../support/origin.ts";
import { tempDir } from "../support/program.ts";

const PASSWORDS = [
  "plain:{PLAIN}p",
  // htpasswd -nbB -C 4, -nbm; crypt(3) of DES
  "slow:$2y$04$Jsz7ZOixwLphRwVwZRd34.HlqVr57du/GMmGpB3Pm75bmod/MBv3K",
  "apr:$apr1$BgneZB1d$vhSVL3xbUYhswIDV0zJnk/",
  "des:abNANd1rDfiNc",
  "",
].join("\n");

/** One server with these locations, each a line of YAML, in which `PASS` proxies and `FILE` is a password file. */
async function withLocations(
  locations: readonly string[],
  act: (
    ask: (path: string, user?: string, method?: string) => Promise<Response>,
    sluice: InProcessSluice,
    passwordFile: string,
  ) => Promise<void>,
  around = "",
): Promise<void> {
  await using origin = await respondWith(okResponse("origin"));
  await using dir = await tempDir();
  const file = `${dir.path}/htpasswd`;
  await Deno.writeTextFile(file, PASSWORDS);
  const yaml = `
${around}
servers:
  - listen: 127.0.0.1:0
    locations:
      ${locations.join("\n      ")}
`.replaceAll("PASS", `proxy: { pass: "http://${origin.address}" }`).replaceAll("FILE", file);
  await withSluice(yaml, async (address, sluice) => {
    await act(
      (path, user, method = "GET") => {
        const lines = user === undefined ? [] : [`Authorization: Basic ${btoa(user)}`];
        const head = [`${method} ${path} HTTP/1.1`, "Host: a", "Connection: close", ...lines];
        return exchange(address, `${head.join("\r\n")}\r\n\r\n`);
      },
      sluice,
      file,
    );
  });
}

const told = ({ status, fields }: Response) =>
  [status, fields.get("WWW-Authenticate")].filter((part) => part !== undefined).join(" ");

Deno.test("allow and deny: the first rule that has the client's address decides", async () => {
  await withLocations([
    "= /in: { access: [allow 127.0.0.0/8, deny all], PASS }",
    "= /out: { access: [deny 127.0.0.1, allow all], PASS }",
    "= /other: { access: [{ deny: '10.0.0.0/8' }, { deny: '::/0' }, { deny: 'unix:' }], PASS }",
    "= /return: { access: deny all, return: 200 }",
  ], async (ask, sluice) => {
    assertEquals(told(await ask("/in")), "200");
    assertEquals(told(await ask("/out")), "403");
    assertEquals(told(await ask("/other")), "200");
    assertEquals(told(await ask("/return")), "200", "return is before it, as in nginx");
    assertMatch(
      await sluice.errorLine(/forbidden/),
      /\[error\].* access forbidden by rule, client: 127\.0\.0\.1, .*"GET \/out HTTP\/1\.1"/,
    );
  });
});

Deno.test("allow and deny: a location's rules replace all of those around it", async () => {
  await withLocations([
    "= /inherits: { PASS }",
    "= /own: { access: [allow all], PASS }",
  ], async (ask) => {
    assertEquals(told(await ask("/inherits")), "403");
    assertEquals(told(await ask("/own")), "200");
  }, "access: [deny all]");
});

Deno.test("deny: error_page answers, and is let in or not by its own rules", async () => {
  await withLocations([
    "/: { access: [deny all], error_page: { 403: /page }, PASS }",
    "= /page: { access: [allow all], PASS }",
  ], async (ask) => {
    const { status, bodyText } = await ask("/");
    assertEquals([status, bodyText], [403, "origin"]);
  });
});

Deno.test("allow: unix: is every client at a unix socket", async () => {
  await using dir = await tempDir();
  await using origin = await respondWith(okResponse("origin"));
  const yaml = `
servers:
  - listen: unix:${dir.path}/s
    locations:
      = /in: { access: [allow unix, deny all], proxy: { pass: "http://${origin.address}" } }
      = /out: { access: [deny 0.0.0.0/0, { deny: 'unix:' }], proxy: { pass: "http://${origin.address}" } }
`;
  await withSluice(yaml, async (address) => {
    const statuses = [];
    for (const path of ["/in", "/out"]) {
      statuses.push((await exchange(address, getRequest(path))).status);
    }
    assertEquals(statuses, [200, 403]);
  });
});

Deno.test("auth_basic: who has the right password is let in, whichever way it is hashed", async () => {
  await withLocations(
    ["/: { auth_basic: 'the $arg_r \"realm', auth_basic_user_file: FILE, PASS }"],
    async (ask, sluice) => {
      for (const user of ["plain:p", "slow:secret", "slow:secret", "apr:secret"]) {
        assertEquals(told(await ask("/", user)), "200", user);
      }
      const challenged = '401 Basic realm="the  \\"realm"';
      for (const user of ["plain:x", "slow:x", "apr:", "nobody:p", ":p", "plain", undefined]) {
        assertEquals(told(await ask("/", user)), challenged, user);
      }
      assertEquals(told(await ask("/?r=x%0d%0a")), '401 Basic realm="the x%0d%0a \\"realm"');
      await sluice.errorLine(/\[error\].* user "slow": password mismatch, client: /);
      await sluice.errorLine(/\[error\].* user "nobody" was not found in "\/.*htpasswd", client: /);
      await sluice.errorLine(
        /\[info\].* no user\/password was provided for basic authentication, client: /,
      );
    },
  );
});

Deno.test("auth_basic: off, by itself or by a variable, asks nobody", async () => {
  await withLocations([
    "= /asks: { PASS }",
    "= /off: { auth_basic: off, PASS }",
    "= /variable: { auth_basic: $arg_r, PASS }",
  ], async (ask) => {
    assertEquals(told(await ask("/asks")), '401 Basic realm="r"');
    assertEquals(told(await ask("/off")), "200");
    assertEquals(told(await ask("/variable?r=off")), "200");
  }, "auth_basic: r\nauth_basic_user_file: FILE");
});

Deno.test("auth_basic: a changed file counts at once; one that is not there is 403, DES crypt 500", async () => {
  await withLocations([
    "/: { auth_basic: r, auth_basic_user_file: FILE, PASS }",
    "/gone: { auth_basic: r, auth_basic_user_file: FILE.gone, PASS }",
  ], async (ask, sluice, file) => {
    assertEquals(told(await ask("/", "plain:p")), "200");
    await Deno.writeTextFile(file, "plain:{PLAIN}other\n");
    assertEquals(told(await ask("/", "plain:p")), '401 Basic realm="r"');
    assertEquals(told(await ask("/", "plain:other")), "200");
    await Deno.writeTextFile(`${file}.new`, "plain:{PLAIN}newer\n");
    await Deno.rename(`${file}.new`, file);
    assertEquals(told(await ask("/", "plain:newer")), "200");
    assertEquals(told(await ask("/gone", "plain:p")), "403");
    await sluice.errorLine(
      /\[error\].* open\(\) ".*\.gone" failed \(2: No such file or directory\)/,
    );
    await Deno.writeTextFile(file, PASSWORDS);
    assertEquals(told(await ask("/", "des:secret")), "500");
    await sluice.errorLine(
      /\[crit\].* cannot check the password of user "des": traditional DES crypt; write it anew with htpasswd -B "/,
    );
  });
});

Deno.test("auth_basic: a client that leaves while its password is checked is 499", async () => {
  await withLocations(["/: { auth_basic: r, auth_basic_user_file: FILE, PASS }"], async (
    ask,
    sluice,
    file,
  ) => {
    // A cost of 15 takes seconds.
    await Deno.writeTextFile(file, `u:$2y$15$${"a".repeat(53)}\n`);
    {
      await using client = await connect(sluice.addresses[0]!);
      await client.send(
        `GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic ${btoa("u:p")}\r\n\r\n`,
      );
      await eventually("a request", () => sluice.stats().clients === 1);
      assertEquals(told(await ask("/", "none:p")), '401 Basic realm="r"', "others pass meanwhile");
    }
    assertEquals(await sluice.accessLine(2), "GET / HTTP/1.1|499|-");
  });
});

Deno.test("auth_delay: who is not authorized waits to be told; a client that leaves is 499", async () => {
  const basic = "auth_basic: r, auth_basic_user_file: FILE";
  await withLocations([
    `= /soon: { ${basic}, auth_delay: 200ms, PASS }`,
    `= /late: { satisfy: any, access: [deny all], ${basic}, auth_delay: 1h, PASS }`,
  ], async (ask, sluice) => {
    assertEquals(told(await ask("/soon", "plain:p")), "200");
    const startedAtMs = performance.now();
    assertEquals(told(await ask("/soon", "plain:x")), '401 Basic realm="r"');
    assertEquals(performance.now() - startedAtMs >= 195, true);
    {
      await using client = await connect(sluice.addresses[0]!);
      await client.send("GET /late HTTP/1.1\r\nHost: a\r\n\r\n");
      await sluice.errorLine(/\[info\].* delaying unauthorized request, .*GET \/late/);
    }
    assertEquals(await sluice.accessLine(3), "GET /late HTTP/1.1|499|-");
  });
});

Deno.test("satisfy any: one that lets in is enough; all have to otherwise", async () => {
  const basic = "auth_basic: r, auth_basic_user_file: FILE";
  await withLocations([
    `= /address: { satisfy: any, access: [allow 127.0.0.1, deny all], ${basic}, PASS }`,
    `= /password: { satisfy: any, access: [deny all], ${basic}, PASS }`,
    "= /nobody: { satisfy: any, access: [allow 10.0.0.1, deny all], PASS }",
    "= /no-opinion: { satisfy: any, access: [allow 10.0.0.1], PASS }",
    `= /all: { access: [deny all], ${basic}, PASS }`,
    `= /both: { access: [allow 127.0.0.1, deny all], ${basic}, PASS }`,
    `= /asked: { satisfy: any, ${basic}, auth_request: /yes, PASS }`,
    `= /refused: { satisfy: any, access: [deny all], auth_request: /no, PASS }`,
    `= /broken: { satisfy: any, access: [deny all], auth_request: /bad, PASS }`,
    "= /yes: { return: 204 }",
    "= /no: { return: 401 }",
    "= /bad: { return: 503 }",
  ], async (ask, sluice) => {
    const statuses = async (
      path: string,
    ) => [told(await ask(path)), told(await ask(path, "plain:p"))];
    assertEquals(await statuses("/address"), ["200", "200"]);
    assertEquals(await statuses("/password"), ['401 Basic realm="r"', "200"]);
    assertEquals(sluice.errorLog.filter((line) => line.includes("forbidden")), []);
    assertEquals(await statuses("/nobody"), ["403", "403"]);
    await sluice.errorLine(/access forbidden by rule/);
    assertEquals(await statuses("/no-opinion"), ["200", "200"]);
    assertEquals(await statuses("/all"), ["403", "403"]);
    assertEquals(await statuses("/both"), ['401 Basic realm="r"', "200"]);
    assertEquals(await statuses("/asked"), ["200", "200"]);
    assertEquals(await statuses("/refused"), ["401", "401"]);
    assertEquals(await statuses("/broken"), ["500", "500"]);
  });
});

Deno.test("limit_except: other methods than these have rules of their own; GET means HEAD too", async () => {
  await withLocations([
    "/: { limit_except: { GET: { access: [deny all] } }, PASS }",
    "/basic: { limit_except: { post delete: { auth_basic: r, auth_basic_user_file: FILE } }, PASS }",
    "/return: { limit_except: { GET: { access: [deny all] } }, return: 200 }",
    `/if: { limit_except: { GET: { access: [deny all] } }, rewrite: [{ if: { when: "$uri = /if", then: [{ set: "$a 1" }] } }], PASS }`,
    `/led: { limit_except: { GET: { access: [deny all] } }, rewrite: [{ rewrite: "^ /other last" }], PASS }`,
    "/other: { return: 204 }",
    "/content: { limit_except: { GET: { access: [allow all] } }, return: 200 }",
  ], async (ask) => {
    const statuses = async (path: string, user?: string) =>
      Object.fromEntries(
        await Promise.all(
          ["GET", "HEAD", "POST", "DELETE", "FOO"].map(async (method) =>
            [method, (await ask(path, user, method)).status] as const
          ),
        ),
      );
    assertEquals(await statuses("/"), { GET: 200, HEAD: 200, POST: 403, DELETE: 403, FOO: 403 });
    assertEquals(
      await statuses("/basic"),
      { GET: 401, HEAD: 401, POST: 200, DELETE: 200, FOO: 401 },
    );
    assertEquals(
      await statuses("/basic", "plain:p"),
      { GET: 200, HEAD: 200, POST: 200, DELETE: 200, FOO: 200 },
    );
    assertEquals((await statuses("/return"))["POST"], 403);
    assertEquals((await statuses("/content"))["POST"], 404);
    const led = await statuses("/led");
    assertEquals([led["GET"], led["POST"]], [204, 403], "nothing is rewritten for others");
    const within = await statuses("/if");
    assertEquals([within["GET"], within["POST"]], [200, 403]);
  });
});
