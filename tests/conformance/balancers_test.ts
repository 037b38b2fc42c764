/** The choice of peers beside a real nginx's, with the same servers. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { freePorts } from "../support/free_ports.ts";
import { type BalanceConf, balancerOf, Peer, Selection } from "../../src/peer/mod.ts";
import type { PeerConf } from "../../src/peer/conf.ts";
import { type Nginx, realServerTest, startNginx } from "../support/real_servers.ts";

const PEERS = 100;
const KEYS = 10_000;
/** Requests that are sent before their answers are read. */
const PIPELINED = 50;
/** Where nginx listens besides. */
const SOCKETS = `/tmp/sluice-balancers-${crypto.randomUUID()}`;

/** One `server` of an upstream: the index of its port, and its parameters. */
interface ServerRow {
  readonly port: number;
  readonly weight?: number;
  readonly isDown?: boolean;
  readonly isBackup?: boolean;
  /** @default {1} */
  readonly maxFails?: number;
  /** Listened on instead of the port, which stands for it in answers. */
  readonly socket?: string;
}

interface Group {
  readonly name: string;
  readonly balance: BalanceConf;
  /** nginx's directive. */
  readonly directive: string;
  readonly rows: (port: (index: number) => number) => readonly ServerRow[];
  /** Every other peer answers some of the keys with 502, and another one is asked. */
  readonly isFailing?: boolean;
}

/** Digits that a key ends with, to which the peer at an index answers 502: one for every other. */
const badDigit = (at: number): string | undefined => at % 2 === 0 ? String(at % 10) : undefined;

const CONSISTENT: BalanceConf = { kind: "hash", key: "$http_x_key", isConsistent: true };
const MIXED: Group["rows"] = (port) =>
  Array.from({ length: 10 }, (_, at) => ({ port: port(at), weight: 1 + (at * 37) % 11 }));
const WITH_DOWN: Group["rows"] = (port) =>
  MIXED(port).map((row, at) => ({ ...row, isDown: at === 2 || at === 7 }));
/** The last row's port is closed. */
const WITH_DEAD: Group["rows"] = (port) => [...MIXED(port).slice(0, 5), { port: port(PEERS) }];

const GROUPS: readonly Group[] = [
  {
    name: "weights",
    balance: { kind: "round_robin" },
    directive: "",
    rows: (port) => Array.from({ length: PEERS }, (_, at) => ({ port: port(at), weight: at + 1 })),
  },
  ...(["", "least_conn;"] as const).map((directive): Group => ({
    name: directive === "" ? "failing_weights" : "failing_least",
    balance: { kind: directive === "" ? "round_robin" : "least_conn" },
    directive,
    rows: (port) =>
      Array.from(
        { length: PEERS },
        (_, at) => ({ port: port(at), weight: at + 1, maxFails: 1 + at % 12 }),
      ),
    isFailing: true,
  })),
  {
    name: "down_and_backup",
    balance: { kind: "round_robin" },
    directive: "",
    rows: (port) => [
      ...WITH_DOWN(port),
      { port: port(PEERS), weight: 5 },
      { port: port(11), weight: 2, isBackup: true },
    ],
  },
  {
    name: "only_backups_left",
    balance: { kind: "round_robin" },
    directive: "",
    rows: (port) => [
      { port: port(PEERS) },
      { port: port(1), isDown: true },
      { port: port(2), weight: 5, isBackup: true },
      { port: port(3), weight: 2, isBackup: true },
    ],
  },
  {
    name: "consistent_unix",
    balance: CONSISTENT,
    directive: "hash $http_x_key consistent;",
    rows: (port) =>
      MIXED(port).map((row, at) =>
        at % 2 === 0 ? row : { ...row, socket: `unix:${SOCKETS}/${at}` }
      ),
  },
  { name: "least", balance: { kind: "least_conn" }, directive: "least_conn;", rows: WITH_DOWN },
  ...([["", MIXED], ["_down", WITH_DOWN], ["_dead", WITH_DEAD]] as const).flatMap(
    ([suffix, rows]): readonly Group[] => [
      { name: `ip${suffix}`, balance: { kind: "ip_hash" }, directive: "ip_hash;", rows },
      {
        name: `hash${suffix}`,
        balance: { kind: "hash", key: "$http_x_key", isConsistent: false },
        directive: "hash $http_x_key;",
        rows,
      },
      {
        name: `consistent${suffix}`,
        balance: CONSISTENT,
        directive: "hash $http_x_key consistent;",
        rows,
      },
    ],
  ),
];

realServerTest("10,000 requests: each peer is the one that nginx chooses", ["nginx"], async (t) => {
  Deno.mkdirSync(SOCKETS);
  using _sockets = { [Symbol.dispose]: () => Deno.removeSync(SOCKETS, { recursive: true }) };
  const [closed = 0] = freePorts(1);
  await using nginx = await startModel(closed);
  const port = (index: number) => index === PEERS ? closed : nginx.ports[index + 1]!;
  for (const group of GROUPS) {
    await t.step(`${group.name} (${group.directive || "round robin"})`, async () => {
      const keys = group.name.startsWith("ip") ? addresses() : textKeys();
      const theirs = await askNginx(nginx, group.name, keys);
      const rows = group.rows(port);
      const isFailing = (port: number, key: string) => {
        if (port === closed) return true;
        const digit = group.isFailing && badDigit(nginx.ports.indexOf(port) - 1);
        return typeof digit === "string" && key.endsWith(digit);
      };
      assertEquals(theirs.length, keys.length);
      assertEquals(askOurs(group.balance, rows, keys, isFailing), theirs);
      if (group.isFailing) {
        assertNotEquals(
          askOurs(group.balance, rows, keys, () => false),
          theirs,
          "some have failed",
        );
      }
    });
  }
});

/**
 * Nginx's 160 points for a weight leave the shares uneven: a tenth is from 7 to 13 %, there
 * as here, since the points are the same. More weight is more points, and evens them out.
 */
for (const [weight, most] of [[1, 0.13], [10, 0.11]] as const) {
  const name = `one of ten peers of weight ${weight} is removed: only its keys move, ${
    most * 100
  } %`;
  Deno.test(`${name} of all at most, whichever it is`, () => {
    const rows = Array.from({ length: 10 }, (_, at) => ({ port: 9000 + at, weight }));
    const keys = textKeys().filter((key) => key !== "");
    const before = askOurs(CONSISTENT, rows, keys, () => false);
    const shares = rows.map(({ port }, removed) => {
      const after = askOurs(CONSISTENT, rows.toSpliced(removed, 1), keys, () => false);
      const moved = before.filter((port, at) => port !== after[at]);
      assert(moved.every((from) => from === port), "only keys of the peer that went move");
      return moved.length / keys.length;
    });
    assert(shares.every((share) => share > 0.07 && share <= most), `${shares}`);
  });
}

/** One nginx: the proxy with all groups on its first port, and the peers on the others. */
function startModel(closed: number): Promise<Nginx> {
  return startNginx((ports) => {
    const [front, ...peers] = ports;
    const port = (index: number) => index === PEERS ? closed : peers[index]!;
    const upstreams = GROUPS.map(({ name, directive, rows }) => {
      const servers = rows(port).map((
        { port, weight = 1, isDown, isBackup, socket, maxFails = 1 },
      ) =>
        `server ${socket ?? `127.0.0.1:${port}`} weight=${weight} fail_timeout=1h` +
        ` max_fails=${maxFails}` +
        `${isDown === true ? " down" : ""}${isBackup === true ? " backup" : ""};`
      );
      return `upstream ${name} { ${directive} ${servers.join(" ")} keepalive 200; }`;
    });
    const locations = GROUPS.map(({ name }) =>
      `location /${name} { proxy_pass http://${name}; ` +
      "proxy_next_upstream error timeout http_502; }"
    );
    return `
      keepalive_requests 1000000;
      set_real_ip_from 127.0.0.1;
      real_ip_header X-Real-IP;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      ${upstreams.join("\n")}
      server { listen 127.0.0.1:${front}; ${locations.join("\n")} }
      ${peers.map((port, at) => listening(port, at)).join("\n")}
    `;
  }, { ports: PEERS + 1 });
}

function listening(port: number, at: number): string {
  const digit = badDigit(at);
  const socket = at < 10 ? `listen unix:${SOCKETS}/${at};` : "";
  return `server { listen 127.0.0.1:${port}; ${socket} 
    location / { return 200 "<${port}>"; }
    location /failing {
      ${digit === undefined ? "" : `if ($http_x_key ~ "${digit}$") { return 502; }`}
      return 200 "<${port}>";
    }
  }`;
}

/** The ports that answer, in order. */
async function askNginx(nginx: Nginx, group: string, keys: readonly string[]): Promise<number[]> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port: nginx.ports[0]! });
  const found: number[] = [];
  const bytes = new Uint8Array(65_536);
  const decoder = new TextDecoder("latin1");
  for (let from = 0; from < keys.length; from += PIPELINED) {
    const batch = keys.slice(from, from + PIPELINED);
    const requests = batch.map((key) =>
      `GET /${group} HTTP/1.1\r\nHost: a\r\nX-Key: ${key}\r\nX-Real-IP: ${key}\r\n\r\n`
    );
    await writeAll(conn, new TextEncoder().encode(requests.join("")));
    let text = "";
    let answers: string[] = [];
    while (answers.length < batch.length) {
      const count = await conn.read(bytes);
      assert(count !== null, `nginx closed after ${found.length} answers: ${text.slice(-500)}`);
      text += decoder.decode(bytes.subarray(0, count));
      answers = text.match(/<\d+>|HTTP\/1.1 [345]\d\d/g) ?? [];
    }
    found.push(...answers.map((answer) => Number(answer.replace(/[<>]/g, ""))));
  }
  return found;
}

async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let sent = 0; sent < bytes.length;) sent += await conn.write(bytes.subarray(sent));
}

/** What our balancer says; after a peer that fails another one is asked for. */
function askOurs(
  balance: BalanceConf,
  rows: readonly ServerRow[],
  keys: readonly string[],
  isFailing: (port: number, key: string) => boolean,
): number[] {
  const peers = rows.map((row) => new Peer(confOf(row)));
  const balancer = balancerOf(balance, peers);
  const selection = new Selection();
  return keys.map((key) => {
    selection.key = key;
    balancer.begin(selection);
    while (true) {
      const peer = balancer.get(selection, 1_000);
      const port = portOf(peer);
      if (peer !== undefined) {
        balancer.free(selection, peer, isFailing(port, key) ? "failed" : "ok", 1_000);
      }
      if (!isFailing(port, key)) return port;
    }
  });
}

function portOf(peer: Peer | undefined): number {
  return peer?.conf.address.transport === "tcp" ? peer.conf.address.port : -1;
}

function confOf(row: ServerRow): PeerConf {
  const { port, weight = 1, isDown = false, isBackup = false, socket, maxFails = 1 } = row;
  return {
    name: `127.0.0.1:${port}`,
    written: socket ?? `127.0.0.1:${port}`,
    address: { transport: "tcp", hostname: "127.0.0.1", port },
    weight,
    maxFails,
    failTimeoutMs: 3_600_000,
    maxConns: 0,
    isBackup,
    isDown,
  };
}

/** Texts of many lengths, with the empty one and such as look alike among them. */
function textKeys(): string[] {
  return Array.from(
    { length: KEYS },
    (_, at) => at % 500 === 499 ? "" : `/${"path/".repeat(at % 7)}${at * 7919 % 10_007}?v=${at}`,
  );
}

/** IPv4 and, every fourth, IPv6. */
function addresses(): string[] {
  return Array.from({ length: KEYS }, (_, at) => {
    const [a, b, c] = [1 + at % 223, (at * 31) % 256, (at * 7) % 256];
    return at % 4 === 3
      ? `2001:db8:${a.toString(16)}::${(b * 256 + c).toString(16)}:${c.toString(16)}`
      : `${a}.${b}.${c}.${at % 251}`;
  });
}
