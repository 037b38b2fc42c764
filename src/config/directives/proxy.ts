/** Directives about passing requests on. @module */
import type { NextUpstreamCondition } from "../../upstream/conf.ts";
import { directive, HTTP_SERVER_LOCATION, type Table } from "../directive.ts";
import { proxyBufferDirectives } from "./proxy_buffers.ts";
import { proxyHeaderDirectives } from "./proxy_headers.ts";
import { proxySslDirectives } from "./proxy_ssl.ts";
import {
  choice,
  choices,
  fieldName,
  fieldValue,
  flag,
  integer,
  locatedTemplate,
  mapOf,
  size,
  time,
} from "../types.ts";

const CONDITIONS: readonly NextUpstreamCondition[] = [
  "error",
  "timeout",
  "invalid_header",
  "http_403",
  "http_404",
  "http_429",
  "http_500",
  "http_502",
  "http_503",
  "http_504",
  "non_idempotent",
];

export const proxyDirectives = {
  pass: directive({
    name: "proxy_pass",
    yaml: "proxy.pass",
    contexts: ["location"],
    merge: "own",
    type: locatedTemplate(
      "URL",
      'a URL such as "http://app", "http://127.0.0.1:9001/path" or "http://unix:/run/app.sock:/path"',
    ),
    example: { yaml: "http://app", nginx: "http://app" },
    doc:
      "Where requests go: a group of `upstreams` or an address. With a path (even `/` alone) it " +
      "replaces the part of the request's path that the location matched. With variables it is made " +
      "for each request: the name of a group, or an address, or a name that the `resolver` looks " +
      "up; a path in it is the whole of what the peer is asked for. Variables that clients choose " +
      "let them choose where requests go.",
  }),
  connectTimeoutMs: directive({
    name: "proxy_connect_timeout",
    yaml: "proxy.connect_timeout",
    contexts: HTTP_SERVER_LOCATION,
    type: time({ min: "1ms" }),
    default: "60s",
    doc: "The longest wait for a connection to a peer.",
  }),
  sendTimeoutMs: directive({
    name: "proxy_send_timeout",
    yaml: "proxy.send_timeout",
    contexts: HTTP_SERVER_LOCATION,
    type: time({ min: "1ms" }),
    default: "60s",
    doc: "The longest time between two writes to the peer.",
  }),
  readTimeoutMs: directive({
    name: "proxy_read_timeout",
    yaml: "proxy.read_timeout",
    contexts: HTTP_SERVER_LOCATION,
    type: time({ min: "1ms" }),
    default: "60s",
    doc: "The longest time between two reads from the peer.",
  }),
  bufferSizeBytes: directive({
    name: "proxy_buffer_size",
    yaml: "proxy.buffer_size",
    contexts: HTTP_SERVER_LOCATION,
    type: size({ min: "512", max: "64k" }),
    default: "8k",
    doc: "Buffer for the head of a response and the first part of its body. A head that does not " +
      "fit is an error.",
  }),
  ...proxyBufferDirectives,
  ...proxySslDirectives,
  nextUpstream: directive({
    name: "proxy_next_upstream",
    yaml: "proxy.next_upstream",
    contexts: HTTP_SERVER_LOCATION,
    type: choices(CONDITIONS),
    default: "error timeout",
    example: { yaml: "[error, timeout, http_502]", nginx: "error timeout http_502" },
    doc:
      "When a request is given to another peer. Never once a part of a response was sent to the " +
      "client; and after POST, LOCK or PATCH was sent to a peer only with `non_idempotent`.",
  }),
  nextUpstreamTries: directive({
    name: "proxy_next_upstream_tries",
    yaml: "proxy.next_upstream_tries",
    contexts: HTTP_SERVER_LOCATION,
    type: integer(),
    default: "0",
    doc: "How many peers are tried in all; 0 for as many as there are.",
  }),
  nextUpstreamTimeoutMs: directive({
    name: "proxy_next_upstream_timeout",
    yaml: "proxy.next_upstream_timeout",
    contexts: HTTP_SERVER_LOCATION,
    type: time(),
    default: "0",
    doc: "After this long no other peer is tried; 0 for no such limit.",
  }),
  ignoreClientAbort: directive({
    name: "proxy_ignore_client_abort",
    yaml: "proxy.ignore_client_abort",
    contexts: HTTP_SERVER_LOCATION,
    type: flag,
    default: "off",
    doc: "Whether the exchange with the peer goes on though the client has left.",
  }),
  setHeaders: directive({
    name: "proxy_set_header",
    yaml: "proxy.set_header",
    contexts: HTTP_SERVER_LOCATION,
    type: mapOf(
      "map of fields to text with $variables",
      'a map of fields to values, such as {X-Real-IP: "$remote_addr"}',
      fieldValue,
      (name) => fieldName.test(name),
      "the name of a field",
    ),
    example: {
      yaml: "{ Host: $host, X-Forwarded-For: $proxy_add_x_forwarded_for }",
      nginx: "Host $host",
    },
    doc:
      "Fields set in the request to the peer, by name; an empty value leaves a field out. Where it " +
      "is set it replaces all of the level around it. `Host` is `$proxy_host` if it is not set here.",
  }),
  ...proxyHeaderDirectives,
  httpVersion: directive({
    name: "proxy_http_version",
    yaml: "proxy.http_version",
    contexts: HTTP_SERVER_LOCATION,
    type: choice(["1.0", "1.1"]),
    default: "1.1",
    doc: "The version of HTTP towards the peer.",
  }),
} satisfies Table;
