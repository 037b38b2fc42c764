/** Directives about the coding of responses. @module */
import type { ProxiedCondition } from "../../http/response_conf.ts";
import { type ArgumentType, directive, HTTP_SERVER_LOCATION, type Table } from "../directive.ts";
import { wordsOf } from "../node.ts";
import { choice, choices, flag, integer, size } from "../types.ts";
import { buffers } from "./client.ts";

const EXPECTED_TYPES = 'media types such as "text/css application/json", or "*" for all';
const MEDIA_TYPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+$/;

/** Media types besides `text/html`, which is always one of them, as in nginx. */
export const mediaTypes: ArgumentType<ReadonlySet<string>> = {
  label: "media types",
  expected: EXPECTED_TYPES,
  read(node, reading): ReadonlySet<string> | undefined {
    const words = wordsOf(node);
    if (words === undefined || words.length === 0) return reading.refuse(node, EXPECTED_TYPES);
    const types = new Set(["text/html"]);
    let isGood = true;
    for (const { text, span } of words) {
      if (text === "*" || MEDIA_TYPE.test(text)) types.add(text.toLowerCase());
      else {
        reading.refusePart(span, text, `need ${EXPECTED_TYPES}`);
        isGood = false;
      }
    }
    return isGood ? types : undefined;
  },
};

const EXPECTED_REGEXES = 'regexes of User-Agent fields such as "msie6" or "MSIE [4-6]\\."';
/** nginx's word for these. */
const MSIE6 = "MSIE [4-6]\\.(?!.*SV1)";

const userAgents: ArgumentType<readonly string[]> = {
  label: "regexes of User-Agent fields",
  expected: EXPECTED_REGEXES,
  read(node, reading): readonly string[] | undefined {
    const words = wordsOf(node);
    if (words === undefined || words.length === 0) return reading.refuse(node, EXPECTED_REGEXES);
    const regexes = words.map(({ text, span }) => {
      const regex = text === "msie6" ? MSIE6 : text;
      try {
        return new RegExp(regex, "i").source;
      } catch {
        return reading.refusePart(span, text, `need ${EXPECTED_REGEXES}`);
      }
    });
    return regexes.every((regex) => regex !== undefined) ? regexes : undefined;
  },
};

const PROXIED: readonly ProxiedCondition[] = [
  "expired",
  "no-cache",
  "no-store",
  "private",
  "no_last_modified",
  "no_etag",
  "auth",
  "any",
];

const TYPES_DOC = "Media types of responses that are compressed, besides `text/html`.";
const LENGTH_DOC = "Responses whose `Content-Length` is less than this stay as they are.";

export const compressionDirectives = {
  gzip: directive({
    name: "gzip",
    contexts: [...HTTP_SERVER_LOCATION, "location_if"],
    type: flag,
    default: "off",
    doc:
      "Whether responses of status 200, 403 and 404 are compressed for clients that accept that, " +
      "whoever they are from. They have no length and no ranges then, and a weak `ETag`. What a " +
      "peer sends with `proxy.buffering` off, and what a handler streams, reaches the client piece " +
      "by piece as it comes. One that is under way takes 260 KB besides its buffers.",
  }),
  gzipTypes: directive({
    name: "gzip_types",
    contexts: HTTP_SERVER_LOCATION,
    type: mediaTypes,
    default: "text/html",
    example: { yaml: "text/css application/json", nginx: "text/css application/json" },
    doc: TYPES_DOC,
  }),
  gzipMinLengthBytes: directive({
    name: "gzip_min_length",
    contexts: HTTP_SERVER_LOCATION,
    type: size(),
    default: "20",
    doc: LENGTH_DOC,
  }),
  gzipLevel: directive({
    name: "gzip_comp_level",
    contexts: HTTP_SERVER_LOCATION,
    type: integer({ min: 1, max: 9 }),
    default: "1",
    doc: "How much is done for a small result.",
  }),
  varies: directive({
    name: "gzip_vary",
    contexts: HTTP_SERVER_LOCATION,
    type: flag,
    default: "off",
    doc:
      "Whether responses that are compressed for some clients have `Vary: Accept-Encoding`. Holds for " +
      "`brotli`, `zstd`, `gunzip` and `gzip_static` too.",
  }),
  proxied: directive({
    name: "gzip_proxied",
    contexts: HTTP_SERVER_LOCATION,
    type: choices(PROXIED),
    default: "off",
    example: {
      yaml: "expired no-cache no-store private auth",
      nginx: "expired no-cache no-store private auth",
    },
    doc:
      "Which responses are compressed for requests that came through a proxy, which say so with " +
      "`Via`. Holds for all codings.",
  }),
  gzipHttpVersion: directive({
    name: "gzip_http_version",
    contexts: HTTP_SERVER_LOCATION,
    type: choice(["1.1", "1.0"]),
    default: "1.1",
    doc: "The least version of requests that responses are compressed for. Holds for all codings.",
  }),
  disable: directive({
    name: "gzip_disable",
    contexts: HTTP_SERVER_LOCATION,
    type: userAgents,
    example: { yaml: "msie6", nginx: "msie6" },
    doc: "Clients for whom nothing is compressed. `msie6` stands for old ones that could not cope.",
  }),
  gzipBuffers: directive({
    name: "gzip_buffers",
    contexts: HTTP_SERVER_LOCATION,
    type: buffers,
    default: "16 8k",
    doc:
      "Accepted, and changes nothing: a compressed response passes through cells of the pool, one or " +
      "two at a time.",
  }),
  gunzip: directive({
    name: "gunzip",
    contexts: HTTP_SERVER_LOCATION,
    type: flag,
    default: "off",
    doc: "Whether responses in gzip are decompressed for clients that do not accept them.",
  }),
  gunzipBuffers: directive({
    name: "gunzip_buffers",
    contexts: HTTP_SERVER_LOCATION,
    type: buffers,
    default: "16 8k",
    doc: "Accepted, and changes nothing, as `gzip_buffers`.",
  }),
  brotli: directive({
    name: "brotli",
    contexts: HTTP_SERVER_LOCATION,
    type: flag,
    default: "off",
    doc:
      "As `gzip`, with Brotli: for clients that accept both, this one. It is a module of its own for nginx.",
  }),
  brotliTypes: directive({
    name: "brotli_types",
    contexts: HTTP_SERVER_LOCATION,
    type: mediaTypes,
    default: "text/html",
    example: { yaml: "text/css application/json", nginx: "text/css application/json" },
    doc: TYPES_DOC,
  }),
  brotliMinLengthBytes: directive({
    name: "brotli_min_length",
    contexts: HTTP_SERVER_LOCATION,
    type: size(),
    default: "20",
    doc: LENGTH_DOC,
  }),
  brotliLevel: directive({
    name: "brotli_comp_level",
    contexts: HTTP_SERVER_LOCATION,
    type: integer({ min: 0, max: 11 }),
    default: "4",
    doc:
      "How much is done for a small result. From 7 on it holds the worker up for many ms at a time. " +
      "The module for nginx has 6.",
  }),
  zstd: directive({
    name: "zstd",
    contexts: HTTP_SERVER_LOCATION,
    type: flag,
    default: "off",
    doc:
      "As `gzip`, with Zstandard: `brotli` stands before it, `gzip` behind. It is a module of its own for nginx.",
  }),
  zstdTypes: directive({
    name: "zstd_types",
    contexts: HTTP_SERVER_LOCATION,
    type: mediaTypes,
    default: "text/html",
    example: { yaml: "text/css application/json", nginx: "text/css application/json" },
    doc: TYPES_DOC,
  }),
  zstdMinLengthBytes: directive({
    name: "zstd_min_length",
    contexts: HTTP_SERVER_LOCATION,
    type: size(),
    default: "20",
    doc: LENGTH_DOC,
  }),
  zstdLevel: directive({
    name: "zstd_comp_level",
    contexts: HTTP_SERVER_LOCATION,
    type: integer({ min: 1, max: 19 }),
    default: "1",
    doc: "How much is done for a small result.",
  }),
} satisfies Table;
