/** From names to peers: at start, at run time, and made of a request's variables. */
import { assertEquals } from "@std/assert";
import { exchange, getRequest } from "../support/client.ts";
import { a, startDns } from "../support/dns_server.ts";
import { withSluice } from "../support/in_process.ts";
import { okResponse, respondWith } from "../support/origin.ts";

/** One location that passes to a URL, which may have variables. */
function passing(pass: string, main = "", proxy = ""): string {
  return `
${main}
servers:
  - { listen: "127.0.0.1:0", locations: { /: { proxy: { pass: '${pass}'${proxy} } } } }
`;
}

function portOf(origin: { readonly address: string }): string {
  return origin.address.slice(origin.address.lastIndexOf(":") + 1);
}

Deno.test("pass with a variable: the name is looked up once for all who wait, and kept for its lifetime", async () => {
  await using origin = await respondWith(okResponse("hello"));
  await using dns = startDns({ "a.test": a("127.0.0.1") });
  const yaml = passing(
    `http://$arg_b:${portOf(origin)}`,
    `resolver: { servers: ["${dns.address}"] }`,
  );
  await withSluice(yaml, async (address) => {
    const responses = await Promise.all(
      Array.from({ length: 20 }, () => exchange(address, getRequest("/?b=a.test"))),
    );
    assertEquals(responses.map(({ status }) => status), Array.from({ length: 20 }, () => 200));
    assertEquals((await exchange(address, getRequest("/?b=A.Test"))).bodyText, "hello");
    assertEquals([dns.countOf("A", "a.test"), dns.countOf("AAAA", "a.test")], [1, 1]);
  });
});

Deno.test("a name that does not exist is 502, and the log has nginx's words and the name", async () => {
  await using dns = startDns();
  const yaml = passing("http://$arg_b", `resolver: "${dns.address}"`);
  await withSluice(yaml, async (address, sluice) => {
    assertEquals((await exchange(address, getRequest("/?b=none.test"))).status, 502);
    await sluice.errorLine(/ \*\d+ none\.test could not be resolved \(3: Host not found\)/);
  });
});
