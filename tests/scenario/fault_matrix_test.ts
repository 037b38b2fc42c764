/**
 * The fault matrix: for each phase, each fault and each kind of try, the outcome as it is
 * written in the table below. A first try and a retry differ in where the fault is: at the
 * first of two peers, or at the second after the first has refused; a reused connection
 * has carried a request before.
 */
import { assertEquals } from "@std/assert";
import { freePorts } from "../support/free_ports.ts";
import { type Client, connect, type Response } from "../support/client.ts";
import { inFrontOf, withSluice } from "../support/in_process.ts";
import {
  act,
  close,
  expectHead,
  expectRequest,
  halfClose,
  okResponse,
  repeat,
  reset,
  respondWith,
  type Script,
  send,
  sendBytewise,
  startOrigin,
  type Step,
} from "../support/origin.ts";

const HEAD = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n";

/** What an origin does once it has the head of a request. */
const FAULTS = {
  // process_header
  "closes before the head": [close()],
  "half-closes before the head": [halfClose()],
  "resets before the head": [reset()],
  "stalls before the head": [],
  "closes in the head": [send("HTTP/1.1 200 O"), close()],
  "stalls in the head": [send("HTTP/1.1 200 O")],
  "sends the head byte by byte": [sendBytewise(`${HEAD}good`)],
  "sends garbage for a head": [send("garbage\r\n\r\n")],
  "sends too large a head": [send(`HTTP/1.1 200 OK\r\nX: ${"x".repeat(9_000)}\r\n\r\n`)],
  // respond
  "closes in the body": [send(`${HEAD}go`), close()],
  "stalls in the body": [send(`${HEAD}go`)],
  "sends a bad chunk with the head": [
    send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\ngo\r\nzz\r\n"),
  ],
  "sends a bad chunk later": [
    send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\ngo\r\n"),
    breath(),
    send("zz\r\n"),
  ],
  "sends too much": [send(`${HEAD}goodEXTRA`)],
  // nothing wrong
  "answers": [send(`${HEAD}good`)],
} satisfies Record<string, Script>;

/** Lets what was sent before travel on its own. */
function breath(): Step {
  return act("a breath", () => new Promise((resolve) => setTimeout(resolve, 15)));
}

type Fault = keyof typeof FAULTS;

/**
 * What the client sees: the body of the faulty peer (`good`), of the other one (`other`),
 * `cut` for a response that is not whole, or a status; then how many requests the faulty
 * and the other peer saw. For GET and POST.
 */
type Row = readonly [fault: Fault, get: string, post: string];

/** The faulty peer comes first, another one is there. */
const FIRST_TRY: readonly Row[] = [
  ["closes before the head", "other 1 1", "502 1 0"],
  ["half-closes before the head", "other 1 1", "502 1 0"],
  ["resets before the head", "other 1 1", "502 1 0"],
  ["stalls before the head", "other 1 1", "504 1 0"],
  ["closes in the head", "other 1 1", "502 1 0"],
  ["stalls in the head", "other 1 1", "504 1 0"],
  ["sends the head byte by byte", "good 1 0", "good 1 0"],
  ["sends garbage for a head", "502 1 0", "502 1 0"], // invalid_header is not in next_upstream
  ["sends too large a head", "502 1 0", "502 1 0"],
  ["closes in the body", "cut 1 0", "cut 1 0"],
  ["stalls in the body", "cut 1 0", "cut 1 0"],
  ["sends a bad chunk with the head", "502 1 0", "502 1 0"],
  ["sends a bad chunk later", "cut 1 0", "cut 1 0"],
  ["sends too much", "good 1 0", "good 1 0"],
  ["answers", "good 1 0", "good 1 0"],
];

/** The first peer refused the connection, so that the faulty one is the retry, and the last. */
const RETRY: readonly Row[] = [
  ["closes before the head", "502 1 0", "502 1 0"],
  ["half-closes before the head", "502 1 0", "502 1 0"],
  ["resets before the head", "502 1 0", "502 1 0"],
  ["stalls before the head", "504 1 0", "504 1 0"],
  ["closes in the head", "502 1 0", "502 1 0"],
  ["stalls in the head", "504 1 0", "504 1 0"],
  ["sends the head byte by byte", "good 1 0", "good 1 0"],
  ["sends garbage for a head", "502 1 0", "502 1 0"],
  ["sends too large a head", "502 1 0", "502 1 0"],
  ["closes in the body", "cut 1 0", "cut 1 0"],
  ["stalls in the body", "cut 1 0", "cut 1 0"],
  ["sends a bad chunk with the head", "502 1 0", "502 1 0"],
  ["sends a bad chunk later", "cut 1 0", "cut 1 0"],
  ["sends too much", "good 1 0", "good 1 0"],
  ["answers", "good 1 0", "good 1 0"],
];

/**
 * The fault is on a connection that has carried a request before; a fresh connection to
 * the same peer would answer `other`. The requests on the first are counted without the
 * one that warmed it up.
 */
const REUSED: readonly Row[] = [
  ["closes before the head", "other 1 1", "502 1 0"],
  ["half-closes before the head", "other 1 1", "502 1 0"],
  ["resets before the head", "other 1 1", "502 1 0"],
  ["stalls before the head", "504 1 0", "504 1 0"],
  ["closes in the head", "502 1 0", "502 1 0"], // a byte was answered: not stale
  ["stalls in the head", "504 1 0", "504 1 0"],
  ["sends the head byte by byte", "good 1 0", "good 1 0"],
  ["sends garbage for a head", "502 1 0", "502 1 0"],
  ["sends too large a head", "502 1 0", "502 1 0"],
  ["closes in the body", "cut 1 0", "cut 1 0"],
  ["stalls in the body", "cut 1 0", "cut 1 0"],
  ["sends a bad chunk with the head", "502 1 0", "502 1 0"],
  ["sends a bad chunk later", "cut 1 0", "cut 1 0"],
  ["sends too much", "good 1 0", "good 1 0"],
  ["answers", "good 1 0", "good 1 0"],
];

const REQUESTS = {
  GET: "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
  POST: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
} as const;

const OTHER: Script = [repeat(expectRequest(), send(okResponse("other")))];

function outcomeOf({ status, bodyText, isComplete }: Response): string {
  if (status !== 200) return String(status);
  return isComplete ? bodyText : "cut";
}

async function ask(client: Client, method: keyof typeof REQUESTS): Promise<string> {
  await client.send(REQUESTS[method]);
  return outcomeOf(await client.readResponse());
}

for (const buffering of ["on", "off"]) {
  const proxy = `read_timeout: 250ms, buffering: ${buffering}, request_buffering: ${buffering}`;
  for (const [column, method] of [[1, "GET"], [2, "POST"]] as const) {
    for (const row of FIRST_TRY) {
      Deno.test(`first try, ${method}, buffering ${buffering}: the origin ${row[0]}: ${row[column]}`, async () => {
        await using faulty = await startOrigin({ each: [expectRequest(), ...FAULTS[row[0]]] });
        await using other = await startOrigin({ each: OTHER });
        await withSluice(inFrontOf([faulty.address, other.address], { proxy }), async (address) => {
          await using client = await connect(address);
          const outcome = await ask(client, method);
          assertEquals(`${outcome} ${faulty.requestsSeen} ${other.requestsSeen}`, row[column]);
        });
      });
    }

    for (const row of RETRY) {
      Deno.test(`retry, ${method}, buffering ${buffering}: the origin ${row[0]}: ${row[column]}`, async () => {
        await using faulty = await startOrigin({ each: [expectRequest(), ...FAULTS[row[0]]] });
        const [port] = freePorts(1);
        const peers = [`127.0.0.1:${port}`, faulty.address];
        await withSluice(inFrontOf(peers, { proxy }), async (address) => {
          await using client = await connect(address);
          assertEquals(`${await ask(client, method)} ${faulty.requestsSeen} 0`, row[column]);
        });
      });
    }

    for (const row of REUSED) {
      Deno.test(`reused connection, ${method}, buffering ${buffering}: the origin ${row[0]}: ${row[column]}`, async () => {
        await using origin = await startOrigin({
          first: [[expectHead(), send(okResponse("warm")), expectRequest(), ...FAULTS[row[0]]]],
          each: OTHER,
        });
        await withSluice(inFrontOf(origin, { proxy }), async (address) => {
          await using client = await connect(address);
          assertEquals(await ask(client, "GET"), "warm");
          const outcome = await ask(client, method);
          const [first, ...rest] = origin.connections;
          const others = rest.reduce((sum, { requests }) => sum + requests.length, 0);
          assertEquals(`${outcome} ${first!.requests.length - 1} ${others}`, row[column]);
        });
      });
    }
  }
}

/** Clients at fault, while the origin thinks: what the origin's connection and the log see. */
const CLIENT_FAULTS: readonly [string, (client: Client) => Promise<void>, string][] = [
  ["closes", (client) => client.close(), "499"],
  ["resets", (client) => client.reset(), "499"],
  ["half-closes", (client) => client.halfClose(), "499"],
];

for (const [what, commit, status] of CLIENT_FAULTS) {
  for (const kind of ["first try", "reused connection"]) {
    Deno.test(`${kind}: the client ${what} while the origin thinks: ${status}, one request seen`, async () => {
      const warm: Script = kind === "first try" ? [] : [expectRequest(), send(okResponse("warm"))];
      await using origin = await startOrigin({ each: [...warm, expectRequest()] });
      await withSluice(inFrontOf(origin), async (address, sluice) => {
        await using client = await connect(address);
        if (warm.length > 0) assertEquals(await ask(client, "GET"), "warm");
        await client.send(REQUESTS.GET);
        const seen = warm.length > 0 ? 2 : 1;
        await origin.waitForRequest(seen);
        await commit(client);
        await origin.connections[0]!.ended;
        assertEquals(await sluice.accessLine(seen), `GET / HTTP/1.1|${status}|-`);
        assertEquals(origin.requestsSeen, seen);
      });
    });
  }
}

Deno.test("a peer that answers is not marked by what clients do", async () => {
  await using slow = await startOrigin({ first: [[expectRequest()]], each: OTHER });
  await using other = await respondWith(okResponse("second"));
  await withSluice(inFrontOf([slow.address, other.address]), async (address) => {
    await using leaving = await connect(address);
    await leaving.send(REQUESTS.GET);
    await slow.waitForRequest(1);
    await leaving.reset();
    await slow.connections[0]!.ended;
    await using client = await connect(address);
    const answers = new Set([await ask(client, "GET"), await ask(client, "GET")]);
    assertEquals(answers, new Set(["other", "second"]));
  });
});
