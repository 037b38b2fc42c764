/**
 * `sticky`: a client's requests go to the peer that those before them went to.
 *
 * @module
 */
import type { Template } from "../log/mod.ts";
import type { PeerGroup, StickyConf, StickyCookieConf } from "../peer/mod.ts";
import type { HeadWriter } from "../wire/mod.ts";
import type { KeyTable } from "../zone/mod.ts";
import type { Variables } from "./configured_variables.ts";
import { byteText } from "./field_text.ts";
import type { Request } from "./request.ts";
import { firstOf, LearnedSessions } from "./sticky_learn.ts";

/** A group's `sticky`, compiled. */
export interface Sticky {
  /** The `id` of the peer that a request is bound to; empty: of none. */
  boundTo(request: Request): string;
  /** The head of the peer's answer is there, and ours is being written. */
  onHead(request: Request, writer: HeadWriter): void;
  /** The request has been answered; not there where nothing is done then. */
  readonly onEnd?: (request: Request) => void;
}

/** Finds the memory of a zone for sessions. */
export type SessionsOf = (zone: { readonly name: string; readonly sizeBytes: number }) => KeyTable;

export function compileSticky(
  conf: StickyConf,
  group: PeerGroup,
  variables: Variables,
  sessionsOf: SessionsOf,
): Sticky {
  switch (conf.kind) {
    case "cookie":
      return new StickyCookie(conf, variables);
    case "route":
      return new StickyRoute(conf.texts, variables);
    case "learn":
      return new LearnedSessions(conf, group, variables, sessionsOf(conf.zone));
  }
}

/** The request says where it belongs. */
class StickyRoute implements Sticky {
  readonly #texts: readonly Template<Request>[];

  constructor(texts: readonly string[], variables: Variables) {
    this.#texts = texts.map((text) => variables.compile(byteText(text)));
  }

  boundTo(request: Request): string {
    return firstOf(this.#texts, request);
  }

  onHead(): void {} // the client knows already
}

/** A cookie of ours says where it belongs. */
class StickyCookie implements Sticky {
  readonly #conf: StickyCookieConf;
  readonly #value: Template<Request>;

  constructor(conf: StickyCookieConf, variables: Variables) {
    this.#conf = conf;
    this.#value = variables.compile(`\${cookie_${conf.name}}`);
  }

  boundTo(request: Request): string {
    return this.#value.render(request);
  }

  /** Tells a client where its requests go from now on, unless it knows. */
  onHead({ exchange }: Request, writer: HeadWriter): void {
    const { boundTo, tried } = exchange.selection;
    const id = tried.at(-1)?.id;
    if (id === undefined || (id === boundTo && this.#conf.expiresMs === undefined)) return;
    writer.text(`Set-Cookie: ${cookieText(this.#conf, id)}`);
    writer.crlf();
  }
}

function cookieText(conf: StickyCookieConf, id: string): string {
  const { name, expiresMs, domain, path, isHttpOnly, isSecure, sameSite } = conf;
  const attributes = [`${name}=${id}`];
  if (expiresMs !== undefined) {
    attributes.push(`expires=${new Date(Date.now() + expiresMs).toUTCString()}`);
    attributes.push(`max-age=${Math.floor(expiresMs / 1_000)}`);
  }
  if (domain !== undefined) attributes.push(`domain=${domain}`);
  if (path !== undefined) attributes.push(`path=${path}`);
  if (isHttpOnly) attributes.push("httponly");
  if (isSecure) attributes.push("secure");
  if (sameSite !== undefined) attributes.push(`samesite=${sameSite}`);
  return attributes.join("; ");
}
