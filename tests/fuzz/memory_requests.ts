/**
 * Requests that programs read in different ways, through all of Sluice to an origin that reads
 * with `undici`'s llhttp, in memory: thousands a second.
 *
 * Every message goes one of several ways through the program, cut in pieces, on a network whose
 * operations end in random order. What the origin reads has to be what Sluice says that it
 * forwarded; what Sluice forwarded has to be what llhttp and a strict reader of our own find in
 * the message itself; and both have to read the same in all that Sluice writes.
 *
 * @module
 */
import { MemoryConn, MemoryNet, UNEVEN } from "../support/memory_net.ts";
import type { Random } from "../support/random.ts";
import { LlhttpReader } from "./llhttp.ts";
import { compareRequests, type ForwardedLine, type OriginStream } from "./memory_comparison.ts";
import { bytesOf, latin1, type MemoryOutcome, playRound } from "./memory_round.ts";
import { logged, loggedMethod } from "./origins.ts";

/** Of the answers behind which an origin ends its connection. */
const ORIGIN_CLOSES = 0.05;

/** What the listeners, one after the other, do with a request. */
export const WAYS = ["buffered", "streamed", "closing", "rewritten"] as const;

const LOCATIONS: Readonly<Record<typeof WAYS[number], string>> = {
  buffered: `pass: "http://app", http_version: "1.1", ignore_client_abort: on`,
  streamed: `pass: "http://app", http_version: "1.1", ignore_client_abort: on,
    request_buffering: off, buffering: off`,
  closing: `pass: "http://app", http_version: "1.0", ignore_client_abort: on`,
  rewritten: `pass: "http://app/base/", http_version: "1.1", request_buffering: off`,
};

const CONFIG = `
upstreams: { app: { servers: ["127.0.0.1:1"], keepalive: 8 } }
servers:
${
  WAYS.map((way, index) =>
    `  - { listen: "127.0.0.1:${index + 1}", keepalive_requests: 100000, locations: { /: { proxy: {
      ${LOCATIONS[way]},
      set_header: { Host: "$http_host", X-Fuzz: "$connection-$connection_requests" } } } } }`
  ).join("\n")
}
`;

const LOG_LINE = [
  "remote_port",
  "connection_requests",
  "connection",
  "request_method",
  "request_uri",
  "request_body",
  "status",
  "upstream_addr",
  "upstream_status",
  "request_completion",
].map((name) => `$${name}`).join("\t");

/**
 * Plays messages. What happens depends on them and on `random` only.
 *
 * @throws {Error} When something hangs or leaks, or the error log tells of a bug.
 */
export async function playRequests(
  messages: readonly string[],
  random: Random,
): Promise<MemoryOutcome> {
  const net = new MemoryNet(random.fork(), UNEVEN);
  const streams: OriginStream[] = [];
  const ways = messages.map(() => random.integer(0, WAYS.length - 1));
  const sendings = messages.map((text, message) => ({ text, way: ways[message]! }));
  const { received, lines } = await playRound(sendings, {
    yaml: CONFIG,
    logFormat: LOG_LINE,
    net,
    random,
    onConnect: () => openOrigin(net, streams),
  });
  const outcome = compareRequests({
    messages,
    ways: ways.map((way) => WAYS[way]!),
    received,
    lines: linesOf(lines),
    streams,
  });
  for (const { reader } of streams) reader.free();
  return outcome;
}

/** An origin's end of a connection: it answers what it reads. */
function openOrigin(net: MemoryNet, streams: OriginStream[]): MemoryConn {
  const conn = new MemoryConn(net);
  const reader = new LlhttpReader("request");
  const stream = { reader, text: "" };
  streams.push(stream);
  let hasFinished = false;
  const finish = (): void => {
    if (hasFinished) return;
    hasFinished = true;
    conn.finish();
  };
  reader.onMessage = ({ method, keepsAlive }) => {
    if (hasFinished) return;
    conn.deliver(method === "HEAD" ? HEAD_ANSWER : ANSWER);
    if (!keepsAlive || net.random.chance(ORIGIN_CLOSES)) finish();
  };
  conn.onSent = (bytes) => {
    if (hasFinished) return; // as one that has closed
    const text = latin1(bytes);
    stream.text += text;
    const { error } = reader;
    reader.feed(text);
    if (reader.error === error) return;
    conn.deliver(REFUSAL);
    finish();
  };
  conn.onEnd = finish;
  return conn;
}

const ANSWER = bytesOf("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
const HEAD_ANSWER = bytesOf("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
const REFUSAL = bytesOf("HTTP/1.1 400 Bad\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");

function linesOf(log: readonly string[]): ForwardedLine[] {
  return log.map((line) => {
    const [port, number, connection, ...values] = line.split("\t");
    const [, target, body, status, upstreamAddress, upstreamStatus, completion] = values
      .map(logged);
    return {
      message: Number(port) - 1,
      number: Number(number),
      tag: `${connection}-${number}`,
      method: loggedMethod(values[0]!, values[1]!),
      target: target!,
      body: body!,
      status: Number(status),
      isForwarded: upstreamAddress !== "",
      upstreamStatus: upstreamStatus!,
      isWhole: completion === "OK",
    };
  });
}
