/** `pass: https://…`: what is verified, what is shown, and what a handshake's end says. */
import { assert, assertEquals, assertLessOrEqual, assertMatch } from "@std/assert";
import { connect, exchange, getRequest } from "../support/client.ts";
import { withSluice } from "../support/in_process.ts";
import { bytesOf } from "../support/inbox.ts";
import {
  act,
  close,
  expectBody,
  expectHead,
  expectRequest,
  okResponse,
  repeat,
  reset,
  type Script,
  send,
  silent,
  startOrigin,
} from "../support/origin.ts";
import { tempDir } from "../support/program.ts";
import { realServerTest, startNginx } from "../support/real_servers.ts";
import {
  type Certificates,
  makeCertificates,
  serverNameOf,
  startTlsOrigin,
} from "../support/tls_origin.ts";

const HELLO: Script = [repeat(expectRequest(), send(okResponse("hello")))];

/** A test with certificates, in a directory of its own. */
function tlsTest(
  name: string,
  body: (certificates: Certificates, dir: string) => Promise<void>,
  programs: readonly ("nginx" | "openssl")[] = ["openssl"],
): void {
  realServerTest(name, programs, async () => {
    await using dir = await tempDir();
    await body(await makeCertificates(dir.path), dir.path);
  });
}

/** One location for each of `proxies`, which are settings of `proxy`, at `/0`, `/1` and so on. */
function locations(...proxies: readonly string[]): string {
  const all = proxies.map((proxy, at) => `      /${at}: { proxy: { ${proxy} } }`);
  return `servers:\n  - listen: 127.0.0.1:0\n    locations:\n${all.join("\n")}\n`;
}

function verified(address: string, { ca }: Certificates, more = ""): string {
  return `pass: "https://${address}", ssl_verify: on, ssl_name: app.test, ` +
    `ssl_trusted_certificate: ${ca}${more}`;
}

tlsTest("a peer with a good certificate is talked to", async (certificates) => {
  await using origin = await startTlsOrigin({ pair: certificates.app, each: HELLO });
  await withSluice(locations(verified(origin.address, certificates)), async (address, sluice) => {
    const { status, bodyText } = await exchange(address, getRequest("/0"));
    assertEquals([status, bodyText], [200, "hello"]);
    assertEquals(origin.requests[0]?.fields.get("Host"), origin.address);
    assertEquals(sluice.errorLog.filter((line) => line.includes("[error]")), []);
  });
});

tlsTest("a peer whose certificate is no good is 502, and the log says why", async (all) => {
  await using other = await startTlsOrigin({ pair: all.other, each: HELLO });
  await using expired = await startTlsOrigin({ pair: all.expired, each: HELLO });
  await using stranger = await startTlsOrigin({ pair: all.stranger, each: HELLO });
  await using deep = await startTlsOrigin({ pair: all.deep, each: HELLO });
  const unknown = { ...all, ca: all.stranger.certificate };
  await withSluice(
    locations(
      verified(other.address, all),
      verified(expired.address, all),
      verified(stranger.address, all),
      verified(other.address, unknown),
      verified(deep.address, all),
    ),
    async (address, sluice) => {
      const words = [
        /upstream SSL certificate does not match "app\.test" while SSL handshaking to upstream/,
        /upstream SSL certificate verify error: \(10:certificate has expired\) while SSL handsh/,
        /upstream SSL certificate verify error: \(18:self-signed certificate\) while SSL handsh/,
        /verify error: \(21:unable to verify the first certificate\) while SSL handshaking/,
        /verify error: \(22:certificate chain too long\) while SSL handshaking to upstream/,
      ];
      for (const [at, pattern] of words.entries()) {
        assertEquals((await exchange(address, getRequest(`/${at}`))).status, 502);
        const line = await sluice.errorLine(pattern);
        assert(line.includes("[error]") && line.includes(`upstream: "https://127.0.0.1:`), line);
      }
    },
  );
  const all4 = [other, expired, stranger, deep];
  assertEquals(all4.map(({ requestsSeen }) => requestsSeen), [0, 0, 0, 0]);
});

tlsTest("without ssl_verify any certificate will do", async (all) => {
  await using expired = await startTlsOrigin({ pair: all.expired, each: HELLO });
  await using stranger = await startTlsOrigin({ pair: all.stranger, each: HELLO });
  await withSluice(
    locations(`pass: "https://${expired.address}"`, `pass: "https://${stranger.address}"`),
    async (address) => {
      assertEquals((await exchange(address, getRequest("/0"))).status, 200);
      assertEquals((await exchange(address, getRequest("/1"))).status, 200);
    },
  );
});

tlsTest("ssl_verify_depth counts the certificates in between", async (all) => {
  await using origin = await startTlsOrigin({ pair: all.deep, each: HELLO });
  await withSluice(
    locations(
      verified(origin.address, all, ", ssl_verify_depth: 2"),
      verified(origin.address, all, ", ssl_verify_depth: 1"),
    ),
    async (address) => {
      assertEquals((await exchange(address, getRequest("/0"))).status, 200);
      assertEquals((await exchange(address, getRequest("/1"))).status, 502);
    },
  );
});

tlsTest("ssl_server_name: the peer is told the name, or nothing", async ({ app }) => {
  await using origin = await startTlsOrigin({ pair: app, each: HELLO });
  const pass = `pass: "https://${origin.address}"`;
  await withSluice(
    locations(
      pass,
      `${pass}, ssl_server_name: on, ssl_name: app.test`,
      `${pass}, ssl_server_name: on, ssl_name: "$arg_name"`,
      `${pass}, ssl_server_name: on`, // an address is no name
    ),
    async (address) => {
      for (const target of ["/0", "/1", "/2?name=b.test:443", "/2?name=c.test", "/3"]) {
        assertEquals((await exchange(address, getRequest(target))).status, 200);
      }
      const names = [1, 2, 3, 4].map((k) => serverNameOf(origin, k));
      assertEquals(names, ["", "app.test", "b.test", "c.test"]);
      assertEquals(serverNameOf(origin, 5), "");
    },
  );
});

tlsTest("a client certificate is shown to a peer that asks for one", async (all) => {
  await using origin = await startTlsOrigin({ pair: all.app, clientCa: all.ca, each: HELLO });
  const pass = `pass: "https://${origin.address}"`;
  const { certificate, key } = all.client;
  const shown = `ssl_certificate: ${certificate}, ssl_certificate_key: ${key}`;
  await withSluice(
    locations(`${pass}, ${shown}`, pass, verified(origin.address, all, `, ${shown}`)),
    async (address, sluice) => {
      assertEquals((await exchange(address, getRequest("/0"))).status, 200);
      assertEquals((await exchange(address, getRequest("/1"))).status, 502);
      assertEquals((await exchange(address, getRequest("/2"))).status, 200);
      await sluice.errorLine(/SSL.* failed \(SSL: received fatal alert: CertificateRequired\)/);
    },
  );
  assertEquals(origin.requestsSeen, 2);
});

tlsTest("ssl_protocols: no version in common is 502", async ({ app }) => {
  await using origin = await startTlsOrigin({ pair: app, minVersion: "TLSv1.3", each: HELLO });
  const pass = `pass: "https://${origin.address}"`;
  await withSluice(
    locations(`${pass}, ssl_protocols: TLSv1.2`, `${pass}, ssl_protocols: TLSv1.3`, pass),
    async (address, sluice) => {
      const statuses: number[] = [];
      for (const path of ["/0", "/1", "/2"]) {
        statuses.push((await exchange(address, getRequest(path))).status);
      }
      assertEquals(statuses, [502, 200, 200]);
      await sluice.errorLine(/SSL_do_handshake\(\) failed \(SSL: .*ProtocolVersion\)/);
    },
  );
});

tlsTest("a connection is kept, and used by those with the same TLS only", async (all) => {
  await using origin = await startTlsOrigin({ pair: all.app, each: HELLO });
  const pass = `pass: "https://${origin.address}"`;
  await withSluice(
    locations(
      verified(origin.address, all),
      pass,
      verified(origin.address, all),
      `${pass}, ssl_server_name: on, ssl_name: "$arg_name"`,
    ),
    async (address, sluice) => {
      const seen: number[] = [];
      for (
        const target of ["/0", "/0", "/1", "/2", "/1", "/3?name=a.b", "/3?name=c.d", "/3?name=a.b"]
      ) {
        assertEquals((await exchange(address, getRequest(target))).status, 200);
        seen.push(origin.connectionsSeen);
      }
      // Equal settings share (/0 and /2); unverified, or made for another name, is something else.
      assertEquals(seen, [1, 1, 2, 2, 2, 3, 4, 4]);
      assertEquals(sluice.stats().idle, 4);
    },
  );
});

tlsTest("a kept connection that the peer closes is replaced", async ({ app }) => {
  await using origin = await startTlsOrigin({
    pair: app,
    first: [[expectRequest(), send(okResponse("one")), close()]],
    each: HELLO,
  });
  await withSluice(locations(`pass: "https://${origin.address}"`), async (address) => {
    assertEquals((await exchange(address, getRequest("/0"))).bodyText, "one");
    assertEquals((await exchange(address, getRequest("/0"))).bodyText, "hello");
  });
});

const BIG = 10 << 20;

/** Bytes that repeat only after a long while, so that a lost or doubled piece shows. */
function noise(size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  let state = 1;
  for (let at = 0; at < size; at++) {
    state = Math.imul(state, 1_103_515_245) + 12_345 | 0;
    bytes[at] = state >>> 16;
  }
  return bytes;
}

async function digest(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

tlsTest("10 MB both ways arrive as they were sent", async ({ app }) => {
  const body = noise(BIG);
  const received: Uint8Array<ArrayBuffer>[] = [];
  const keep = act("keep", async ({ inbox }) => {
    received.push(new Uint8Array(await inbox.exactly(BIG)));
  });
  await using origin = await startTlsOrigin({
    pair: app,
    each: [expectHead(), keep, send(okResponse(body))],
  });
  for (const more of ["", ", request_buffering: off, buffering: off"]) {
    await withSluice(
      "client_max_body_size: 20m\n" + locations(`pass: "https://${origin.address}"${more}`),
      async (address) => {
        await using client = await connect(address, { highWaterBytes: 2 * BIG });
        const head = `POST /0 HTTP/1.1\r\nHost: a\r\nContent-Length: ${BIG}\r\n\r\n`;
        const sent = client.send(head).then(() => client.send(body));
        const response = await client.readResponse();
        await sent;
        assertEquals(response.isComplete, true);
        assertEquals(await digest(new Uint8Array(response.body)), await digest(body));
        assertEquals(await digest(received.at(-1)!), await digest(body));
      },
    );
  }
});

tlsTest("a handshake that never ends is a timeout of the connect phase", async () => {
  await using origin = await startOrigin({ each: [silent()] });
  await withSluice(
    locations(`pass: "https://${origin.address}", connect_timeout: 300ms`),
    async (address, sluice) => {
      assertEquals((await exchange(address, getRequest("/0"))).status, 504);
      await sluice.errorLine(
        /upstream timed out \(110: Connection timed out\) while SSL handshaking to upstream/,
      );
    },
  );
  await (await origin.waitForConnection(1)).ended;
});

tlsTest("a peer that leaves in the handshake, or speaks no TLS, is 502", async () => {
  const hello = act("hello", async ({ inbox }) => {
    await inbox.exactly(1);
  });
  await using closing = await startOrigin({ each: [hello, close()] });
  await using resetting = await startOrigin({ each: [hello, reset()] });
  await using plain = await startOrigin({ each: [hello, send(okResponse("plain")), close()] });
  await withSluice(
    locations(...[closing, resetting, plain].map(({ address }) => `pass: "https://${address}"`)),
    async (address, sluice) => {
      for (const path of ["/0", "/1", "/2"]) {
        assertEquals((await exchange(address, getRequest(path))).status, 502);
      }
      await sluice.errorLine(
        /peer closed connection in SSL handshake while SSL handshaking to upstream.*"GET \/0 /,
      );
      await sluice.errorLine(
        /peer closed connection in SSL handshake \(104: Connection reset by peer\) while SSL.*"GET \/1 /,
      );
      await sluice.errorLine(
        /SSL_do_handshake\(\) failed \(SSL: .*wrong version number.*"GET \/2 /,
      );
    },
  );
});

tlsTest("a failed handshake is an error for next_upstream", async ({ app, ca }) => {
  await using plain = await startOrigin({
    each: [expectBody(1), send(okResponse("plain")), close()],
  });
  await using good = await startTlsOrigin({ pair: app, each: HELLO });
  await withSluice(
    `upstreams: { app: { servers: [${plain.address}, ${good.address}] } }\n` +
      locations(
        `pass: "https://app", ssl_verify: on, ssl_name: app.test, ssl_trusted_certificate: ${ca}`,
      ),
    async (address, sluice) => {
      assertEquals((await exchange(address, getRequest("/0"))).status, 200);
      assertEquals(await sluice.accessLine(1), "GET /0 HTTP/1.1|200|502, 200");
      assertEquals(good.requests[0]?.fields.get("Host"), "app");
    },
  );
});

tlsTest("an answer that comes before the body was sent reaches the client", async ({ app }) => {
  await using origin = await startTlsOrigin({
    pair: app,
    each: [
      expectHead(),
      expectBody(1),
      send("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig"),
      silent(), // and reads on, as nginx does (lingering_close)
    ],
  });
  await withSluice(
    "client_max_body_size: 20m\n" +
      locations(`pass: "https://${origin.address}", request_buffering: off`),
    async (address) => {
      await using client = await connect(address);
      await client.send(`POST /0 HTTP/1.1\r\nHost: a\r\nContent-Length: ${BIG}\r\n\r\n`);
      client.send(new Uint8Array(BIG)).catch(() => {});
      const { status, bodyText } = await client.readResponse();
      assertEquals([status, bodyText], [413, "big"]);
    },
  );
});

tlsTest("such an answer survives that the peer resets right behind it", async ({ app }) => {
  await using origin = await startTlsOrigin({
    pair: app,
    each: [
      expectHead(),
      expectBody(1),
      send("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig"),
      close(), // with most of the body unread: the kernel resets
    ],
  });
  await withSluice(
    "client_max_body_size: 20m\n" +
      locations(`pass: "https://${origin.address}", request_buffering: off`),
    async (address) => {
      await using client = await connect(address);
      await client.send(`POST /0 HTTP/1.1\r\nHost: a\r\nContent-Length: ${BIG}\r\n\r\n`);
      client.send(new Uint8Array(BIG)).catch(() => {});
      const { status, bodyText } = await client.readResponse();
      assertEquals([status, bodyText], [413, "big"]);
    },
  );
});

tlsTest("a client that does not read stops the peer, also through TLS", async ({ app }) => {
  const total = 200 << 20;
  let sent = 0;
  const flood = act("flood", async (connection) => {
    for (const piece = new Uint8Array(65_536); sent < total; sent += piece.length) {
      await connection.write(piece);
    }
  });
  const head = `HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`;
  await using origin = await startTlsOrigin({ pair: app, each: [expectHead(), send(head), flood] });
  await withSluice(
    locations(`pass: "https://${origin.address}", max_temp_file_size: 0`),
    async (address) => {
      await using client = await connect(address, { highWaterBytes: 1 });
      await client.send(getRequest("/0"));
      client.pause();
      await origin.waitForRequest(1);
      let before = -1;
      while (before !== sent) { // until nothing moves any more
        before = sent;
        await new Promise((resolve) => setTimeout(resolve, 300));
      }
      // What the kernel holds on both ways, and no more.
      assertLessOrEqual(sent, 30 << 20);
    },
  );
});

tlsTest("a client that leaves ends the connection to the peer", async ({ app }) => {
  await using origin = await startTlsOrigin({ pair: app, each: [expectHead(), silent()] });
  await withSluice(locations(`pass: "https://${origin.address}"`), async (address, sluice) => {
    const client = await connect(address);
    await client.send(getRequest("/0"));
    await origin.waitForRequest(1);
    await client.close();
    await origin.connections[0]!.ended;
    assertEquals(await sluice.accessLine(1), "GET /0 HTTP/1.1|499|-");
  });
});

tlsTest("64 KB over TLS do not wait for acknowledgements", async ({ app }) => {
  const body = new Uint8Array(65_536);
  await using origin = await startTlsOrigin({
    pair: app,
    each: [repeat(expectRequest(), send(okResponse(body)))],
  });
  await withSluice(locations(`pass: "https://${origin.address}"`), async (address) => {
    await using client = await connect(address);
    const post = bytesOf(`POST /0 HTTP/1.1\r\nHost: a\r\nContent-Length: 20000\r\n\r\n`);
    const times: number[] = [];
    for (let count = 0; count < 12; count++) {
      const startedMs = performance.now();
      await client.send(post);
      await client.send(body.subarray(0, 20_000));
      assertEquals((await client.readResponse()).body.length, body.length);
      times.push(performance.now() - startedMs);
    }
    // Nagle's delay would be 40 ms in every one of them.
    assertLessOrEqual(times.toSorted((a, b) => a - b)[5]!, 30);
  });
});

tlsTest(
  "nginx as the origin: proxy_protocol tells of the client before TLS",
  async (all) => {
    await using nginx = await startNginx(([port]) => `
    server {
      listen 127.0.0.1:${port} ssl proxy_protocol;
      ssl_certificate ${all.app.certificate};
      ssl_certificate_key ${all.app.key};
      location / { return 200 "$proxy_protocol_addr:$proxy_protocol_port $scheme"; }
    }
  `);
    const proxies = ["v1", "v2"].map((version) =>
      verified(nginx.address, all, `, protocol: ${version}`)
    );
    await withSluice(locations(...proxies), async (address) => {
      await using client = await connect(address);
      for (const at of [0, 1]) {
        await client.send(getRequest(`/${at}`));
        const { bodyText } = await client.readResponse();
        assertEquals(bodyText, `127.0.0.1:${client.socket.localPort} https`);
      }
    });
  },
  ["openssl", "nginx"],
);

tlsTest(
  "nginx as the origin: its $ssl_server_name, and its answer to a missing certificate",
  async (all, dir) => {
    await using nginx = await startNginx(([port]) => `
    server {
      listen 127.0.0.1:${port} ssl;
      ssl_certificate ${all.app.certificate};
      ssl_certificate_key ${all.app.key};
      ssl_client_certificate ${all.ca};
      ssl_verify_client optional;
      ssl_protocols TLSv1.2 TLSv1.3;
      location / { return 200 "[$ssl_server_name] $ssl_client_verify $ssl_protocol $connection_requests"; }
      location /need { if ($ssl_client_verify != SUCCESS) { return 403; } return 200 ok; }
    }
  `);
    assert(dir !== "");
    const { certificate, key } = all.client;
    await withSluice(
      locations(
        verified(nginx.address, all, ", ssl_server_name: on"),
        `pass: "https://${nginx.address}", ssl_protocols: TLSv1.2, ssl_certificate: ${certificate}, ` +
          `ssl_certificate_key: ${key}`,
      ),
      async (address) => {
        assertEquals(
          (await exchange(address, getRequest("/0"))).bodyText,
          "[app.test] NONE TLSv1.3 1",
        );
        assertEquals(
          (await exchange(address, getRequest("/0"))).bodyText,
          "[app.test] NONE TLSv1.3 2",
        );
        assertMatch(
          (await exchange(address, getRequest("/1"))).bodyText,
          /^\[\] SUCCESS TLSv1\.2 1$/,
        );
      },
    );
  },
  ["nginx", "openssl"],
);
