/**
 * The k-th operation fails, for every k: connects, reads and writes of either side, and cells
 * of the pool. Whatever fails, the client gets a whole response or sees its connection cut,
 * and nothing is held afterwards. All of the proxy runs, over scripted connections.
 */
import { assert, assertEquals } from "@std/assert";
import { readYaml } from "../../../src/config/mod.ts";
import { ClientConnection, serveClient } from "../../../src/downstream/mod.ts";
import type { Connect } from "../../../src/event/mod.ts";
import {
  HttpServer,
  type Location,
  Proxy,
  Router,
  Variables,
  Worker,
} from "../../../src/http/mod.ts";
import type { ErrorLog } from "../../../src/log/mod.ts";
import { PeerGroup } from "../../../src/peer/mod.ts";
import { FailingPool } from "../../support/failing_pool.ts";
import { settled } from "../../support/manual_clock.ts";
import {
  assertQuiet,
  CLOSED,
  type ReadStep,
  RESET,
  type Script,
  scriptedConn,
  ScriptedTransport,
  SILENCE,
  testContext,
} from "../../support/scripted_transport.ts";

/** What fails: the k-th of its kind. */
interface Fault {
  readonly what:
    | "connect"
    | "operation of the first peer"
    | "operation of every peer"
    | "client operation"
    | "acquire"
    | "acquire for good";
  readonly k: number;
}

interface Case {
  readonly name: string;
  /** What the client sends, in pieces. */
  readonly request: readonly string[];
  readonly proxy: string;
  /** What a peer answers, in pieces. */
  readonly answer: readonly ReadStep[];
  /** Whether no peer may see the request's head after another one did. */
  readonly isOnce: boolean;
  /** Whether the first peer takes nothing but the first bytes of the request. */
  readonly firstStalls?: boolean;
}

const BODY = "0123456789".repeat(30);
const LENGTH = [
  "HTTP/1.1 200 OK\r\nContent-",
  `Length: ${BODY.length}\r\n\r\n`,
  BODY.slice(0, 100),
  BODY.slice(100),
];
const CHUNKED = [
  "HTTP/1.1 103 Early\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n",
  "Transfer-Encoding: chunked\r\n\r\n12c\r\n" + BODY.slice(0, 100),
  BODY.slice(100),
  "\r\n0\r\n",
  "\r\n",
];
const TO_EOF: readonly ReadStep[] = [
  "HTTP/1.1 200 OK\r\n\r\n",
  BODY.slice(0, 100),
  BODY.slice(100),
  CLOSED,
];
const GET = ["GET / HTTP/1.1\r\n", "Host: a\r\n\r\n"];
const POST = [
  "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n01234",
  "56789",
  "0123456789",
];
const POST_CHUNKED = [
  "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n",
  "5\r\n56789",
  "\r\n0\r\n\r\n",
];

const CASES: readonly Case[] = [
  { name: "GET, length", request: GET, proxy: "", answer: LENGTH, isOnce: false },
  { name: "GET, chunked", request: GET, proxy: "", answer: CHUNKED, isOnce: false },
  { name: "GET, to the end", request: GET, proxy: "", answer: TO_EOF, isOnce: false },
  {
    name: "GET, chunked, buffering off",
    request: GET,
    proxy: "buffering: off",
    answer: CHUNKED,
    isOnce: false,
  },
  {
    name: "GET, to the end, buffering off",
    request: GET,
    proxy: "buffering: off",
    answer: TO_EOF,
    isOnce: false,
  },
  { name: "POST, length", request: POST, proxy: "", answer: LENGTH, isOnce: true },
  { name: "POST, chunked", request: POST_CHUNKED, proxy: "", answer: CHUNKED, isOnce: true },
  {
    name: "POST, length, streamed",
    request: POST,
    proxy: "request_buffering: off",
    answer: LENGTH,
    isOnce: true,
  },
  {
    name: "POST, chunked, streamed, buffering off",
    request: POST_CHUNKED,
    proxy: "request_buffering: off, buffering: off",
    answer: CHUNKED,
    isOnce: true,
  },
  {
    name: "POST, set_body",
    request: POST,
    proxy: "set_body: other",
    answer: LENGTH,
    isOnce: true,
  },
];

/** Small pieces both ways, so that every phase meets a would-block. */
const WRITES = [7, 20, 50];

/** How many operations of each kind there were. */
interface Counts {
  readonly connects: number;
  readonly peerOperations: number;
  readonly clientOperations: number;
  readonly acquires: number;
}

interface Result extends Counts {
  readonly sent: string;
  readonly isClosed: boolean;
  readonly log: readonly string[];
  /** How many peers got a byte of the request. */
  readonly seen: number;
}

/** One client with one request. */
async function run(
  { request, proxy, answer, firstStalls = false }: Case,
  fault?: Fault,
): Promise<Result> {
  const conf = readYaml(
    `
upstreams:
  app: { servers: [ "192.0.2.1:1", "192.0.2.2:2", "192.0.2.3:3" ] }
servers:
  - { listen: "127.0.0.1:0", locations: { /: { proxy: { pass: "http://app", max_temp_file_size: 0${
      proxy === "" ? "" : `, ${proxy}`
    } } } } }
`,
    "test.yaml",
  );
  const peers: ScriptedTransport[] = [];
  let connects = 0;
  const connect: Connect = () => {
    if (++connects === fault?.k && fault.what === "connect") {
      return Promise.reject(new Deno.errors.ConnectionRefused("Connection refused (os error 111)"));
    }
    const isFaulty = fault?.what === "operation of every peer" ||
      (fault?.what === "operation of the first peer" && connects === 1);
    const script: Script = {
      reads: [...answer],
      writes: firstStalls && connects === 1 ? [5, SILENCE] : WRITES,
      ...(isFaulty ? { failsAt: fault.k } : {}),
    };
    const transport = new AnsweringTransport(script);
    peers.push(transport);
    return Promise.resolve({ transport, remote: { hostname: "192.0.2.1", port: 80 } });
  };
  let acquires = 0;
  const pool = new FailingPool(() => {
    if (++acquires !== fault?.k || !fault.what.startsWith("acquire")) return undefined;
    return fault.what === "acquire" ? "once" : "for good";
  });
  const context = testContext({ connect, pool });
  const log: string[] = [];
  const errorLog = {
    isOn: () => true,
    log: (level: string, message: string) => void log.push(`[${level}] ${message}`),
  } as unknown as ErrorLog;
  const worker = new Worker(context, errorLog);
  const variables = new Variables();
  const group = new PeerGroup(conf.groups[0]!, context.deadlines, () => {});
  const [listener] = conf.listeners;
  const router = new Router<Location>(listener!.servers, (location) => {
    if (location.action.kind !== "proxy") throw new Error("not a proxy");
    return {
      client: location.client,
      accessLog: undefined,
      counts: undefined,
      errorLog,
      logsSubrequests: false,
      subrequestBodyBytes: 0,
      policy: undefined,
      files: undefined,
      secureLink: undefined,
      isInternal: false,
      handler: new Proxy(location, location.action, {
        groups: new Map([["app", group]]),
        sessionsOf: () => {
          throw new Error("no sessions here");
        },
        dynamic: () => {
          throw new Error("no variables here");
        },
        variables,
      }),
      serverName: "",
      rewriter: undefined,
      methods: undefined,
      regexes: undefined,
      referers: undefined,
      warnsUnset: true,
    };
  });
  const fallback = router.findLocation("", "/")!;
  const fallbackOf = () => fallback;
  const server = new HttpServer({ worker, variables, port: 80, router, fallback, fallbackOf });
  const { conn, transport } = scriptedConn(context, {
    reads: [...request, SILENCE],
    writes: WRITES,
    ...(fault?.what === "client operation" ? { failsAt: fault.k } : {}),
  }, "downstream");
  const client = new ClientConnection(conn, 1, {
    context,
    settings: { conf: listener!.listen, firstConf: fallback.client, handler: server },
    spareHeads: [],
  });
  let isOver = false;
  const served = serveClient(client).then(() => isOver = true);
  for (let turns = 0; turns < 60 && !isOver && !isWhole(transport.sent); turns++) await settled();
  await settled();
  if (!isOver && !isWhole(transport.sent)) await context.clock.advance(200_000); // timeouts end it
  const { sent } = transport;
  const isClosed = transport.isClosed;
  if (!isOver) {
    transport.deliver(CLOSED);
    transport.goOn();
    conn.close();
  }
  await served;
  group.close();
  for (let turns = 0; turns < 3; turns++) await settled();
  assertQuiet(context);
  return {
    sent,
    isClosed,
    log,
    connects,
    peerOperations: Math.max(0, ...peers.map(({ operations }) => operations)),
    clientOperations: transport.operations,
    acquires,
    seen: peers.filter((peer) => peer.sent !== "").length,
  };
}

/** Says nothing before it has the head of a request. A connection that breaks breaks both ways. */
class AnsweringTransport extends ScriptedTransport {
  readonly #answer: readonly ReadStep[];
  #hasAnswered = false;

  constructor({ reads = [], ...rest }: Script) {
    super({ reads: [SILENCE], ...rest });
    this.#answer = reads;
  }

  override async write(from: Uint8Array): Promise<number> {
    try {
      const written = await super.write(from);
      if (this.sent.includes("\r\n\r\n")) this.#say(...this.#answer);
      return written;
    } catch (error) {
      this.#say(RESET);
      throw error;
    }
  }

  #say(...steps: readonly ReadStep[]): void {
    if (this.#hasAnswered) return;
    this.#hasAnswered = true;
    this.deliver(...steps);
    this.goOn();
  }
}

/** Whether it is one whole final response, behind interim ones. */
function isWhole(text: string): boolean {
  const final = text.replace(/^(?:HTTP\/1\.1 1\d\d .*\r\n(?:.+\r\n)*\r\n)+/, "");
  const end = final.indexOf("\r\n\r\n");
  if (end < 0) return false;
  const body = final.slice(end + 4);
  const length = /\r\nContent-Length: (\d+)\r\n/i.exec(final.slice(0, end + 2))?.[1];
  if (length !== undefined) return body.length === Number(length);
  return /\r\nTransfer-Encoding: chunked\r\n/.test(final) && /(?:^|\r\n)0\r\n\r\n$/.test(body);
}

function check({ isOnce }: Case, fault: Fault, { sent, isClosed, log, seen }: Result): void {
  const text = `${fault.what} ${fault.k}: ${JSON.stringify(sent)}, ${log.join("; ")}`;
  assert(isWhole(sent) || isClosed, `neither a response nor an end: ${text}`);
  assert(!log.some((line) => line.includes("a bug in this proxy")), text);
  const status = /(?:^|\r\n\r\n)HTTP\/1\.1 ([2-5]\d\d) /.exec(sent)?.[1];
  if (isWhole(sent)) assert(["200", "502", "503"].includes(status!), text);
  if (isOnce) assert(seen <= 1, `a POST was sent ${seen} times: ${text}`);
}

const KINDS = [
  ["connect", ({ connects }: Counts) => connects],
  ["operation of the first peer", ({ peerOperations }: Counts) => peerOperations],
  ["operation of every peer", ({ peerOperations }: Counts) => peerOperations],
  ["client operation", ({ clientOperations }: Counts) => clientOperations],
  ["acquire", ({ acquires }: Counts) => acquires],
  ["acquire for good", ({ acquires }: Counts) => acquires],
] as const;

for (const each of CASES) {
  for (const [what, countOf] of KINDS) {
    Deno.test(`${each.name}: the k-th ${what} fails, for every k`, async () => {
      const good = await run(each);
      assert(isWhole(good.sent) && good.sent.includes(" 200 OK"), good.sent);
      assertEquals(good.log, []);
      assert(countOf(good) > 0);
      for (let k = 1; k <= countOf(good); k++) {
        const fault = { what, k };
        check(each, fault, await run(each, fault));
      }
    });
  }
}

Deno.test("a first peer that resets at any operation before its head: a GET is answered by the next one", async () => {
  const [get] = CASES;
  let whole = 0;
  for (let k = 1; k <= 4; k++) {
    const { sent } = await run(get!, { what: "operation of the first peer", k });
    if (sent.includes(" 200 OK") && isWhole(sent)) whole++;
  }
  assertEquals(whole, 4);
});

Deno.test("a first peer stalls in the middle of the request, and memory is short: the next one gets all of it, and no peer is blamed for the memory", async () => {
  const [get] = CASES;
  const stalled = { ...get!, firstStalls: true };
  const good = await run(stalled);
  assertEquals(good.log, ["[error] upstream timed out (110: Connection timed out)"]);
  for (let k = 1; k <= good.acquires; k++) {
    const { sent, log, connects } = await run(stalled, { what: "acquire", k });
    assert(isWhole(sent) && sent.includes(" 200 OK"), sent);
    assertEquals([log, connects], [good.log, 2]);
  }
});
