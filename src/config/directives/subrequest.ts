/** Directives about requests within a request, and about functions that answer. @module */
import { type ArgumentType, directive, HTTP_SERVER_LOCATION, type Table } from "../directive.ts";
import {
  flag,
  integer,
  listOf,
  located,
  mapOf,
  orOff,
  scalarType,
  size,
  template,
  time,
} from "../types.ts";

/** A place of the same server. */
const target: ArgumentType<string> = scalarType(
  "path",
  'a path such as "/auth"',
  (text) => /^\/[\x21-\x22\x24-\x7e]*$/.test(text) ? text : undefined,
);

export const subrequestDirectives = {
  authRequest: directive({
    name: "auth_request",
    contexts: HTTP_SERVER_LOCATION,
    type: orOff(target),
    default: "off",
    example: { yaml: "/auth", nginx: "/auth" },
    doc:
      "A location of the same server that is asked first, with a request without a body. A status " +
      "of 2xx lets the request in; 401 (with its `WWW-Authenticate`) and 403 are passed on; any " +
      "other is 500.",
  }),
  authRequestSet: directive({
    name: "auth_request_set",
    contexts: HTTP_SERVER_LOCATION,
    type: mapOf(
      "map of variables to text with $variables",
      'a map of variables to values, such as {$user: "$upstream_http_x_user"}',
      template,
      (name) => /^\$[A-Za-z_]\w*$/.test(name),
      'a variable such as "$user"',
    ),
    example: {
      yaml: "{ $user: $upstream_http_x_user }",
      nginx: "$user $upstream_http_x_user",
    },
    doc:
      "Variables that are set when `auth_request` has been answered. In their values the variables " +
      "are those of that answer. They are known in the whole configuration.",
  }),
  mirror: directive({
    name: "mirror",
    contexts: HTTP_SERVER_LOCATION,
    type: orOff(listOf(target)),
    default: "off",
    example: { yaml: "[/shadow, /other]", nginx: "mirror /shadow; mirror /other;" },
    doc:
      "Locations of the same server that get a copy of each request, with its query unless they " +
      "have one of their own. Their answers are thrown away; neither the client nor its next " +
      "request waits for them.",
  }),
  mirrorRequestBody: directive({
    name: "mirror_request_body",
    contexts: HTTP_SERVER_LOCATION,
    type: flag,
    default: "on",
    doc:
      "Whether copies have the request's body. It is read before anything else is done then. A body " +
      "larger than `client_body_buffer_size` is not copied, and neither is its request.",
  }),
  mirrorLimit: directive({
    name: "mirror_limit",
    contexts: HTTP_SERVER_LOCATION,
    type: integer({ min: 1 }),
    default: "256",
    doc: "Copies of a location's requests that may be on their way at once. While there are as " +
      "many, further requests are not copied. nginx has no such bound.",
  }),
  logSubrequest: directive({
    name: "log_subrequest",
    contexts: HTTP_SERVER_LOCATION,
    type: flag,
    default: "off",
    doc: "Whether a subrequest that is answered here has a line in the access log.",
  }),
  outputBufferBytes: directive({
    name: "subrequest_output_buffer_size",
    contexts: HTTP_SERVER_LOCATION,
    type: size({ min: "1k", max: "64m" }),
    default: "8k",
    doc: "The largest body of an answer to a subrequest whose body is looked at. A larger one is " +
      "an error, and not cut.",
  }),
} satisfies Table;

export const handlerDirectives = {
  handler: directive({
    name: "handler",
    contexts: ["location", "location_if"],
    merge: "own",
    type: located("name", "the name of a handler"),
    example: { yaml: "hello", nginx: "hello" },
    doc:
      "A function of the program that embeds Sluice (`mod.ts`) answers. nginx has no such thing.",
  }),
  timeoutMs: directive({
    name: "handler_timeout",
    contexts: HTTP_SERVER_LOCATION,
    type: time({ min: "1ms" }),
    default: "60s",
    doc: "How long such a function may take to answer, and then for each next piece of a stream. " +
      "nginx has no such thing.",
  }),
} satisfies Table;
