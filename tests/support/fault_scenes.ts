/**
 * Scenes in which one operation after the other is made to fail. Pieces are small, so that
 * every phase meets a would-block.
 *
 * @module
 */
import { A, B, BODY, C, type Scene, type Turn } from "./fault_play.ts";
import { a } from "./dns_server.ts";
import type { FaultyConn } from "./faulty_system.ts";
import { CLOSED, type ReadStep, SILENCE, type WriteStep } from "./scripted_transport.ts";

/** One server with one location for all, as lines of flow maps. */
function server(location: string, more = "", top = ""): string {
  return `
${top}
upstreams:
  app: { servers: ["${A}", "${B}"] }
servers:
  - listen: "192.0.2.9:80"
    ${more}
    locations:
      /: { ${location} }
`;
}

function proxied(proxy = "", location = ""): string {
  return server(`proxy: { pass: "http://app"${more(proxy)} }${more(location)}`);
}

function more(settings: string): string {
  return settings === "" ? "" : `, ${settings}`;
}

const GET: Turn = { say: ["GET /x HTTP/1.1\r\n", "Host: a\r\n\r\n"] };
const SENT = "abcde".repeat(200);
const POST: Turn = {
  say: [
    `POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: ${SENT.length}\r\n\r\n${SENT.slice(0, 300)}`,
    SENT.slice(300, 700),
    SENT.slice(700),
  ],
};
const POST_CHUNKED: Turn = {
  say: [
    `POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n12c\r\n${SENT.slice(0, 100)}`,
    `${SENT.slice(100, 300)}\r\n2bc\r\n`,
    `${SENT.slice(300)}\r\n0\r`,
    "\n\r\n",
  ],
};
/** More than its buffer. */
const POST_LARGE: Turn = {
  say: [
    `POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: ${3 * SENT.length}\r\n\r\n`,
    SENT,
    SENT.slice(0, 500),
    SENT.slice(500),
    SENT,
  ],
};

const LENGTH: readonly ReadStep[] = [
  "HTTP/1.1 200 OK\r\nContent-",
  `Length: ${BODY.length}\r\n\r\n${BODY.slice(0, 100)}`,
  BODY.slice(100),
];
const CHUNKED: readonly ReadStep[] = [
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n",
  `\r\n12c\r\n${BODY.slice(0, 100)}`,
  BODY.slice(100),
  "\r\n0\r\n",
  "\r\n",
];
const SMALL: readonly ReadStep[] = [
  `HTTP/1.1 200 OK\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`,
];
const NO_CONTENT: readonly ReadStep[] = ["HTTP/1.1 204 No Content\r\n\r\n"];

/** Both peers of `app`. */
const both = (answer: readonly ReadStep[]) => ({ [A]: answer, [B]: answer });

/** More than the buffers of {@linkcode FEW_BUFFERS}. */
const LARGE = BODY.repeat(90);
const LARGE_ANSWER: readonly ReadStep[] = [
  `HTTP/1.1 200 OK\r\nContent-Length: ${LARGE.length}\r\n\r\n`,
  ...LARGE.match(/.{1,5000}/g)!,
];
const FEW_BUFFERS = "buffer_size: 4k, buffers: 2 4k, busy_buffers_size: 4k";
/** Takes little, and stops again and again until nothing else moves. */
const SLOW: readonly WriteStep[] = Array.from(
  { length: 60 },
  (_, index) => index % 2 === 0 ? 1_500 : SILENCE,
);

function switching(conn: FaultyConn): void {
  const text = conn.sent.slice(conn.taken);
  if (conn.isWriteEnded) return conn.deliver(CLOSED);
  if (conn.messages === 0 && text.includes("\r\n\r\n")) {
    conn.deliver(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\n",
    );
  } else if (conn.messages === 1 && text === "ping") {
    conn.deliver("pong");
  } else return;
  conn.taken = conn.sent.length;
  conn.messages++;
}

export const SCENES: Readonly<Record<string, Scene>> = {
  "GET": { conf: proxied(), turns: [GET], peers: both(LENGTH) },
  "GET on a kept connection": {
    conf: proxied(),
    turns: [GET, GET],
    peers: both(SMALL),
  },
  "POST in memory": {
    conf: proxied(),
    turns: [POST],
    peers: both(LENGTH),
    isOnce: true,
    requestBody: SENT,
  },
  "POST through a file": {
    conf: server(
      `proxy: { pass: "http://app" }, client_body_buffer_size: 1k, client_body_temp_path: DIR/temp`,
    ),
    turns: [POST_LARGE],
    peers: both(LENGTH),
    isOnce: true,
    requestBody: SENT.repeat(3),
  },
  "POST in a file with a name": {
    conf: server(
      `proxy: { pass: "http://app" }, client_body_in_file_only: clean, client_body_temp_path: DIR/temp`,
    ),
    turns: [POST],
    peers: both(SMALL),
    isOnce: true,
    requestBody: SENT,
  },
  "POST streamed": {
    conf: proxied("request_buffering: off"),
    turns: [POST_CHUNKED],
    peers: both(CHUNKED),
    isOnce: true,
    requestBody: SENT,
  },
  "buffered in memory": { conf: proxied(), turns: [GET], peers: both(CHUNKED) },
  "buffered in a file": {
    conf: proxied(`${FEW_BUFFERS}, temp_path: DIR/temp, temp_file_write_size: 8k`),
    turns: [{ ...GET, body: LARGE }],
    takes: SLOW,
    peers: both(LARGE_ANSWER),
  },
  "a slow client, no file": {
    conf: proxied(`${FEW_BUFFERS}, max_temp_file_size: 0`),
    turns: [{ ...GET, body: LARGE }],
    takes: SLOW,
    peers: both(LARGE_ANSWER),
  },
  "unbuffered": {
    conf: proxied("buffering: off"),
    turns: [GET],
    takes: [50, SILENCE, 90, SILENCE],
    peers: both(CHUNKED),
  },
  "upgrade": {
    conf: proxied('set_header: { Upgrade: "$http_upgrade", Connection: upgrade }'),
    turns: [{
      say: ["GET /x HTTP/1.1\r\nHost: a\r\n", "Upgrade: echo\r\nConnection: upgrade\r\n\r\n"],
      isAnswered: (text) => text.includes("\r\n\r\n"),
      status: "101",
    }, { say: ["ping"], isAnswered: (text) => text === "pong" }],
    peers: { [A]: switching, [B]: switching },
  },
  "auth_request": {
    conf: `
upstreams:
  app: { servers: ["${A}"] }
  auth: { servers: ["${B}", "${C}"] }
servers:
  - listen: "192.0.2.9:80"
    locations:
      /: { auth_request: /auth, proxy: { pass: "http://app" } }
      = /auth: { internal: on, proxy: { pass: "http://auth" } }
`,
    turns: [GET],
    peers: { [A]: LENGTH, [B]: NO_CONTENT, [C]: NO_CONTENT },
  },
  "mirror": {
    conf: `
servers:
  - listen: "192.0.2.9:80"
    locations:
      /: { mirror: /copy, proxy: { pass: "http://${A}" } }
      = /copy: { internal: on, proxy: { pass: "http://${B}" } }
`,
    turns: [POST],
    peers: { [A]: LENGTH, [B]: CHUNKED },
    requestBody: SENT,
  },
  "next peer": {
    conf: `
upstreams:
  app: { servers: ["${A}", "${B}", "${C}"] }
servers:
  - listen: "192.0.2.9:80"
    locations:
      /: { proxy: { pass: "http://app", next_upstream: [error, timeout, http_503] } }
`,
    turns: [GET],
    peers: {
      [A]: ["HTTP/1.1 503 No\r\nContent-Length: 3\r\n\r\nno\n"],
      [B]: LENGTH,
      [C]: LENGTH,
    },
  },
  "static file": {
    conf: server("root: DIR/www"),
    turns: [{ ...GET, body: LARGE.repeat(8) }],
    files: { "www/x": LARGE.repeat(8) },
    takes: [20_000, SILENCE, 40_000, SILENCE],
  },
  "small static file": {
    conf: server("root: DIR/www"),
    turns: [GET],
    files: { "www/x": BODY },
  },
  "range of a file": {
    conf: server("root: DIR/www"),
    turns: [{
      say: ["GET /x HTTP/1.1\r\nHost: a\r\n", "Range: bytes=10-309\r\n\r\n"],
      status: "206",
    }],
    files: { "www/x": LARGE },
  },
  "X-Accel-Redirect": {
    conf: `
upstreams:
  app: { servers: ["${A}", "${B}"] }
servers:
  - listen: "192.0.2.9:80"
    locations:
      /: { proxy: { pass: "http://app" } }
      /files/: { internal: on, alias: DIR/www/ }
`,
    turns: [GET],
    files: { "www/y": BODY },
    peers: both(["HTTP/1.1 200 OK\r\nX-Accel-Redirect: /files/y\r\nContent-Length: 0\r\n\r\n"]),
  },
  "store": {
    conf: proxied('store: "DIR/www$uri", temp_path: DIR/temp'),
    turns: [GET],
    peers: both(LENGTH),
    stored: { "www/x": BODY },
  },
  "store of a response that is cut": {
    conf: proxied('store: "DIR/www$uri", temp_path: DIR/temp'),
    turns: [GET],
    peers: both([...LENGTH.slice(0, 2), CLOSED]),
  },
  "store in a new folder": {
    conf: proxied('store: "DIR/www/a/b$uri", temp_path: DIR/temp'),
    turns: [GET],
    peers: both(SMALL),
    stored: { "www/a/b/x": BODY },
  },
  "a name": {
    conf: `
resolver: { servers: ["192.0.2.53:53"], ipv6: off }
servers:
  - listen: "192.0.2.9:80"
    locations:
      /: { proxy: { pass: "http://$host:80" } }
`,
    turns: [{ say: ["GET /x HTTP/1.1\r\n", "Host: b.test\r\n\r\n"] }],
    names: { "b.test": a("192.0.2.12") },
    peers: { [B]: LENGTH },
  },
  "PROXY protocol": {
    conf: `
upstreams:
  app: { servers: ["${A}", "${B}"] }
servers:
  - listen: "192.0.2.9:80 proxy_protocol"
    locations:
      /: { proxy: { pass: "http://app", set_header: { X: "$proxy_protocol_addr" } } }
`,
    turns: [{
      say: ["PROXY TCP4 1.2.3.4 5.6.", "7.8 10 20\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n"],
    }],
    peers: both(SMALL),
  },
  "one at a time": {
    conf: `
limit_conn_zone: $host zone=hosts:64k
upstreams:
  app: { servers: [{ address: "${A}", max_conns: 1 }, { address: "${B}", max_conns: 1 }], queue: 5 }
servers:
  - listen: "192.0.2.9:80"
    max_connections_per_address: 1
    locations:
      /: { limit_conn: hosts 1, proxy: { pass: "http://app" } }
`,
    turns: [GET],
    peers: both(LENGTH),
  },
  "gzip": {
    conf: proxied("", "gzip: on, gzip_types: ['*']"),
    turns: [{ say: ["GET /x HTTP/1.1\r\n", "Host: a\r\nAccept-Encoding: gzip\r\n\r\n"] }],
    takes: [100, SILENCE, 60, SILENCE],
    peers: both(CHUNKED),
  },
  "reload": {
    conf: proxied(),
    turns: [GET, GET],
    peers: both(SMALL),
    reloads: ["before", 1],
  },
  // The answer waits until nothing else moves, which is when all of the reload is done.
  "reload under a request": {
    conf: proxied(),
    turns: [GET, GET],
    peers: both([SILENCE, ...SMALL]),
    reloads: ["in", 0],
  },
};
