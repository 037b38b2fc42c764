/** absolute_redirect, port_in_redirect, server_name_in_redirect: compared with nginx 1.22.1 by hand. */
import { assertEquals } from "@std/assert";
import { freePorts } from "../support/free_ports.ts";
import { exchange, getRequest } from "../support/client.ts";
import { withSluice } from "../support/in_process.ts";

const YAML = `
servers:
  - listen: 127.0.0.1:0
    server_name: first.example second.example
    locations:
      "= /on": { return: 301 /to }
      "= /path": { return: 301 /to, absolute_redirect: off }
      "= /portless": { return: 301 /to, port_in_redirect: off }
      "= /named": { return: 301 /to, server_name_in_redirect: on }
      "= /whole": { return: "301 http://elsewhere/to", absolute_redirect: off }
`;

Deno.test("redirects to a path name the host that was asked, and the port; or what is set", async () => {
  await withSluice(YAML, async (address) => {
    const locationOf = async (path: string, host: string) => {
      const { fields } = await exchange(
        address,
        `GET ${path} HTTP/1.${host === "" ? 0 : 1}\r\n${host && `Host: ${host}\r\n`}\r\n`,
      );
      return fields.get("Location");
    };
    const port = address.split(":")[1];
    assertEquals(await locationOf("/on", "Second.example"), `http://second.example:${port}/to`);
    assertEquals(await locationOf("/on", ""), `http://127.0.0.1:${port}/to`);
    assertEquals(await locationOf("/path", "a"), "/to");
    assertEquals(await locationOf("/portless", "a"), "http://a/to");
    assertEquals(await locationOf("/named", "second.example"), `http://first.example:${port}/to`);
    assertEquals(await locationOf("/whole", "a"), "http://elsewhere/to");
  });
});

Deno.test("default_server answers for names that no server has, wherever it stands", async () => {
  const port = (freePorts(1))[0]!;
  await withSluice(
    `
servers:
  - { listen: "127.0.0.1:${port}", server_name: first.test, return: 200 first }
  - { listen: "127.0.0.1:${port} default_server", server_name: second.test, return: 200 second }
`,
    async (address) => {
      const ask = async (host: string) =>
        (await exchange(address, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).bodyText;
      assertEquals(
        [await ask("first.test"), await ask("other.test")],
        ["first", "second"],
      );
    },
  );
});

Deno.test("server_tokens off: neither Server nor error pages tell the version", async () => {
  const yaml = (tokens: string) =>
    `servers: [{ listen: "127.0.0.1:0", return: 404, server_tokens: ${tokens} }]`;
  const told = async (tokens: string) => {
    let found: boolean[] = [];
    await withSluice(yaml(tokens), async (address) => {
      const { fields, bodyText } = await exchange(address, getRequest());
      found = [fields.get("Server") ?? "", bodyText].map((text) => /sluice\/\d/.test(text));
    });
    return found;
  };
  assertEquals([await told("on"), await told("off")], [[true, true], [false, false]]);
});
