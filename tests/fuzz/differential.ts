/**
 * Requests that programs read in different ways, through Sluice to two real origins: what an
 * origin read has to be what Sluice meant, and nothing else.
 *
 * Every message goes to nginx and to Node, each behind Sluice with and without the buffering of
 * requests, and each directly. Sluice gives every request that it forwards a tag of its own.
 *
 * @module
 */
import { freePorts } from "../support/free_ports.ts";
import { type Client, connect } from "../support/client.ts";
import { EndedEarly } from "../support/inbox.ts";
import { withSluice } from "../support/in_process.ts";
import {
  Comparison,
  type Outcome,
  type Sent,
  SENTINEL,
  type SluiceReading,
  type Way,
} from "./comparison.ts";
import {
  logged,
  loggedMethod,
  NginxOrigin,
  NodeOrigin,
  type Origin,
  type OriginReading,
} from "./origins.ts";
import { wholeLog } from "./whole_log.ts";

/** Messages under way at a time. */
const AT_A_TIME = 16;

const LOG_LINE = [
  "remote_port",
  "connection_requests",
  "connection",
  "request_method",
  "request_uri",
  "http_host",
  "request_body",
  "status",
  "upstream_addr",
  "upstream_status",
].map((name) => `$${name}`).join("\t");

/** Both origins. They serve one round after the other. */
export class Differential implements AsyncDisposable {
  readonly #origins: readonly Origin[];
  #rounds = 0;

  private constructor(origins: readonly Origin[]) {
    this.#origins = origins;
  }

  static async start(): Promise<Differential> {
    await using stack = new AsyncDisposableStack();
    const origins = [stack.use(await NginxOrigin.start()), stack.use(await NodeOrigin.start())];
    stack.move(); // from here on the Differential owns them
    return new Differential(origins);
  }

  /** Sends all messages everywhere, and compares. */
  async round(messages: readonly string[]): Promise<Outcome> {
    const id = `r${++this.#rounds}`;
    const ways = waysTo(this.#origins);
    const sent = new SentMessages();
    let sluiceLines: readonly SluiceReading[] = [];
    let readings: OriginReading[] = [];
    await withSluice(configOf(this.#origins, ways, id), async (_, sluice) => {
      const queue = messages.entries();
      const work = async () => {
        for (const [number, text] of queue) await this.#sendEverywhere(sent, ways, number, text);
      };
      await Promise.all(Array.from({ length: AT_A_TIME }, work));
      for (const { port } of ways) await sent.ask(port, `/sentinel-${id}`);
      sluiceLines = readingsOf(
        await wholeLog(sluice, (target) => sent.ask(ways[0]!.port, target)),
        id,
      );
      readings = await this.#readings(sent, id);
    }, { logFormat: LOG_LINE });
    // What an origin holds of a connection it sees end when Sluice has closed it.
    readings.push(...await this.#readings(sent, `${id}-end`));
    return new Comparison((port) => sent.get(port), sluiceLines, readings, this.#origins).run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const origin of this.#origins) await origin[Symbol.asyncDispose]();
  }

  async #sendEverywhere(
    sent: SentMessages,
    ways: readonly Way[],
    message: number,
    text: string,
  ): Promise<void> {
    for (const way of ways) await sent.send({ message, way }, way.port, text);
    for (const { name, directPort } of this.#origins) {
      await sent.send({ message, origin: name }, directPort, text);
    }
  }

  async #readings(sent: SentMessages, id: string): Promise<OriginReading[]> {
    const all: OriginReading[] = [];
    for (const origin of this.#origins) {
      const target = `/direct-${id}`;
      await sent.ask(origin.directPort, target);
      all.push(...await origin.readingsThrough(target));
    }
    return all;
  }
}

function waysTo(origins: readonly Origin[]): Way[] {
  const ports = freePorts(origins.length * 2);
  return ports.map((port, index) => ({
    port,
    origin: origins[index >> 1]!.name,
    isBuffered: index % 2 === 0,
  }));
}

function configOf(origins: readonly Origin[], ways: readonly Way[], id: string): string {
  const groups = origins.map(({ name, proxiedPort }) =>
    `  ${name}: { servers: ["127.0.0.1:${proxiedPort}"], keepalive: 4 }`
  );
  const servers = ways.map(({ port, origin, isBuffered }) =>
    `  - { listen: "127.0.0.1:${port}", keepalive_requests: 100000, locations: { /: { proxy: {
      pass: "http://${origin}", http_version: "1.1", ignore_client_abort: on,
      request_buffering: ${isBuffered ? "on" : "off"},
      set_header: { Host: "$http_host", X-Fuzz: "${id}-$connection-$connection_requests" } } } } }`
  );
  return ["upstreams:", ...groups, "servers:", ...servers, ""].join("\n");
}

/** The messages on their way, by the ports from which they were sent. */
class SentMessages {
  readonly #byPort = new Map<number, Sent>();

  get(port: number): Sent | undefined {
    return this.#byPort.get(port);
  }

  /** Sends all of a message, and waits until everything about it is over. */
  async send(sent: Sent, to: number, text: string): Promise<void> {
    await using client = await this.#connect(sent, to);
    try {
      await client.send(Uint8Array.from(text, (unit) => unit.charCodeAt(0)));
      await client.halfClose();
    } catch (error) {
      if (!(error instanceof EndedEarly)) throw error; // refused before all of it was read
    }
    try {
      await client.readToEnd();
    } catch (cause) {
      const whom = sent.way === undefined ? sent.origin : `Sluice, ${JSON.stringify(sent.way)}`;
      throw new Error(`${whom} does not end a connection: ${JSON.stringify(text)}`, { cause });
    }
  }

  /** Sends a request that is answered, so that what was sent before has been seen. */
  async ask(to: number, target: string): Promise<void> {
    await using client = await this.#connect({ message: SENTINEL }, to);
    await client.send(`GET ${target} HTTP/1.1\r\nHost: sentinel\r\nConnection: close\r\n\r\n`);
    await client.readToEnd();
  }

  async #connect(sent: Sent, to: number): Promise<Client> {
    while (true) {
      const client = await connect(`127.0.0.1:${to}`);
      const port = client.socket.localPort!;
      if (!this.#byPort.has(port)) {
        this.#byPort.set(port, sent);
        return client;
      }
      // The kernel gave a port again: then nobody could tell which message it was.
      await client.close();
    }
  }
}

function readingsOf(log: readonly string[], id: string): SluiceReading[] {
  return log.map((line) => {
    const [port, number, connection, ...values] = line.split("\t");
    const [, target, host, body, status, upstreamAddress, upstreamStatus] = values
      .map(logged);
    return {
      tag: `${id}-${connection}-${number}`,
      port: Number(port),
      number: Number(number),
      method: loggedMethod(values[0]!, values[1]!),
      target: target!,
      host: host!,
      body: body!,
      status: status!,
      upstreamAddress: upstreamAddress!,
      upstreamStatus: upstreamStatus!,
    };
  });
}
