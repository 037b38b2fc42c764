/**
 * The fault matrix, what operators see: for each phase, fault and kind of try the status, the
 * one reason that the log gives (`$upstream_failure`), whether the peer counts as failed, and
 * how many requests each origin saw. What clients see is in fault_matrix_test.ts.
 */
import { assertEquals } from "@std/assert";
import { freePorts } from "../support/free_ports.ts";
import { type Client, connect, getRequest } from "../support/client.ts";
import { fullBacklog } from "../support/full_backlog.ts";
import { withSluice } from "../support/in_process.ts";
import {
  act,
  close,
  expectBody,
  expectHead,
  expectRequest,
  halfClose,
  okResponse,
  type Origin,
  repeat,
  reset,
  type Script,
  send,
  sendBytewise,
  startOrigin,
  type Step,
} from "../support/origin.ts";
import { EndedEarly } from "../support/inbox.ts";

const HEAD = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n";
const CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\ngo\r\n";
/** More than the kernel takes on the way to an origin that does not read. */
const LARGE_BYTES = 24 << 20;

/** What the faulty peer does. A peer that is never reached has a name. */
const PEERS = {
  "refuses the connection": "refused",
  "does not answer the connect": "hanging",
  "stops reading the body": [expectHead(), act("stop", ({ socket }) => stop(socket))],
  "resets in the body": [expectHead(), expectBody(10_000), reset()],
  "closes in the body": [expectHead(), expectBody(10_000), close()],
  "closes before the head": [expectRequest(), close()],
  "half-closes before the head": [expectRequest(), halfClose()],
  "resets before the head": [expectRequest(), reset()],
  "stalls before the head": [expectRequest()],
  "closes in the head": [expectRequest(), send("HTTP/1.1 200 O"), close()],
  "stalls in the head": [expectRequest(), send("HTTP/1.1 200 O")],
  "sends garbage for a head": [expectRequest(), send("garbage\r\n\r\n")],
  "sends too large a head": [expectRequest(), send(`HTTP/1.1 200 OK\r\nX: ${"x".repeat(9_000)}`)],
  "sends the head byte by byte": [expectRequest(), sendBytewise(`${HEAD}good`)],
  "answers 503": [expectRequest(), send("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")],
  "answers 404": [expectRequest(), send("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")],
  "closes in the response": [expectRequest(), send(`${HEAD}go`), breath(), close()],
  "resets in the response": [expectRequest(), send(`${HEAD}go`), breath(), reset()],
  "stalls in the response": [expectRequest(), send(`${HEAD}go`)],
  "sends a bad chunk": [expectRequest(), send(CHUNKED), breath(), send("zz\r\n")],
  "sends too much": [expectRequest(), send(`${HEAD}goodEXTRA`)],
  "thinks": [expectRequest(), breath(400), send(`${HEAD}good`)],
} satisfies Record<string, Script | string>;

type Fault = keyof typeof PEERS;

function stop(socket: { pause(): void }): Promise<void> {
  socket.pause();
  return Promise.resolve();
}

/** Lets what was sent before travel on its own. */
function breath(ms = 15): Step {
  return act("a breath", () => new Promise((resolve) => setTimeout(resolve, ms)));
}

type What = "GET" | "POST" | "large POST";

/** A request, whole or as far as a client gets that has a fault of its own. */
const REQUESTS: Readonly<Record<What, string>> = {
  "GET": getRequest(),
  "POST": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
  "large POST": `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${LARGE_BYTES}\r\n\r\n`,
};

/** Where the faulty peer stands: first of two, second behind one that refuses, or warmed up. */
type Try = "first" | "retry" | "reused";

/** What the client does wrong behind its request, or in it. */
type ClientFault =
  | "resets"
  | "half-closes"
  | "stalls"
  | "resets in the body"
  | "stalls in the body";

/**
 * For each kind of try `status reason marked seen`:
 * - the reason is `fine`, `refused-before` (of the first of two peers), or what, the phase and
 *   what was decided, as {@linkcode PHASES} and {@linkcode DECISIONS} spell it out;
 * - `*` where the peer counts as failed;
 * - how many requests the faulty peer and the other one saw. A reused connection's other one
 *   is a backup, and a fresh connection to the faulty peer answers `warm`.
 *
 * Empty where there is no such try: who is connected to does not refuse.
 */
type Row = readonly [
  fault: Fault,
  client: ClientFault | "",
  what: What,
  first: string,
  retry: string,
  reused: string,
];

const PHASES: Readonly<Record<string, string>> = {
  connecting: "connecting to upstream",
  sending: "sending request to upstream",
  header: "reading response header from upstream",
  body: "reading upstream",
};

const DECISIONS: Readonly<Record<string, string>> = {
  next: "another peer was tried",
  again: "a fresh connection was tried",
  begun: "not tried again, the response has begun",
  gone: "not tried again, the body was streamed and is gone",
  sent: "not tried again, the request was sent and is not idempotent",
  unnamed: "not tried again, not in next_upstream",
  last: "not tried again, no tries left",
  left: "not tried again, the client is gone",
};

const TABLE = `
# the peer …                          |            | first try                               | retry                                   | reused connection
# connect
refuses the connection                | GET        | 200 refused connecting next * 0 1       | 502 refused connecting last * 0 0       |
refuses the connection                | POST       | 200 refused connecting next * 0 1       | 502 refused connecting last * 0 0       |
refuses the connection                | large POST | 200 refused connecting next * 0 1       | 502 refused connecting last * 0 0       |
does not answer the connect           | GET        | 200 timeout connecting next * 0 1       | 504 timeout connecting last * 0 0       |
does not answer the connect           | POST       | 200 timeout connecting next * 0 1       | 504 timeout connecting last * 0 0       |
does not answer the connect           | large POST | 200 timeout connecting next * 0 1       | 504 timeout connecting last * 0 0       |
# send_request (the body is streamed)
stops reading the body                | large POST | 504 timeout sending gone * 1 0          | 504 timeout sending gone * 1 0          | 504 timeout sending gone * 1 0
resets in the body                    | large POST | 502 broke sending gone * 1 0            | 502 broke sending gone * 1 0            | 502 broke sending gone - 1 0
closes in the body                    | large POST | 502 broke sending gone * 1 0            | 502 broke sending gone * 1 0            | 502 broke sending gone - 1 0
# process_header
closes before the head                | GET        | 200 closed header next * 1 1            | 502 closed header last * 1 0            | 200 closed header again - 2 0
closes before the head                | POST       | 502 closed header sent * 1 0            | 502 closed header sent * 1 0            | 502 closed header sent - 1 0
half-closes before the head           | GET        | 200 closed header next * 1 1            | 502 closed header last * 1 0            | 200 closed header again - 2 0
half-closes before the head           | POST       | 502 closed header sent * 1 0            | 502 closed header sent * 1 0            | 502 closed header sent - 1 0
resets before the head                | GET        | 200 reset header next * 1 1             | 502 reset header last * 1 0             | 200 reset header again - 2 0
resets before the head                | POST       | 502 reset header sent * 1 0             | 502 reset header sent * 1 0             | 502 reset header sent - 1 0
stalls before the head                | GET        | 200 timeout header next * 1 1           | 504 timeout header last * 1 0           | 200 timeout header next * 1 1
stalls before the head                | POST       | 504 timeout header sent * 1 0           | 504 timeout header sent * 1 0           | 504 timeout header sent * 1 0
closes in the head                    | GET        | 200 closed header next * 1 1            | 502 closed header last * 1 0            | 200 closed header next * 1 1
closes in the head                    | POST       | 502 closed header sent * 1 0            | 502 closed header sent * 1 0            | 502 closed header sent * 1 0
stalls in the head                    | GET        | 200 timeout header next * 1 1           | 504 timeout header last * 1 0           | 200 timeout header next * 1 1
stalls in the head                    | POST       | 504 timeout header sent * 1 0           | 504 timeout header sent * 1 0           | 504 timeout header sent * 1 0
sends garbage for a head              | GET        | 502 invalid_header header unnamed * 1 0 | 502 invalid_header header unnamed * 1 0 | 502 invalid_header header unnamed * 1 0
sends garbage for a head              | POST       | 502 invalid_header header unnamed * 1 0 | 502 invalid_header header unnamed * 1 0 | 502 invalid_header header unnamed * 1 0
sends too large a head                | GET        | 502 invalid_header header unnamed * 1 0 | 502 invalid_header header unnamed * 1 0 | 502 invalid_header header unnamed * 1 0
sends too large a head                | POST       | 502 invalid_header header unnamed * 1 0 | 502 invalid_header header unnamed * 1 0 | 502 invalid_header header unnamed * 1 0
sends the head byte by byte           | GET        | 200 fine - 1 0                          | 200 refused-before - 1 0                | 200 fine - 1 0
sends the head byte by byte           | POST       | 200 fine - 1 0                          | 200 refused-before - 1 0                | 200 fine - 1 0
answers 503                           | GET        | 503 fine - 1 0                          | 503 refused-before - 1 0                | 503 fine - 1 0
answers 503                           | POST       | 503 fine - 1 0                          | 503 refused-before - 1 0                | 503 fine - 1 0
answers 404                           | GET        | 404 fine - 1 0                          | 404 refused-before - 1 0                | 404 fine - 1 0
answers 404                           | POST       | 404 fine - 1 0                          | 404 refused-before - 1 0                | 404 fine - 1 0
# respond
closes in the response                | GET        | 200 closed body begun - 1 0             | 200 closed body begun - 1 0             | 200 closed body begun - 1 0
closes in the response                | POST       | 200 closed body begun - 1 0             | 200 closed body begun - 1 0             | 200 closed body begun - 1 0
resets in the response                | GET        | 200 reset body begun - 1 0              | 200 reset body begun - 1 0              | 200 reset body begun - 1 0
resets in the response                | POST       | 200 reset body begun - 1 0              | 200 reset body begun - 1 0              | 200 reset body begun - 1 0
stalls in the response                | GET        | 200 timeout body begun - 1 0            | 200 timeout body begun - 1 0            | 200 timeout body begun - 1 0
stalls in the response                | POST       | 200 timeout body begun - 1 0            | 200 timeout body begun - 1 0            | 200 timeout body begun - 1 0
sends a bad chunk                     | GET        | 200 invalid_body body begun - 1 0       | 200 invalid_body body begun - 1 0       | 200 invalid_body body begun - 1 0
sends a bad chunk                     | POST       | 200 invalid_body body begun - 1 0       | 200 invalid_body body begun - 1 0       | 200 invalid_body body begun - 1 0
sends too much                        | GET        | 200 fine - 1 0                          | 200 refused-before - 1 0                | 200 fine - 1 0
sends too much                        | POST       | 200 fine - 1 0                          | 200 refused-before - 1 0                | 200 fine - 1 0
# the client is at fault, while the origin thinks or is sent to
thinks; the client resets             | GET        | 499 client-closed header left - 1 0     | 499 client-closed header left - 1 0     | 499 client-closed header left - 1 0
thinks; the client resets             | POST       | 499 client-closed header left - 1 0     | 499 client-closed header left - 1 0     | 499 client-closed header left - 1 0
thinks; the client half-closes        | GET        | 499 client-closed header left - 1 0     | 499 client-closed header left - 1 0     | 499 client-closed header left - 1 0
thinks; the client half-closes        | POST       | 499 client-closed header left - 1 0     | 499 client-closed header left - 1 0     | 499 client-closed header left - 1 0
thinks; the client resets in the body | large POST | 499 client-reset sending left - 1 0     | 499 client-reset sending left - 1 0     | 499 client-reset sending left - 1 0
thinks; the client stalls in the body | large POST | 408 client-timeout sending left - 1 0   | 408 client-timeout sending left - 1 0   | 408 client-timeout sending left - 1 0
`;

const ROWS: readonly Row[] = TABLE.split("\n").filter((line) => /^[^#]/.test(line)).map((line) => {
  const [peer = "", what = "", first = "", retry = "", reused = ""] = line.split("|")
    .map((cell) => cell.trim());
  const [fault, client = ""] = peer.split("; the client ");
  return [fault as Fault, client as ClientFault | "", what as What, first, retry, reused];
});

/** What a row says, as {@linkcode outcomeOf} says it. */
function spelledOut(text: string): string {
  const parts = text.split(" ");
  const [status, what = ""] = parts;
  const [mark, faulty, other] = parts.slice(-3);
  const reason = what === "fine"
    ? "-"
    : what === "refused-before"
    ? `refused of REFUSER while ${PHASES["connecting"]}: ${DECISIONS["next"]}`
    : `${what.replace("-", " ")} of FAULTY while ${PHASES[parts[2]!]}: ${DECISIONS[parts[3]!]}`;
  return `${status}|${reason}|${mark === "*" ? "marked" : "-"}|${faulty} ${other}`;
}

/** `status|reason|marked or not|requests seen by the faulty peer and by the other one`. */
async function outcomeOf([fault, clientFault, what]: Row, tryKind: Try): Promise<string> {
  const [port, refusedPort] = freePorts(2) as [number, number];
  const refuser = `127.0.0.1:${refusedPort}`;
  await using hanging = await fullBacklog();
  const script: Script | string = PEERS[fault];
  const warm: Script = tryKind === "reused" ? [expectHead(), send(okResponse("warm"))] : [];
  await using faulty = typeof script === "string"
    ? undefined
    : await startOrigin({ each: [...warm, ...script], keepBytes: 1 });
  await using other = await startOrigin({
    each: [repeat(expectRequest(), send(okResponse("other")))],
    keepBytes: 1,
  });
  const faultyAddress = faulty?.address ??
    (script === "hanging" ? hanging.address : `127.0.0.1:${port}`);
  const peers = tryKind === "retry"
    ? [refuser, faultyAddress]
    : tryKind === "reused"
    ? [faultyAddress, `{ address: "${other.address}", backup: true }`]
    : [faultyAddress, other.address];
  // Only who waits for a timeout has a short one: on a busy machine others would have it, too.
  const patience = /stall|does not answer|stops/.test(fault) ? "200ms" : "10s";
  const settings = `
upstreams:
  app: { servers: [${peers.join(", ")}] }
servers:
  - listen: "127.0.0.1:0"
    client_body_timeout: ${clientFault.startsWith("stalls") ? "200ms" : "10s"}
    client_max_body_size: 0
    proxy:
      connect_timeout: ${patience}
      send_timeout: ${patience}
      read_timeout: ${patience}
      request_buffering: ${what === "large POST" ? "off" : "on"}
    locations: { /: { proxy: { pass: "http://app" } } }
`;
  let outcome = "";
  await withSluice(settings, async (address, sluice) => {
    await using client = await connect(address);
    if (tryKind === "reused") {
      await client.send(getRequest());
      await client.readResponse();
    }
    await ask(client, what, clientFault, faulty);
    const line = await sluice.accessLine(tryKind === "reused" ? 2 : 1);
    const seen = (faulty?.requestsSeen ?? 0) - (tryKind === "reused" ? 1 : 0);
    await client.close();
    await sluice.rest();
    await sluice.server.stop(); // all that was logged is in its file then
    const isMarked = sluice.errorLog.some((text) =>
      text.includes(`temporarily disabled: ${faultyAddress} `)
    );
    outcome = `${line}|${isMarked ? "marked" : "-"}|${seen} ${other.requestsSeen}`
      .replaceAll(faultyAddress, "FAULTY").replaceAll(refuser, "REFUSER");
    // Whether a read or a write notices first is the kernel's choice.
    if (fault.endsWith("in the body")) {
      outcome = outcome.replace(/\|(?:closed|reset) of/, "|broke of");
    }
  }, { logFormat: "$status|$upstream_failure" });
  return outcome;
}

/** Sends the request, does wrong what is to be done wrong, and waits for the end. */
async function ask(
  client: Client,
  what: What,
  fault: ClientFault | "",
  origin: Origin | undefined,
): Promise<void> {
  const seenBefore = origin?.requestsSeen ?? 0;
  try {
    await client.send(REQUESTS[what]);
    if (what === "large POST") {
      const isBodyCut = fault.endsWith("in the body");
      const sending = client.send(new Uint8Array(isBodyCut ? 100_000 : LARGE_BYTES)).catch(
        () => {},
      );
      if (isBodyCut) await sending;
    }
    if (fault !== "") await origin!.waitForRequest(seenBefore + 1);
    if (fault.startsWith("resets")) return await client.reset();
    if (fault === "half-closes") return await client.halfClose();
    await client.readResponse();
  } catch (error) {
    if (!(error instanceof EndedEarly)) throw error;
  }
}

for (const row of ROWS) {
  const [fault, clientFault, what, ...outcomes] = row;
  const client = clientFault === "" ? "" : `, the client ${clientFault}`;
  for (const [index, tryKind] of (["first", "retry", "reused"] as const).entries()) {
    const outcome = outcomes[index]!;
    if (outcome === "") continue;
    Deno.test(`${tryKind}, ${what}: the peer ${fault}${client}: ${outcome}`, async () => {
      assertEquals(await outcomeOf(row, tryKind), spelledOut(outcome));
    });
  }
}
