/** empty_gif, stub_status, secure_link and userid: compared with nginx 1.22.1 by hand. */
import { assertEquals, assertMatch } from "@std/assert";
import { createHash } from "node:crypto";
import { connect, exchange, getRequest, type Response } from "../support/client.ts";
import { eventually, type InProcessSluice, withSluice } from "../support/in_process.ts";

async function withLocations(
  locations: readonly string[],
  act: (
    ask: (target: string, ...lines: readonly string[]) => Promise<Response>,
    sluice: InProcessSluice,
  ) => Promise<void>,
  logFormat?: string,
): Promise<void> {
  const yaml = `
servers:
  - listen: 127.0.0.1:0
    locations:
      ${locations.join("\n      ")}
`;
  await withSluice(yaml, async (address, sluice) => {
    const ask = (target: string, ...lines: readonly string[]) => {
      const head = [`GET ${target} HTTP/1.1`, "Host: a", "Connection: close", ...lines];
      return exchange(address, `${head.join("\r\n")}\r\n\r\n`);
    };
    await act(ask, sluice);
  }, logFormat === undefined ? {} : { logFormat });
}

Deno.test("empty_gif: one pixel, which the client may have already", async () => {
  await withLocations(["/: { empty_gif: on }"], async (ask, sluice) => {
    const response = await ask("/");
    assertEquals(response.fields.get("Content-Type"), "image/gif");
    assertEquals(response.fields.get("Last-Modified"), "Mon, 28 Sep 1970 06:00:00 GMT");
    assertEquals(
      response.body.toHex(),
      "47494638396101000100800100000000ffffff21f90401000001002c00000000010001000002024c01003b",
    );
    const same = await ask("/", "If-Modified-Since: Mon, 28 Sep 1970 06:00:00 GMT");
    assertEquals([same.status, same.body.length], [304, 0]);
    const post = "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    assertEquals((await exchange(sluice.addresses[0]!, post)).status, 405);
  });
});

Deno.test("stub_status: nginx's text and numbers", async () => {
  await withLocations([
    "= /status: { stub_status: on }",
    '= /variables: { return: 200 "$connections_active $connections_reading $connections_writing $connections_waiting" }',
    "/: { return: 200 }",
  ], async (ask, sluice) => {
    const address = sluice.addresses[0]!;
    const before = await ask("/status");
    assertEquals(before.fields.get("Content-Type"), "text/plain");
    assertEquals(
      before.bodyText,
      "Active connections: 1 \nserver accepts handled requests\n 1 1 1 \n" +
        "Reading: 0 Writing: 1 Waiting: 0 \n",
    );
    await eventually("the first client to be gone", () => sluice.stats().clients === 0);
    await using idle = await connect(address);
    for (let count = 0; count < 3; count++) {
      await idle.send(getRequest("/"));
      await idle.readResponse();
    }
    await using reading = await connect(address);
    await reading.send("GET / HTTP");
    await eventually("three clients", () => sluice.stats().clients === 2);
    await eventually("the head to be read", () => sluice.stats().pool.heldCells >= 2);
    assertMatch(
      (await ask("/status")).bodyText,
      /^Active connections: 3 \nserver accepts handled requests\n 4 4 5 \nReading: [01] Writing: 1 Waiting: [12] \n$/,
    );
    assertMatch((await ask("/variables")).bodyText, /^3 [01] 1 [12]$/);
  });
});

const md5 = (text: string) => createHash("md5").update(text).digest();

Deno.test("secure_link: 1 with the right checksum, 0 when it is out of date, empty else", async () => {
  await withLocations([
    `/: { secure_link: "$arg_md5,$arg_expires", secure_link_md5: "$secure_link_expires$uri sesame",
         return: 200 <$secure_link><$secure_link_expires> }`,
    '/plain: { secure_link: $arg_md5, secure_link_md5: "$uri sesame", return: 200 <$secure_link> }',
    "/half: { secure_link: $arg_md5, return: 200 <$secure_link> }",
  ], async (ask) => {
    const told = async (target: string) => (await ask(target)).bodyText;
    const sum = (text: string) => md5(text).toString("base64url");
    const later = sum("2147483647/a sesame");
    assertEquals(await told(`/a?md5=${later}&expires=2147483647`), "<1><2147483647>");
    assertEquals(await told(`/a?md5=${later}==&expires=2147483647`), "<1><2147483647>");
    assertEquals(await told(`/a?md5=${later}&expires=2147483648`), "<><2147483648>");
    assertEquals(await told(`/b?md5=${later}&expires=2147483647`), "<><2147483647>");
    assertEquals(await told(`/a?md5=${sum("1/a sesame")}&expires=1`), "<0><1>");
    assertEquals(await told(`/a?md5=${sum("x/a sesame")}&expires=x`), "<><>");
    assertEquals(
      await told(`/a?md5=${sum("/a sesame")}&expires=`),
      "<><>",
      "a comma wants a moment",
    );
    assertEquals(await told(`/a?md5=short&expires=1`), "<><1>");
    assertEquals(await told(`/plain?md5=${sum("/plain sesame")}`), "<1>");
    assertEquals(await told("/plain"), "<>");
    assertEquals(await told(`/half?md5=${sum("")}`), "<>");
  });
});

Deno.test("secure_link_secret: the link behind the right checksum", async () => {
  await withLocations(
    ["/p/: { secure_link_secret: sesame, return: 200 <$secure_link> }"],
    async (ask) => {
      const told = async (target: string) => (await ask(target)).bodyText;
      const sum = md5("link/asesame").toString("hex");
      assertEquals(await told(`/p/${sum}/link/a`), "<link/a>");
      assertEquals(await told(`/p/${sum.toUpperCase()}/link/a`), "<link/a>");
      assertEquals(await told(`/p/${sum}/link/b`), "<>");
      assertEquals(await told(`/p/${sum}/link/a?q`), "<>");
      assertEquals(
        await told(`/p/${md5("link/a?qsesame").toString("hex")}/link/a?q`),
        "<link/a?q>",
      );
      assertEquals(await told("/p/x"), "<>");
      assertEquals(await told("/p/x/y"), "<>");
    },
  );
});

const KNOWN = "fwAAAWph/p1KXwAAAwMDAg";
const LOG_UID = "[$uid_got][$uid_set]";

Deno.test("userid: a client without one is given one, and is known by it", async () => {
  await withLocations([
    "/: { userid: on, empty_gif: on }",
    "/v1: { userid: v1, userid_expires: max, empty_gif: on }",
    "/log: { userid: log, empty_gif: on }",
  ], async (ask, sluice) => {
    const first = (await ask("/")).fields.get("Set-Cookie") ?? "";
    const [, digits = ""] = /^uid=([A-Za-z\d+/]{22}==); path=\/$/.exec(first) ?? [];
    const bytes = Uint8Array.fromBase64(digits);
    assertEquals([...bytes.subarray(0, 4)], [127, 0, 0, 1], "the server's address");
    const seconds = new DataView(bytes.buffer).getUint32(4);
    assertEquals(Math.abs(seconds - Date.now() / 1_000) < 60, true);
    const next = (await ask("/")).fields.get("Set-Cookie") ?? "";
    assertEquals(next !== first, true);
    assertEquals(
      (await ask("/", `Cookie: a=b; uid=${digits}`)).fields.get("Set-Cookie"),
      undefined,
    );
    const words = (uid: Uint8Array) =>
      [0, 4, 8, 12].map((at) =>
        new DataView(uid.buffer).getUint32(at, true).toString(16).toUpperCase().padStart(8, "0")
      ).join("");
    assertEquals(await sluice.accessLine(1), `[-][uid=${words(bytes)}]`);
    assertEquals(await sluice.accessLine(3), `[uid=${words(bytes)}][-]`);
    assertMatch(
      (await ask("/v1")).fields.get("Set-Cookie") ?? "",
      /^uid=AAAAA[A-Za-z\d+/]{17}==; expires=Thu, 31-Dec-37 23:55:55 GMT; path=\/$/,
    );
    assertEquals((await ask("/log", `Cookie: UID=${KNOWN}==`)).fields.get("Set-Cookie"), undefined);
    assertEquals(await sluice.accessLine(5), "[uid=0100007F9DFE616A00005F4A02030303][-]");
  }, LOG_UID);
});

Deno.test("userid: its attributes, its mark and P3P", async () => {
  await withLocations([
    `/: { userid: on, userid_name: id, userid_domain: example.org, userid_path: /x, userid_expires: 365d,
          userid_p3p: 'policyref="/p3p.xml", CP="CUR"', userid_mark: Z, userid_service: 16909060,
          userid_flags: secure httponly samesite=lax, return: 404 }`,
  ], async (ask) => {
    const fresh = await ask("/");
    assertMatch(
      fresh.fields.get("Set-Cookie") ?? "",
      /^id=AQIDB[A-Za-z\d+/]{17}Z=; expires=\w{3}, \d\d-\w{3}-\d\d \d\d:\d\d:\d\d GMT; domain=example\.org; path=\/x; secure; httponly; samesite=lax$/,
    );
    assertEquals(fresh.fields.get("P3P"), 'policyref="/p3p.xml", CP="CUR"');
    assertMatch(
      (await ask("/", `Cookie: id=${KNOWN}==`)).fields.get("Set-Cookie") ?? "",
      new RegExp(`^id=${KNOWN.replaceAll("+", "\\+")}Z=; expires=`),
      "the same one, marked",
    );
    assertEquals(
      (await ask("/", `Cookie: id=${KNOWN}Z=`)).fields.get("Set-Cookie"),
      undefined,
    );
  });
});

Deno.test("userid: what is no id is told of in the log", async () => {
  await withLocations(["/: { userid: on, empty_gif: on }"], async (ask, sluice) => {
    await ask("/", "Cookie: uid=short");
    await sluice.errorLine(/\[error\].* client sent too short userid cookie "uid=short", client: /);
    await ask("/", `Cookie: uid=${"*".repeat(24)}`);
    await sluice.errorLine(/\[error\].* client sent invalid userid cookie "uid=\*{24}", client: /);
  });
});

Deno.test("request_id: 32 digits, one for a request and all that belongs to it", async () => {
  await withLocations(
    ['/: { return: 200 "$request_id $request_id" }'],
    async (ask, sluice) => {
      const texts = [(await ask("/")).bodyText, (await ask("/")).bodyText];
      for (const text of texts) assertMatch(text, /^([\da-f]{32}) \1$/);
      assertEquals(texts[0] !== texts[1], true);
      assertEquals(await sluice.accessLine(1), texts[0]!.slice(0, 32));
    },
    "$request_id",
  );
});
