/**
 * Subrequests: requests of our own within a client's request, to locations of the same
 * server. Each is a request like any other, with its own journey, retries and log line;
 * what it has not is a client.
 *
 * @module
 */
import type { Client, ClientConf, RequestBodyReader } from "../downstream/mod.ts";
import type { Conn, ConnContext, RemoteAddress } from "../event/mod.ts";
import { BadMessage, bytesOf, fieldId, HeadWriter, RequestHead } from "../wire/mod.ts";
import type { Departure } from "./departure.ts";
import { MemoryResponse } from "./memory_response.ts";
import { copyFields } from "./passed_fields.ts";
import type { Request } from "./request.ts";
import { MemoryBody } from "./taken_body.ts";

/** Requests may be nested this deep, as in nginx: deeper ones are a circle. */
const DEPTH_MAX = 50;
const FIELDS_MAX = 1_000;
const HEAD_BYTES = 1024;
const LARGEST_HEAD_BYTES = 262_144;

/** What a subrequest asks for. */
export interface SubrequestOptions {
  /** @default "GET" */
  readonly method?: string;
  /** Path and query, as on a request line. */
  readonly target: string;
  /** Names, in lower case, of fields of the request around it that it does not have. */
  readonly without?: readonly string[];
  /** Fields that it has besides or instead. An empty value leaves a field out. */
  readonly fields?: readonly (readonly [name: string, value: string])[];
  readonly body?: Uint8Array;
  /** Whether anybody will look at the response's body. */
  readonly keepsBody: boolean;
  /** Who is told when the client leaves; the subrequest ends then. */
  readonly departure: Departure;
}

/** One subrequest. {@linkcode Subrequest.release} it when its response has been looked at. */
export class Subrequest implements Client {
  readonly context: ConnContext;
  readonly id: number;
  readonly conn: Conn;
  remote: RemoteAddress;
  readonly proxied: Client["proxied"];
  readonly requests: number;
  readonly startedAtMs: number;
  readonly connectedAtMs: number;
  readonly isPipelined: boolean;
  readonly head = new RequestHead(FIELDS_MAX);
  readonly body: RequestBodyReader;
  readonly response: MemoryResponse;
  conf: ClientConf;
  /** As variables and logs see it. */
  readonly request: Request;
  readonly #departure: Departure;
  #onGone: (() => void) | undefined;

  /** @throws {BadMessage} The target, a field or the method is none; or requests are nested too deep. */
  constructor(parent: Request, options: SubrequestOptions) {
    const { client, worker } = parent;
    if (parent.depth >= DEPTH_MAX) throw new BadMessage(500, "subrequests in a circle");
    this.context = client.context;
    this.id = client.id;
    this.conn = client.conn;
    this.remote = client.remote;
    this.proxied = client.proxied;
    this.requests = client.requests;
    this.connectedAtMs = client.connectedAtMs;
    this.isPipelined = client.isPipelined;
    this.startedAtMs = client.context.deadlines.nowMs;
    this.conf = client.conf;
    this.body = new MemoryBody(options.body);
    this.response = new MemoryResponse(this, options.keepsBody);
    this.#departure = options.departure;
    const bytes = writeHead(parent, options);
    this.head.fields.dropped = parent.head.fields.dropped;
    this.head.begin(bytes, 0);
    if (!this.head.parse(bytes.length)) throw new BadMessage(500, "no subrequest");
    this.request = worker.takeRequest();
    this.request.beginWithin(parent, this);
  }

  /** Finds the location and has it answer. Never rejects: what goes wrong is a status. */
  async run(): Promise<void> {
    const { request, response } = this;
    await request.server.answerSubrequest(request);
    if (!response.isCut || response.status === CLIENT_CLOSED_REQUEST) return;
    if (response.bodyBytes > response.maxBytes) {
      request.report(
        "error",
        `too big a response to a subrequest: more than ${response.maxBytes} bytes`,
      );
    }
    response.status = BAD_GATEWAY;
  }

  /** Gives back what it holds. */
  release(): void {
    this.response.drop();
    this.request.worker.giveBack(this.request);
  }

  /** The connection belongs to the request around it. */
  openTunnel(): undefined {
    return undefined;
  }

  watch(onGone: () => void, seesAbortsOnly = false): void {
    if (seesAbortsOnly) return;
    this.#onGone = onGone;
    this.#departure.add(onGone);
  }

  unwatch(): void {
    if (this.#onGone !== undefined) this.#departure.delete(this.#onGone);
    this.#onGone = undefined;
  }
}

/** Fields about one connection, or about a body's framing, which is ours to say. */
const OWN_FIELDS: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "expect",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

const HOST = bytesOf("Host: ");
const BAD_GATEWAY = 502;
const CLIENT_CLOSED_REQUEST = 499;

/** The fields of the request around it, but for those about its own body and hops. */
function writeHead(parent: Request, options: SubrequestOptions): Uint8Array {
  const { method = "GET", target, without = [], fields = [], body } = options;
  const { head } = parent;
  const given = fields.map(([name]) => name.toLowerCase());
  const dropped = [...without, ...given].map(bytesOf);
  // An absolute target has named the host, whatever the Host field says.
  const hasHost = head.hostEnd > head.hostStart && !given.includes("host");
  const writer = new HeadWriter();
  for (let sizeBytes = HEAD_BYTES; sizeBytes <= LARGEST_HEAD_BYTES; sizeBytes *= 4) {
    const bytes = new Uint8Array(sizeBytes);
    writer.begin(bytes, 0, sizeBytes);
    writer.text(`${method} ${target} HTTP/1.${head.minorVersion}`);
    writer.crlf();
    if (hasHost) {
      writer.constant(HOST);
      writer.range(head.fields.bytes, head.hostStart, head.authorityEnd);
      writer.crlf();
    }
    copyFields(head.fields, writer, (index) => {
      const id = head.fields.id(index);
      return id < fieldId.FIRST_END_TO_END || id === fieldId.CONTENT_LENGTH ||
        id === fieldId.EXPECT || id === fieldId.HOST || dropped.some((lower) =>
          head.fields.nameIs(index, lower)
        );
    });
    for (const [name, value] of fields) {
      if (value === "" || OWN_FIELDS.has(name.toLowerCase())) continue;
      writer.text(`${name}: ${value}`);
      writer.crlf();
    }
    if (body !== undefined && body.length > 0) {
      writer.text(`Content-Length: ${body.length}`);
      writer.crlf();
    }
    writer.crlf();
    if (!writer.hasOverflowed) return bytes.subarray(0, writer.at);
  }
  throw new BadMessage(500, "too large a subrequest");
}
