/** From names to peers: at start, at run time, and made of a request's variables. */
import { assertEquals } from "@std/assert";
import { freePorts } from "../support/free_ports.ts";
import { exchange, getRequest } from "../support/client.ts";
import { a, startDns } from "../support/dns_server.ts";
import { eventually, withSluice } from "../support/in_process.ts";
import { expectRequest, okResponse, repeat, respondWith, send } from "../support/origin.ts";
import { tempDir } from "../support/program.ts";
import { realServerTest } from "../support/real_servers.ts";
import { makeCertificates, serverNameOf, startTlsOrigin } from "../support/tls_origin.ts";

/** One location that passes to a URL, which may have variables. */
function passing(pass: string, main = "", location = "/"): string {
  return `
${main}
servers:
  - { listen: "127.0.0.1:0", locations: { '${location}': { proxy: { pass: '${pass}' } } } }
`;
}

/** All paths passed to a group. */
function group(server: string, main: string, more = ""): string {
  return passing("http://app", `${main}\nupstreams: { app: { servers: ${server}${more} } }`);
}

function portOf({ address }: { readonly address: string }): string {
  return address.slice(address.lastIndexOf(":") + 1);
}

async function bodyOf(address: string, target = "/"): Promise<string> {
  const { status, bodyText } = await exchange(address, getRequest(target));
  return status === 200 ? bodyText : String(status);
}

/** Asks until the answer is the wanted one: names are followed in the background. */
async function eventuallyBody(address: string, wanted: string): Promise<void> {
  let last = "";
  for (let turns = 0; turns < 200 && last !== wanted; turns++) {
    last = await bodyOf(address);
    if (last !== wanted) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assertEquals(last, wanted);
}

/** A server on one of the machine's addresses that answers with a text, on connections that stay. */
class Answering implements AsyncDisposable {
  readonly #server: Deno.HttpServer;
  requests = 0;

  constructor(hostname: string, port: number, text: string) {
    this.#server = Deno.serve({ hostname, port, onListen() {} }, () => {
      this.requests++;
      return new Response(text);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

Deno.test("pass with a variable: the name is looked up once for all who wait, and kept for its lifetime", async () => {
  await using origin = await respondWith(okResponse("hello"));
  await using dns = startDns({ "a.test": a("127.0.0.1") });
  const main = `resolver: { servers: ["${dns.address}"] }`;
  await withSluice(passing(`http://$arg_b:${portOf(origin)}`, main), async (address) => {
    const all = Array.from({ length: 20 }, () => bodyOf(address, "/?b=a.test"));
    assertEquals(new Set(await Promise.all(all)), new Set(["hello"]));
    assertEquals(await bodyOf(address, "/?b=A.Test"), "hello");
    assertEquals([dns.countOf("A", "a.test"), dns.countOf("AAAA", "a.test")], [1, 1]);
  });
});

Deno.test("a lifetime that is over: the name is asked for again, and requests go where it leads now", async () => {
  const [port = 0] = freePorts(1);
  await using _one = new Answering("127.0.0.1", port, "one");
  await using _two = new Answering("127.0.0.2", port, "two");
  await using dns = startDns({ "a.test": a("127.0.0.1", 3_600) });
  const main = `resolver: "${dns.address} valid=50ms ipv6=off"`;
  await withSluice(passing(`http://$arg_b:${port}`, main), async (address, sluice) => {
    assertEquals(await bodyOf(address, "/?b=a.test"), "one");
    await eventually("an idle connection", () => sluice.stats().idle === 1);
    dns.zone["a.test"] = a("127.0.0.2");
    for (let turns = 0; turns < 100; turns++) {
      if (await bodyOf(address, "/?b=a.test") === "two") break;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assertEquals(await bodyOf(address, "/?b=a.test"), "two");
    await eventually(
      "the connection to the old address to be closed",
      () => sluice.stats().idle === 1,
    );
    assertEquals(dns.countOf("AAAA", "a.test"), 0);
  });
});

Deno.test("a name that does not exist is 502, and the log has nginx's words and the name", async () => {
  await using dns = startDns();
  await withSluice(
    passing("http://$arg_b", `resolver: "${dns.address}"`),
    async (address, sluice) => {
      assertEquals(await bodyOf(address, "/?b=none.test"), "502");
      await sluice.errorLine(
        / \*\d+ none\.test could not be resolved \(3: Host not found\), client: /,
      );
    },
  );
});

Deno.test("a resolver that is silent: 502 after its timeout; one that fails: 502 at once, in other words", async () => {
  await using dns = startDns({
    "slow.test": "silence",
    "bad.test": { code: 2 },
    "no.test": { code: 5 },
  });
  const main = `resolver: "${dns.address} timeout=100ms"`;
  await withSluice(passing("http://$arg_b", main), async (address, sluice) => {
    assertEquals(await bodyOf(address, "/?b=slow.test"), "502");
    assertEquals(await bodyOf(address, "/?b=bad.test"), "502");
    assertEquals(await bodyOf(address, "/?b=no.test"), "502");
    await sluice.errorLine(/slow\.test could not be resolved \(110: Operation timed out\)/);
    await sluice.errorLine(/bad\.test could not be resolved \(2: Server failure\)/);
    await sluice.errorLine(/no\.test could not be resolved \(5: Operation refused\)/);
  });
});

Deno.test("a server that fails or is not there: the next one is asked", async () => {
  await using origin = await respondWith(okResponse("hello"));
  await using broken = startDns({ "a.test": { code: 2 } });
  await using dns = startDns({ "a.test": a("127.0.0.1") });
  const main = `resolver: "${broken.address} ${dns.address}"`;
  await withSluice(passing(`http://$arg_b:${portOf(origin)}`, main), async (address) => {
    assertEquals(await bodyOf(address, "/?b=a.test"), "hello");
  });
});

Deno.test("a server at an IPv6 address is asked from one", async () => {
  await using origin = await respondWith(okResponse("hello"));
  await using dns = startDns({ "a.test": a("127.0.0.1") }, "::1");
  const main = `resolver: "${dns.address}"`;
  await withSluice(passing(`http://$arg_b:${portOf(origin)}`, main), async (address) => {
    assertEquals(await bodyOf(address, "/?b=a.test"), "hello");
  });
});

Deno.test("a client that leaves while its name is looked up is 499, and the question ends without it", async () => {
  await using dns = startDns({ "slow.test": "silence" });
  const main = `resolver: "${dns.address} timeout=300ms"`;
  await withSluice(passing("http://$arg_b", main), async (address, sluice) => {
    const [hostname = "", port] = address.split(":");
    const client = await Deno.connect({ hostname, port: Number(port) });
    await client.write(new TextEncoder().encode(getRequest("/?b=slow.test")));
    await dns.waitForQuestion(1, "A", "slow.test");
    client.close();
    assertEquals(await sluice.accessLine(1), "GET /?b=slow.test HTTP/1.1|499|-");
  });
});

Deno.test("an answer too large for UDP is asked for over TCP; aliases are followed", async () => {
  await using origin = await respondWith(okResponse("hello"));
  await using dns = startDns({
    "large.test": { truncated: [{ type: "A", ttlSeconds: 60, target: "127.0.0.1" }] },
    "alias.test": {
      records: [
        { type: "CNAME", ttlSeconds: 60, target: "real.test" },
        { type: "A", ttlSeconds: 60, target: "127.0.0.1", owner: "real.test" },
      ],
    },
  });
  const main = `resolver: "${dns.address} ipv6=off"`;
  await withSluice(passing(`http://$arg_b:${portOf(origin)}`, main), async (address) => {
    assertEquals(await bodyOf(address, "/?b=large.test"), "hello");
    assertEquals(await bodyOf(address, "/?b=alias.test"), "hello");
    assertEquals(dns.countOf("A/tcp", "large.test"), 1);
  });
});

Deno.test("a peer with resolve: its name is asked for again, traffic moves, and idle connections to the old address are closed", async () => {
  const [port = 0] = freePorts(1);
  await using one = new Answering("127.0.0.1", port, "one");
  await using _two = new Answering("127.0.0.2", port, "two");
  await using dns = startDns({ "a.test": a("127.0.0.1", 1) });
  const yaml = group(`"a.test:${port} resolve"`, `resolver: "${dns.address} ipv6=off"`);
  await withSluice(yaml, async (address, sluice) => {
    assertEquals(await bodyOf(address), "one");
    dns.zone["a.test"] = a("127.0.0.2", 1);
    await eventuallyBody(address, "two");
    const seen = one.requests;
    assertEquals(await bodyOf(address), "two");
    assertEquals([one.requests, sluice.stats().idle], [seen, 1]);
  });
});

Deno.test("a peer with resolve: while the resolver fails the last addresses are used on, which is told once", async () => {
  await using origin = await respondWith(okResponse("hello"));
  await using dns = startDns({ "a.test": a("127.0.0.1", 1) });
  const yaml = group(
    `"a.test:${portOf(origin)} resolve"`,
    `resolver: "${dns.address} ipv6=off"`,
  );
  await withSluice(yaml, async (address, sluice) => {
    assertEquals(await bodyOf(address), "hello");
    dns.zone["a.test"] = { code: 2 };
    await sluice.errorLine(/a\.test could not be resolved \(2: Server failure\), what it was/);
    await dns.waitForQuestion(5, "A", "a.test");
    assertEquals(await bodyOf(address), "hello");
    assertEquals(sluice.errorLog.filter((line) => line.includes("what it was")).length, 1);
    dns.zone["a.test"] = a("127.0.0.1", 1);
    await sluice.errorLine(/a\.test could be resolved again/);
  });
});

Deno.test("a name that does not exist at start is a warning and 502; as soon as it does, requests go there", async () => {
  await using origin = await respondWith(okResponse("hello"));
  await using dns = startDns();
  const yaml = group(
    `"late.test:${portOf(origin)} resolve"`,
    `resolver: "${dns.address} ipv6=off"`,
  );
  await withSluice(yaml, async (address, sluice) => {
    await sluice.errorLine(
      /\[warn\] .*late\.test could not be resolved \(3: Host not found\) in upstream "app"/,
    );
    assertEquals(await bodyOf(address), "502");
    await sluice.errorLine(/\[error\] .*late\.test could not be resolved .*request: "GET \//);
    dns.zone["late.test"] = a("127.0.0.1");
    await eventuallyBody(address, "hello");
  });
});

Deno.test("a literal pass to a name that the system does not know: the server starts, and answers 502", async () => {
  await withSluice(passing("http://nowhere.invalid:9000"), async (address, sluice) => {
    assertEquals(await bodyOf(address), "502");
    await sluice.errorLine(
      /\[error\] .*nowhere\.invalid could not be resolved \(3: Host not found\)/,
    );
  });
});

Deno.test("a service: ports and weights are those of its SRV records, and others than the best priority are backups", async () => {
  await using one = await respondWith(okResponse("one"));
  await using two = await respondWith(okResponse("two"));
  await using spare = await respondWith(okResponse("spare"));
  const record = (port: string, weight: number, priority: number, target: string) => ({
    type: "SRV" as const,
    ttlSeconds: 60,
    target,
    srv: { priority, weight, port: Number(port) },
  });
  await using dns = startDns({
    "_http._tcp.app.test": {
      records: [
        record(portOf(one), 3, 10, "h1.test"),
        record(portOf(two), 1, 10, "h2.test"),
        record(portOf(spare), 1, 20, "h1.test"),
        record("1", 1, 10, "missing.test"),
      ],
    },
    "h1.test": a("127.0.0.1"),
    "h2.test": a("127.0.0.1"),
  });
  const yaml = group('"app.test service=http resolve"', `resolver: "${dns.address} ipv6=off"`);
  await withSluice(yaml, async (address) => {
    const bodies: string[] = [];
    for (let count = 0; count < 8; count++) bodies.push(await bodyOf(address));
    assertEquals(bodies.toSorted().join(" "), "one one one one one one two two");
    await one[Symbol.asyncDispose]();
    await two[Symbol.asyncDispose]();
    assertEquals(await bodyOf(address), "spare");
  });
});

Deno.test("localhost needs no network, whatever resolver there is; IPv6 literals and unix sockets are addresses", async () => {
  await using dir = await tempDir();
  await using origin = await respondWith(okResponse("tcp"));
  await using socket = await respondWith(okResponse("socket"), { unix: `${dir.path}/o.sock` });
  const [port = 0] = freePorts(1);
  await using _six = new Answering("::1", port, "six");
  const main = 'resolver: "192.0.2.1"';
  await withSluice(passing("http://$arg_b", main), async (address) => {
    assertEquals(await bodyOf(address, `/?b=localhost:${portOf(origin)}`), "tcp");
    assertEquals(await bodyOf(address, `/?b=[::1]:${port}`), "six");
    assertEquals(await bodyOf(address, `/?b=unix:${dir.path}/o.sock`), "socket");
    assertEquals(await bodyOf(address, `/?b=unix:${dir.path}/o.sock:/path`), "socket");
  });
  assertEquals(socket.requests.map(({ target }) => target).at(-1), "/path");
  await withSluice(passing(`http://localhost:${portOf(origin)}`), async (address) => {
    assertEquals(await bodyOf(address), "tcp");
  });
});

Deno.test("pass with variables: a group by its name, the path as it is rendered, a blank escaped", async () => {
  await using origin = await respondWith(okResponse("hello"));
  const main = `upstreams: { App: { servers: "${origin.address}" } }`;
  await withSluice(passing("http://$arg_b", main), async (address) => {
    assertEquals(await bodyOf(address, "/own?b=app"), "hello");
    assertEquals(await bodyOf(address, `/own?b=${origin.address}/other?y=1`), "hello");
  });
  await withSluice(passing(`http://${origin.address}/x$uri`), async (address) => {
    assertEquals(await bodyOf(address, "/a%20b%0d%0aX-Evil:1?q=1"), "hello");
  });
  const targets = origin.requests.map(({ target }) => target);
  assertEquals(targets, ["/own?b=app", "/other?y=1", "/x/a%20b%0D%0AX-Evil:1"]);
});

Deno.test("pass with variables: a URL that is none is 500, and nothing of an earlier request is logged with it", async () => {
  await using origin = await respondWith(okResponse("hello"));
  await withSluice(passing("$arg_u"), async (address, sluice) => {
    assertEquals(await bodyOf(address, `/?u=http://${origin.address}`), "hello");
    for (const url of ["", "http://", "ftp://x", "http://:80", "http://a:99999", "http://a_b@c"]) {
      assertEquals(await bodyOf(address, `/?u=${url}`), "500", url);
    }
    assertEquals(await sluice.accessLine(3), "GET /?u=http:// HTTP/1.1|500|-");
    await sluice.errorLine(/invalid URL prefix in "http:\/\/", client/);
    await sluice.errorLine(/invalid URL prefix in "ftp:\/\/x"/);
    await sluice.errorLine(/no host in upstream ":80"/);
    await sluice.errorLine(/invalid port in upstream "a:99999"/);
    await sluice.errorLine(/invalid host in upstream "a_b@c"/);
  });
});

Deno.test("a proxied location that ends in a slash: the path without it is sent there", async () => {
  await using origin = await respondWith(okResponse("hello"));
  const yaml = passing(`http://${origin.address}`, "", "/x/");
  await withSluice(yaml, async (address) => {
    const response = await exchange(address, getRequest("/x?q=1"));
    assertEquals(response.status, 301);
    const location = response.fields.get("location");
    assertEquals(location?.replace(/:\d+/, ""), "http://test/x/?q=1");
    assertEquals(await bodyOf(address, "/x/"), "hello");
    assertEquals(await bodyOf(address, "/xy"), "404");
  });
});

realServerTest(
  "pass with variables: the scheme decides on TLS, and the name that is asked for is verified",
  ["openssl"],
  async () => {
    await using dir = await tempDir();
    const certificates = await makeCertificates(dir.path);
    await using plain = await respondWith(okResponse("plain"));
    await using secret = await startTlsOrigin({
      pair: certificates.app,
      each: [repeat(expectRequest(), send(okResponse("secret")))],
    });
    await using dns = startDns({ "app.test": a("127.0.0.1"), "wrong.test": a("127.0.0.1") });
    const yaml = `
resolver: "${dns.address} ipv6=off"
servers:
  - listen: 127.0.0.1:0
    locations:
      /: { proxy: { pass: $arg_u, ssl_verify: on, ssl_server_name: on, ssl_trusted_certificate: ${certificates.ca} } }
`;
    await withSluice(yaml, async (address) => {
      const [tls, tcp] = [portOf(secret), portOf(plain)];
      assertEquals(await bodyOf(address, `/?u=https://app.test:${tls}`), "secret");
      assertEquals(await bodyOf(address, `/?u=http://app.test:${tcp}`), "plain");
      assertEquals(await bodyOf(address, `/?u=https://wrong.test:${tls}`), "502");
      assertEquals(await bodyOf(address, `/?u=https://app.test:${tls}`), "secret");
      assertEquals(serverNameOf(secret, 1), "app.test");
    });
  },
);

Deno.test("resolver ipv4=off and ipv6=off: the other family alone is asked for", async () => {
  await using origin = await respondWith(okResponse("hello"));
  await using dns = startDns({ "a.test": a("127.0.0.1") });
  const ask = async (parameter: string) => {
    let body = "";
    const main = `resolver: "${dns.address} ${parameter}"`;
    await withSluice(passing(`http://$arg_b:${portOf(origin)}`, main), async (address) => {
      body = await bodyOf(address, "/?b=a.test");
    });
    return body;
  };
  assertEquals(await ask("ipv6=off"), "hello");
  assertEquals([dns.countOf("A", "a.test"), dns.countOf("AAAA", "a.test")], [1, 0]);
  assertEquals(await ask("ipv4=off"), "502"); // it has no IPv6 address
  assertEquals([dns.countOf("A", "a.test"), dns.countOf("AAAA", "a.test")], [1, 1]);
});

Deno.test("resolver_timeout holds for a resolver without a timeout of its own", async () => {
  await using dns = startDns({ "slow.test": "silence" });
  const main = `resolver: "${dns.address}"\nresolver_timeout: 50ms`;
  await withSluice(passing("http://$arg_b", main), async (address, sluice) => {
    assertEquals(await bodyOf(address, "/?b=slow.test"), "502");
    await sluice.errorLine(/slow\.test could not be resolved \(110: Operation timed out\)/);
  });
});
