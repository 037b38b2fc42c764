/** The admin listener. @module */
import { directive, type Settings, type Table } from "../directive.ts";
import { parameters } from "../parameters.ts";
import { choice, scalarType, withPlace } from "../types.ts";
import { listenAddress } from "./server.ts";

/** A token shorter than this is guessed. */
const TOKEN_MIN = 16;

export const adminParameters = {
  listen: directive({
    name: "listen",
    contexts: ["admin"],
    type: listenAddress,
    doc: "An address with a port, or a unix socket. Nothing else may listen there.",
  }),
  token: directive({
    name: "token",
    contexts: ["admin"],
    type: scalarType(
      "text",
      `a token of at least ${TOKEN_MIN} characters, without blanks`,
      (text) => isToken(text) ? text : undefined,
    ),
    doc: `What an asker has to know, at least ${TOKEN_MIN} characters. Rather use token_file.`,
  }),
  tokenFile: directive({
    name: "token_file",
    contexts: ["admin"],
    type: scalarType("path", "the path of a file", (text) => text === "" ? undefined : text),
    doc: "A file whose first line is the token. Read when the configuration is.",
  }),
  tokenFor: directive({
    name: "token_for",
    contexts: ["admin"],
    type: choice(["actions", "all"]),
    default: "actions",
    doc: "Whether looking needs the token too, `/healthz` and `/readyz` left out.",
  }),
} satisfies Table;

export type Admin = Settings<typeof adminParameters>;

/** Whether it can stand in a header field, and is long enough. */
export function isToken(text: string): boolean {
  return text.length >= TOKEN_MIN && /^[!-~]+$/.test(text);
}

export const adminDirectives = {
  admin: directive({
    name: "admin",
    contexts: ["main"],
    type: withPlace(
      parameters(adminParameters, ["listen"], 'an address such as "127.0.0.1:9090", and a token'),
    ),
    example: {
      yaml: "{ listen: 127.0.0.1:9090, token_file: /etc/sluice/token }",
      nginx: "127.0.0.1:9090 token_file=/etc/sluice/token",
    },
    doc: "The operator's own listener, HTTP/1.1 and HTTP/2 without TLS: keep it on loopback or a " +
      "unix socket. Off unless configured, and nothing is counted then. `/` is a page for people, " +
      "`/status` the same as JSON, `/metrics` for Prometheus; `/healthz` is 200 while the process " +
      "works, `/readyz` while it should get new traffic. `POST /reload`, `POST /reopen` and the " +
      "changes of peers need `Authorization: Bearer TOKEN`, and are refused where there is no " +
      "token. What can be asked stands in [admin](admin_api.md), what is counted in " +
      "[metrics](metrics.md).",
  }),
} satisfies Table;
