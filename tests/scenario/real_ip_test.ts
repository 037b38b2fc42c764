/** set_real_ip_from and the PROXY protocol: compared with nginx 1.22.1 by hand. */
import { assertEquals, assertMatch } from "@std/assert";
import { connect, exchange, getRequest } from "../support/client.ts";
import { inFrontOf, withSluice } from "../support/in_process.ts";

const TEXT = `return: '200 "$remote_addr [$remote_port] $realip_remote_addr"'`;

/** What a server says of some requests, each on a connection of its own. */
async function told(settings: string, requests: readonly string[]): Promise<string[]> {
  const texts: string[] = [];
  const yaml = `
servers:
  - listen: 127.0.0.1:0
    ${settings}
    locations: { /: { ${TEXT} } }
`;
  await withSluice(yaml, async (address) => {
    for (const request of requests) texts.push((await exchange(address, request)).bodyText);
  });
  return texts;
}

const from = (value: string, ...more: readonly string[]) =>
  getRequest("/", `X-Forwarded-For: ${value}`, ...more.map((one) => `X-Forwarded-For: ${one}`));

Deno.test("set_real_ip_from: the last address that a trusted proxy names, with its port", async () => {
  const texts = await told("set_real_ip_from: 127.0.0.0/8\n    real_ip_header: X-Forwarded-For", [
    from("203.0.113.1"),
    from("203.0.113.1, 198.51.100.7:4711"),
    from("203.0.113.1", "[2001:db8::7]:80"),
    from("nonsense"),
  ]);
  assertEquals(texts.slice(0, 3), [
    "203.0.113.1 [] 127.0.0.1",
    "198.51.100.7 [4711] 127.0.0.1",
    "2001:db8::7 [80] 127.0.0.1",
  ]);
  assertMatch(texts[3]!, /^127\.0\.0\.1 \[\d+\] 127\.0\.0\.1$/);
});

Deno.test("real_ip_recursive: the last that is not trusted itself, else the first", async () => {
  assertEquals(
    await told(
      "set_real_ip_from: [127.0.0.1, 10.0.0.0/8]\n    real_ip_header: X-Forwarded-For\n    real_ip_recursive: on",
      [from("203.0.113.1, 10.0.0.1, 10.0.0.2"), from("10.0.0.1, 10.0.0.2"), from("x, 10.0.0.2")],
    ),
    ["203.0.113.1 [] 127.0.0.1", "10.0.0.1 [] 127.0.0.1", "10.0.0.2 [] 127.0.0.1"],
  );
});

Deno.test("set_real_ip_from: who is not trusted is not asked, and each request is asked anew", async () => {
  const yaml = `
servers:
  - listen: 127.0.0.1:0
    set_real_ip_from: 127.0.0.1
    locations:
      /: { ${TEXT} }
      /other: { ${TEXT}, set_real_ip_from: 192.0.2.1 }
      /access: { root: /nowhere, access: [deny 203.0.113.9, allow all] }
  - listen: 127.0.0.2:0
    set_real_ip_from: 192.0.2.1
    locations: { /: { ${TEXT} } }
`;
  await withSluice(yaml, async (address, sluice) => {
    await using client = await connect(address);
    const ask = async (...lines: readonly string[]) => {
      await client.send(getRequest("/", ...lines));
      return (await client.readResponse()).bodyText;
    };
    assertEquals(await ask("X-Real-IP: 203.0.113.9"), "203.0.113.9 [] 127.0.0.1");
    assertMatch(await ask(), /^127\.0\.0\.1 \[\d+\] 127\.0\.0\.1$/);
    const [, second] = sluice.addresses;
    assertMatch(
      (await exchange(second!, getRequest("/", "X-Real-IP: 203.0.113.9"))).bodyText,
      /^127\.0\.0\.1 /,
    );
    const denied = getRequest("/access", "X-Real-IP: 203.0.113.9");
    assertEquals((await exchange(address, denied)).status, 403);
  });
});

Deno.test("listen proxy_protocol: both versions, byte by byte, and what they say", async () => {
  const yaml = `
servers:
  - listen: "127.0.0.1:0 proxy_protocol"
    set_real_ip_from: 127.0.0.1
    real_ip_header: proxy_protocol
    locations: { /: { return: '200 "$remote_addr:$remote_port $proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr:$proxy_protocol_server_port"' } }
`;
  const binary = Uint8Array.of(
    ...[13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10, 0x21, 0x11, 0, 12],
    ...[192, 0, 2, 1, 203, 0, 113, 7, 0x1f, 0x90, 0, 80],
  );
  await withSluice(yaml, async (address, sluice) => {
    const said = "192.0.2.1:8080 192.0.2.1 8080 203.0.113.7:80";
    for (
      const header of [
        new TextEncoder().encode("PROXY TCP4 192.0.2.1 203.0.113.7 8080 80\r\n"),
        binary,
      ]
    ) {
      await using client = await connect(address);
      await client.sendBytewise(header);
      await client.send(getRequest("/"));
      assertEquals((await client.readResponse()).bodyText, said);
      await client.send(getRequest("/")); // the header is of the connection, not of its first request
      assertEquals((await client.readResponse()).bodyText, said);
    }
    await using together = await connect(address);
    await together.send(`PROXY UNKNOWN\r\n${getRequest("/")}`);
    assertMatch((await together.readResponse()).bodyText, /^127\.0\.0\.1:\d+ {3}:$/);
    await using without = await connect(address);
    await without.send(getRequest("/"));
    assertEquals((await without.readToEnd()).length, 0);
    await sluice.errorLine(/broken header: .* while reading PROXY protocol/);
    await using leaving = await connect(address);
    await leaving.send("PROXY TC");
    await leaving.halfClose();
    assertEquals((await leaving.readToEnd()).length, 0);
  });
});

Deno.test("listen proxy_protocol: a header that does not come ends the connection in time", async () => {
  const yaml = `
client_header_timeout: 100ms
servers: [{ listen: "127.0.0.1:0 proxy_protocol", locations: { /: { return: 200 } } }]
`;
  await withSluice(yaml, async (address) => {
    await using client = await connect(address);
    await client.send("PROXY");
    assertEquals((await client.readToEnd()).length, 0);
  });
});

Deno.test("proxy_protocol: a peer is told of the client, on a connection of that client's own", async () => {
  const told = '"$proxy_protocol_addr:$proxy_protocol_port to $proxy_protocol_server_port, ' +
    'request $connection_requests"';
  await withSluice(
    `servers: [{ listen: "127.0.0.1:0 proxy_protocol", return: '200 ${told}' }]`,
    async (peer) => {
      const yaml = (version: string) =>
        inFrontOf(peer, { proxy: `protocol: ${version}`, group: "keepalive: 8" });
      for (const version of ["v1", "v2"]) {
        await withSluice(yaml(version), async (address) => {
          await using one = await connect(address);
          await using other = await connect(address);
          const port = address.slice(address.indexOf(":") + 1);
          for (const [client, request] of [[one, 1], [other, 1], [one, 2], [other, 2]] as const) {
            await client.send(getRequest("/"));
            const { bodyText } = await client.readResponse();
            const { localPort } = client.socket;
            assertEquals(bodyText, `127.0.0.1:${localPort} to ${port}, request ${request}`);
          }
        });
      }
    },
  );
});

Deno.test("valid_referers: none, blocked, the server's names, names with a path, regexes", async () => {
  const yaml = `
servers:
  - listen: 127.0.0.1:0
    server_name: 'first.example ~^sub\\d\\.example$'
    valid_referers: 'none blocked server_names *.shop.example/in ~friend\\.'
    locations: { /: { return: '200 "$invalid_referer"' }, /one: { valid_referers: only.example, return: '200 "$invalid_referer"' } }
`;
  await withSluice(yaml, async (address) => {
    const ask = async (referer: string | undefined, path = "/") => {
      const lines = referer === undefined ? [] : [`Referer: ${referer}`];
      return (await exchange(address, getRequest(path, ...lines))).bodyText;
    };
    for (
      const valid of [
        undefined,
        "-",
        "http://first.example/x",
        "HTTPS://First.Example:8443/",
        "http://sub7.example/",
        "http://a.shop.example/in/x",
        "http://my.friend.example/",
      ]
    ) assertEquals(await ask(valid), "", valid);
    for (
      const other of ["http://other.example/", "http://a.shop.example/out", "http://a.shop.example"]
    ) {
      assertEquals(await ask(other), "1", other);
    }
    assertEquals(await ask(undefined, "/one"), "1");
    assertEquals(await ask("http://only.example/", "/one"), "");
  });
});
