/** Directives about the client's connection, its request's head and its body. @module */
import {
  type ArgumentType,
  type Context,
  directive,
  HTTP_SERVER_LOCATION,
  type Table,
} from "../directive.ts";
import { wordTexts } from "../nginx_form.ts";
import { wordsOf } from "../node.ts";
import { choice, flag, folder, integer, size, sizeTemplate, time } from "../types.ts";

const HTTP_SERVER: readonly Context[] = ["http", "server"];

/** The largest cell of the buffer pool. */
const LARGEST_BUFFER = "64k";

const count = integer({ min: 1, max: 1024 });
const bufferSize = size({ min: "256", max: LARGEST_BUFFER });

/** nginx's `number size`. */
export const buffers: ArgumentType<{ readonly count: number; readonly sizeBytes: number }> = {
  label: "number size",
  expected: 'a number of buffers and their size, such as "4 8k"',
  read(node, reading) {
    const [number, bytes, ...more] = wordsOf(node) ?? [];
    if (number === undefined || bytes === undefined || more.length > 0) {
      return reading.refuse(node, this.expected);
    }
    const read = count.read(number, reading);
    const sizeBytes = bufferSize.read(bytes, reading);
    return read === undefined || sizeBytes === undefined ? undefined : { count: read, sizeBytes };
  },
};

const idleTime = time();
const toldTime = time({ min: "1s" });

/** nginx's `time [time]`; in YAML a list, since blanks may stand in a time (`1h 30m`). */
const keepaliveTimes: ArgumentType<{ readonly idleMs: number; readonly toldMs: number }> = {
  label: "time | [time, time]",
  expected: 'a time such as "75s", or a list of it and the one that clients are told',
  nginx: {
    arity: { least: 1, most: 2 },
    isRepeatable: false,
    read: ([statement]) =>
      statement!.args.length === 1
        ? statement!.args[0]!
        : { kind: "list", span: statement!.span, items: statement!.args },
    print: (node, name) => [
      { name, args: node.kind === "scalar" ? [node.text] : wordTexts(node) },
    ],
  },
  read(node, reading) {
    const [idle, told, ...more] = node.kind === "list" ? node.items : [node];
    const isGood = idle?.kind === "scalar" && more.length === 0;
    if (!isGood) return reading.refuse(node, this.expected);
    const idleMs = idleTime.read(idle, reading);
    const toldMs = told === undefined ? 0 : toldTime.read(told, reading);
    return idleMs === undefined || toldMs === undefined ? undefined : { idleMs, toldMs };
  },
};

/** What holds before a request names its server: of the default server of its address. */
export const listenDirectives = {
  clientHeaderTimeoutMs: directive({
    name: "client_header_timeout",
    contexts: HTTP_SERVER,
    type: time({ min: "1ms" }),
    default: "60s",
    doc:
      "How long a client may take to send the whole head of a request, from its first byte on. " +
      "While a hundred connections of a worker dribble a head or a buffered body (less than 64 " +
      "bytes in each of four reads in a row, or of two that took a second), others that do are " +
      "read less often: the next time after as long again as these reads took, or a quarter of " +
      "what is left of this one, whichever is sooner, or up to a quarter less. That such a client " +
      "has left is seen then, too. nginx reads each byte.",
  }),
  clientHeaderBufferSizeBytes: directive({
    name: "client_header_buffer_size",
    contexts: HTTP_SERVER,
    type: bufferSize,
    default: "1k",
    doc:
      "Buffer a request's head is read into, and what an idle keepalive client holds. A client " +
      "whose last head was larger gets one of that size for the next, while more than half of " +
      "`buffer_memory` is free.",
  }),
  largeClientHeaderBuffers: directive({
    name: "large_client_header_buffers",
    contexts: HTTP_SERVER,
    type: buffers,
    default: "4 8k",
    doc: "How many buffers of which size a larger head may take; the request line and each field " +
      "line have to fit into one.",
  }),
  maxConnectionsPerAddress: directive({
    name: "max_connections_per_address",
    contexts: HTTP_SERVER,
    type: integer(),
    default: "0",
    doc:
      "How many connections one address may have at a listening address, in all workers together; " +
      "0 for any number. Further ones are closed before anything is read of them, so that they cost " +
      "next to nothing. Of an IPv6 address the first 64 bits count. Behind another proxy it is " +
      "that proxy's address, whatever PROXY protocol or `real_ip_header` say: leave it at 0 there. " +
      "nginx has no such bound; `limit_conn` counts requests.",
  }),
  underscoresInHeaders: directive({
    name: "underscores_in_headers",
    contexts: HTTP_SERVER,
    type: flag,
    default: "off",
    doc: "Whether fields of requests may have an underscore in their names. If not they are " +
      "dropped: CGI and its like cannot tell them from those with a hyphen. Warning: with them a " +
      "client may bring what an origin takes for a field of yours, such as `X_Forwarded_For`. The " +
      "default server's counts for all that are behind one address.",
  }),
  ignoreInvalidHeaders: directive({
    name: "ignore_invalid_headers",
    contexts: HTTP_SERVER,
    type: flag,
    default: "on",
    doc: "Whether fields of requests are dropped whose names have more than letters, digits and " +
      "hyphens in them (and underscores, with `underscores_in_headers`). Off, all names pass that " +
      "HTTP allows. Warning: an origin may read such a name as another one. Names that HTTP does not allow are 400 in any case, where nginx drops them too.",
  }),
  mergeSlashes: directive({
    name: "merge_slashes",
    contexts: HTTP_SERVER,
    type: flag,
    default: "on",
    doc: "Whether several slashes in a path are as good as one, when its location is looked for. " +
      "Warning: off, `//admin` is not at `/admin`, and an origin that merges them serves it anyway. " +
      "The default server's counts for all that are behind one address.",
  }),
  maxHeaders: directive({
    name: "max_headers",
    contexts: HTTP_SERVER,
    type: integer({ min: 1, max: 100_000 }),
    default: "1000",
    doc: "How many field lines a request's head may have.",
  }),
} satisfies Table;

/** What holds for one request, merged down to its location. */
export const clientDirectives = {
  clientBodyTimeoutMs: directive({
    name: "client_body_timeout",
    contexts: HTTP_SERVER_LOCATION,
    type: time({ min: "1ms" }),
    default: "60s",
    doc:
      "The longest time between two reads of a request's body. While many dribble they are read " +
      "less often, as `client_header_timeout` says; bodies that are streamed (`request_buffering` " +
      "off) are not.",
  }),
  clientBodyMinRate: directive({
    name: "client_body_min_rate",
    contexts: HTTP_SERVER_LOCATION,
    type: size(),
    default: "128",
    doc: "Bytes a second that a request body which is buffered has to come with at least while " +
      "it is waited for; 0 for no bound. A client may be behind by `client_body_timeout`, and is " +
      "timed out (408) then; what came faster is no credit for later. So a body of 16 KB takes at " +
      "most three minutes, where one byte a minute would hold its connection for days. Bodies " +
      "that are streamed (`request_buffering` off) are not held to it. nginx has no such bound.",
  }),
  clientMaxBodySizeBytes: directive({
    name: "client_max_body_size",
    contexts: HTTP_SERVER_LOCATION,
    type: size(),
    default: "1m",
    doc: "The largest request body; 0 for any. A larger one is answered with 413.",
  }),
  clientBodyBufferSizeBytes: directive({
    name: "client_body_buffer_size",
    contexts: HTTP_SERVER_LOCATION,
    type: size({ min: "1k", max: "60k" }),
    default: "16k",
    doc:
      "A request body up to this size is kept in memory until it is sent to the peer; a larger " +
      "one in a temporary file.",
  }),
  clientBodyTempPath: directive({
    name: "client_body_temp_path",
    contexts: HTTP_SERVER_LOCATION,
    type: folder,
    default: "/tmp",
    doc: "Folder of the temporary files of request bodies. They have no name once they are open, " +
      "so the folder stays empty and levels of subfolders, which nginx has, would hold nothing.",
  }),
  clientBodyInFileOnly: directive({
    name: "client_body_in_file_only",
    contexts: HTTP_SERVER_LOCATION,
    type: choice(["off", "on", "clean"]),
    default: "off",
    doc: "Whether every request body that is passed on is put into a file with a name " +
      "(`$request_body_file`), which stays (`on`) or is removed after the request (`clean`).",
  }),
  limitRate: directive({
    name: "limit_rate",
    contexts: [...HTTP_SERVER_LOCATION, "location_if"],
    type: sizeTemplate,
    default: "0",
    doc: "Bytes a second that one response is sent to the client at; 0 for no limit. A text with " +
      "$variables is looked at once, when the response begins. It is sent evenly; nginx lets a " +
      "second's worth pass at once.",
  }),
  limitRateAfterBytes: directive({
    name: "limit_rate_after",
    contexts: [...HTTP_SERVER_LOCATION, "location_if"],
    type: size(),
    default: "0",
    doc: "Bytes of a response that are sent before `limit_rate` counts.",
  }),
  sendTimeoutMs: directive({
    name: "send_timeout",
    contexts: HTTP_SERVER_LOCATION,
    type: time({ min: "1ms" }),
    default: "60s",
    doc: "The longest time between two writes to the client.",
  }),
  sendMinRate: directive({
    name: "send_min_rate",
    contexts: HTTP_SERVER_LOCATION,
    type: size(),
    default: "128",
    doc: "Bytes a second that a client has to take at least while something waits to be sent to " +
      "it; 0 for no bound. It may be behind by `send_timeout`, and its connection is closed then; " +
      "what it took faster is no credit for later. So a client that takes a byte a minute does " +
      "not hold a response, and its buffers and files, for ever. The time in which there is " +
      "nothing to send does not count. nginx has no such bound.",
  }),
  keepaliveTimeout: directive({
    name: "keepalive_timeout",
    contexts: HTTP_SERVER_LOCATION,
    type: keepaliveTimes,
    default: "75s",
    example: { yaml: "[75s, 60s]", nginx: "75s 60s" },
    doc: "How long a client's connection may be idle between requests; 0 closes it after each. A " +
      "second time is what clients are told, in a `Keep-Alive` field.",
  }),
  keepaliveTimeMs: directive({
    name: "keepalive_time",
    contexts: HTTP_SERVER_LOCATION,
    type: time({ min: "1ms" }),
    default: "1h",
    doc: "How old a client's connection may be and still be kept after a request.",
  }),
  keepaliveRequests: directive({
    name: "keepalive_requests",
    contexts: HTTP_SERVER_LOCATION,
    type: integer({ min: 1 }),
    default: "1000",
    doc: "How many requests a client's connection may carry.",
  }),
  lingeringClose: directive({
    name: "lingering_close",
    contexts: HTTP_SERVER_LOCATION,
    type: choice(["off", "on", "always"]),
    default: "on",
    doc: "Whether what a client still sends is read and thrown away before its connection is " +
      "closed, so that it gets to see the response.",
  }),
  lingeringTimeMs: directive({
    name: "lingering_time",
    contexts: HTTP_SERVER_LOCATION,
    type: time(),
    default: "30s",
    doc: "How long that may go on.",
  }),
  lingeringTimeoutMs: directive({
    name: "lingering_timeout",
    contexts: HTTP_SERVER_LOCATION,
    type: time(),
    default: "5s",
    doc: "How long it waits for more each time.",
  }),
  chunkedTransferEncoding: directive({
    name: "chunked_transfer_encoding",
    contexts: HTTP_SERVER_LOCATION,
    type: flag,
    default: "on",
    doc: "Whether a body whose length is not known is sent in chunks to clients of HTTP/1.1. If " +
      "not, the end of the connection is its end, and there are no trailers.",
  }),
  serverTokens: directive({
    name: "server_tokens",
    contexts: HTTP_SERVER_LOCATION,
    type: flag,
    default: "on",
    doc: "Whether the `Server` field and error pages tell the version.",
  }),
} satisfies Table;
