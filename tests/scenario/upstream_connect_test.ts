/** Connecting to peers: what is told apart, and from where one comes. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { freePorts } from "../support/free_ports.ts";
import { exchange, getRequest } from "../support/client.ts";
import { inFrontOf, withSluice } from "../support/in_process.ts";
import {
  expectRequest,
  okResponse,
  repeat,
  respondWith,
  send,
  startOrigin,
} from "../support/origin.ts";
import { runSluice } from "../support/sluice.ts";
import { tempDir } from "../support/program.ts";

/** A peer whose queue of connections is full: the kernel answers no further one. */
async function startStuck(): Promise<{ address: string } & Disposable> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0, tcpBacklog: 1 });
  const { port } = listener.addr;
  const waiting = await Promise.all(
    [1, 2].map(() => Deno.connect({ hostname: "127.0.0.1", port })),
  );
  return {
    address: `127.0.0.1:${port}`,
    [Symbol.dispose]() {
      for (const conn of waiting) conn.close();
      listener.close();
    },
  };
}

Deno.test("a peer that refuses is 502, and said to refuse", async () => {
  const [port] = freePorts(1);
  await withSluice(inFrontOf(`127.0.0.1:${port}`), async (address, sluice) => {
    assertEquals((await exchange(address, getRequest())).status, 502);
    await sluice.errorLine(
      /\[error\] .* connect\(\) failed \(111: Connection refused\) while connecting to upstream/,
    );
  });
});

Deno.test("a network that cannot be reached is 502, and said to be that", async () => {
  await withSluice(inFrontOf("255.255.255.255:80"), async (address, sluice) => {
    assertEquals((await exchange(address, getRequest())).status, 502);
    await sluice.errorLine(
      /connect\(\) failed \(101: Network is unreachable\) while connecting to upstream/,
    );
  });
});

Deno.test("a unix socket that is not there is 502, and said to be that", async () => {
  await withSluice(inFrontOf('"unix:/nowhere/app.sock"'), async (address, sluice) => {
    assertEquals((await exchange(address, getRequest())).status, 502);
    await sluice.errorLine(/connect\(\) failed \(2: No such file or directory\) while connecting/);
  });
});

Deno.test("a peer that does not answer is 504 after connect_timeout", async () => {
  using stuck = await startStuck();
  await withSluice(
    inFrontOf(stuck.address, { proxy: "connect_timeout: 200ms" }),
    async (address, sluice) => {
      assertEquals((await exchange(address, getRequest())).status, 504);
      await sluice.errorLine(
        /upstream timed out \(110: Connection timed out\) while connecting to upstream/,
      );
    },
  );
});

Deno.test("the same through bind, whose connections are made another way", async () => {
  using stuck = await startStuck();
  const [port] = freePorts(1);
  await withSluice(
    inFrontOf(stuck.address, { proxy: "connect_timeout: 200ms, bind: 127.0.0.1" }),
    async (address, sluice) => {
      assertEquals((await exchange(address, getRequest())).status, 504);
      await sluice.errorLine(/upstream timed out .* while connecting to upstream/);
    },
  );
  await withSluice(
    inFrontOf(`127.0.0.1:${port}`, { proxy: "bind: 127.0.0.1" }),
    async (address, sluice) => {
      assertEquals((await exchange(address, getRequest())).status, 502);
      await sluice.errorLine(/connect\(\) failed \(111: Connection refused\) while connecting/);
    },
  );
});

Deno.test("no peer that could be asked is 502, and no live upstreams", async () => {
  await withSluice(
    inFrontOf(["{ address: 127.0.0.1:1, down: on }"]),
    async (address, sluice) => {
      assertEquals((await exchange(address, getRequest())).status, 502);
      await sluice.errorLine(/no live upstreams while connecting to upstream/);
    },
  );
});

Deno.test("refused and timed out fall under different next_upstream conditions", async () => {
  using stuck = await startStuck();
  const [port] = freePorts(1);
  await using good = await respondWith(okResponse("good"));
  const cases = [
    [`127.0.0.1:${port}`, "error", 200],
    [`127.0.0.1:${port}`, "timeout", 502],
    [stuck.address, "timeout", 200],
    [stuck.address, "error", 504],
  ] as const;
  for (const [bad, condition, expected] of cases) {
    const proxy = `next_upstream: ${condition}, connect_timeout: 200ms`;
    await withSluice(inFrontOf([bad, good.address], { proxy }), async (address) => {
      assertEquals((await exchange(address, getRequest())).status, expected, `${bad} ${condition}`);
    });
  }
});

Deno.test("bind: connections come from that address, and are kept", async () => {
  await using origin = await startOrigin({
    each: [repeat(expectRequest(), send(okResponse("x".repeat(100_000))))],
  });
  await withSluice(inFrontOf(origin, { proxy: "bind: 127.0.0.7" }), async (address) => {
    for (let count = 0; count < 3; count++) {
      assertEquals((await exchange(address, getRequest())).body.length, 100_000);
    }
    assertEquals(origin.connections.map(({ socket }) => socket.remoteAddress), ["127.0.0.7"]);
  });
});

Deno.test("bind: an address that the machine does not have is 500, as in nginx, and tries no other peer", async () => {
  await using good = await respondWith(okResponse("good"));
  await withSluice(
    inFrontOf([good.address, "127.0.0.1:1"], { proxy: "bind: 192.0.2.1" }),
    async (address, sluice) => {
      assertEquals((await exchange(address, getRequest())).status, 500);
      await sluice.errorLine(/\[crit\] .* bind\(192\.0\.2\.1\) failed .* while connecting/);
    },
  );
  assertEquals(good.connectionsSeen, 0);
});

Deno.test("socket_keepalive: the system probes the connection", async () => {
  await using origin = await respondWith(okResponse("hello"));
  for (
    const [proxy, expected] of [["socket_keepalive: on", true], ["socket_keepalive: off", false], [
      "socket_keepalive: on, bind: 127.0.0.1",
      true,
    ]] as const
  ) {
    await withSluice(inFrontOf(origin, { proxy }), async (address) => {
      assertEquals((await exchange(address, getRequest())).status, 200);
      const port = origin.connections.at(-1)!.socket.remotePort ?? 0;
      assertEquals(hasKeepaliveTimer(port, origin.port), expected, proxy);
    });
  }
});

/** What the kernel's table says of our end of a connection: timer 2 is that of SO_KEEPALIVE. */
function hasKeepaliveTimer(localPort: number, remotePort: number): boolean {
  const hex = (port: number) => port.toString(16).toUpperCase().padStart(4, "0");
  const row = Deno.readTextFileSync("/proc/net/tcp").split("\n").map((line) =>
    line.trim().split(/\s+/)
  ).find(([, local, remote]) =>
    local?.endsWith(`:${hex(localPort)}`) && remote?.endsWith(`:${hex(remotePort)}`)
  );
  assert(row !== undefined, `no connection from port ${localPort}`);
  return row[5]?.startsWith("02:") ?? false;
}

Deno.test("files for TLS that are no good are told of before anything listens, with their directive", async () => {
  await using dir = await tempDir();
  const [empty, key] = [`${dir.path}/empty.pem`, `${dir.path}/key.pem`];
  await Deno.writeTextFile(empty, "nothing\n");
  await Deno.writeTextFile(key, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
  const damaged = `${dir.path}/damaged.pem`;
  await Deno.writeTextFile(
    damaged,
    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
  );
  const cases = [
    [
      "ssl_verify: on, ssl_trusted_certificate: /nowhere/ca.pem",
      'Cannot set proxy.ssl_trusted_certificate to "/nowhere/ca.pem": there is no such file or folder',
    ],
    [
      `ssl_trusted_certificate: ${empty}`,
      `Cannot set proxy.ssl_trusted_certificate to "${empty}": need at least one certificate in PEM`,
    ],
    [
      `ssl_trusted_certificate: ${damaged}`,
      `Cannot set proxy.ssl_trusted_certificate to "${damaged}": one of its certificates is damaged`,
    ],
    [
      `ssl_certificate: ${empty}, ssl_certificate_key: ${key}`,
      `Cannot set proxy.ssl_certificate to "${empty}": need at least one certificate in PEM`,
    ],
  ] as const;
  for (const [settings, message] of cases) {
    const config = `${dir.path}/sluice.yaml`;
    await Deno.writeTextFile(
      config,
      `servers:\n  - listen: 127.0.0.1:0\n    locations:\n      /: { proxy: { pass: "https://127.0.0.1:1", ${settings} } }\n`,
    );
    for (const command of ["run", "check"]) {
      const { code, stderr } = await runSluice([command, "-c", config]);
      assertEquals(code, 1, stderr);
      assertStringIncludes(stderr, `sluice: ${message}`);
    }
  }
});
