/** Directives about passing requests on. @module */
import type { NextUpstreamCondition } from "../../upstream/conf.ts";
import { type ArgumentType, directive, HTTP_SERVER_LOCATION, type Table } from "../directive.ts";
import { oneArgument } from "../nginx_form.ts";
import { proxyBufferDirectives } from "./proxy_buffers.ts";
import { proxyHeaderDirectives } from "./proxy_headers.ts";
import { proxySslDirectives } from "./proxy_ssl.ts";
import { proxyStoreDirectives } from "./proxy_store.ts";
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
  template,
  time,
} from "../types.ts";

/** A platform without SO_SNDLOWAT has the default alone. */
const noLowat: ArgumentType<number> = {
  label: "0",
  expected: "0 (the runtime has no SO_SNDLOWAT)",
  nginx: oneArgument,
  read(node, reading): number | undefined {
    return node.kind === "scalar" && node.text === "0" ? 0 : reading.refuse(node, this.expected);
  },
};

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
    contexts: ["location", "location_if"],
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
  ...proxyStoreDirectives,
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
      "client; and after a method that is not known to be idempotent, such as POST, LOCK or PATCH, " +
      "was sent to a peer only with `non_idempotent` (nginx repeats methods that it does not know). A kept " +
      "connection that breaks before a byte of the answer was stale: the request goes out again on " +
      "a fresh one under the same condition, which takes up no try and is no failure of the peer " +
      "(nginx counts a failure then, and asks the next peer, or nobody if this is `off`).",
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
      nginx: "proxy_set_header Host $host; " +
        "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
    },
    doc:
      "Fields set in the request to the peer, by name; an empty value leaves a field out. Where it " +
      "is set it replaces all of the level around it. `Host` is `$proxy_host` if it is not set here. " +
      "`Content-Length` and `Transfer-Encoding` say what the body is: they cannot be set, and are " +
      "passed over. A 101 is passed on only to a request that `Upgrade` is set in (nginx passes any), " +
      "and such a connection lasts until both sides have ended it (in nginx until one has).",
  }),
  ...proxyHeaderDirectives,
  method: directive({
    name: "proxy_method",
    yaml: "proxy.method",
    contexts: HTTP_SERVER_LOCATION,
    type: fieldValue,
    example: { yaml: "POST", nginx: "POST" },
    doc: "The method of requests to the peer, instead of the client's. Whether a request may be " +
      "repeated depends on this one; nginx looks at the client's.",
  }),
  passRequestBody: directive({
    name: "proxy_pass_request_body",
    yaml: "proxy.pass_request_body",
    contexts: HTTP_SERVER_LOCATION,
    type: flag,
    default: "on",
    doc:
      "Whether the client's request body reaches the peer. If not it is read all the same, and " +
      "the peer is told that there is none; nginx passes `Content-Length` on.",
  }),
  setBody: directive({
    name: "proxy_set_body",
    yaml: "proxy.set_body",
    contexts: HTTP_SERVER_LOCATION,
    type: template,
    example: { yaml: "'user=$remote_user'", nginx: '"user=$remote_user"' },
    doc: "A request body that the peer gets instead of the client's.",
  }),
  failureHeader: directive({
    name: "proxy_failure_header",
    yaml: "proxy.failure_header",
    contexts: HTTP_SERVER_LOCATION,
    type: flag,
    default: "off",
    doc: "Whether clients are told what went wrong on the way to their response, in the field " +
      "`X-Sluice-Failure`: what `$upstream_failure` says, which names peers. Not one of nginx's.",
  }),
  sendLowat: directive({
    name: "proxy_send_lowat",
    yaml: "proxy.send_lowat",
    contexts: HTTP_SERVER_LOCATION,
    type: noLowat,
    default: "0",
    doc:
      "Only `0` is accepted: the runtime has no SO_SNDLOWAT, and Linux does not let it be set. " +
      "Requests are sent in as few pieces as they come in.",
  }),
  httpVersion: directive({
    name: "proxy_http_version",
    yaml: "proxy.http_version",
    contexts: HTTP_SERVER_LOCATION,
    type: choice(["1.0", "1.1"]),
    default: "1.1",
    doc: "The version of HTTP towards the peer.",
  }),
} satisfies Table;
