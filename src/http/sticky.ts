/**
 * `sticky`: a client's requests go to the peer that those before them went to.
 *
 * @module
 */
import type { Template } from "../log/mod.ts";
import type { Selection, StickyConf, StickyCookieConf } from "../peer/mod.ts";
import type { HeadWriter } from "../wire/mod.ts";
import type { Variables } from "./configured_variables.ts";
import { byteText } from "./field_text.ts";
import type { Request } from "./request.ts";

/** A group's `sticky`, compiled. */
export class Sticky {
  readonly #cookie: StickyCookieConf | undefined;
  readonly #routes: readonly Pick<Template<Request>, "render">[];

  constructor(conf: StickyConf, variables: Variables) {
    this.#cookie = conf.kind === "cookie" ? conf : undefined;
    this.#routes = conf.kind === "cookie"
      ? [variables.compile(`\${cookie_${conf.name}}`)]
      : conf.texts.map((text) => variables.compile(byteText(text)));
  }

  /** The `id` of the peer that a request is bound to; empty: of none. */
  boundTo(request: Request): string {
    for (const route of this.#routes) {
      const id = route.render(request);
      if (id !== "") return id;
    }
    return "";
  }

  /** Tells a client where its requests go from now on, unless it knows. */
  writeCookie({ boundTo, tried }: Selection, writer: HeadWriter): void {
    const id = tried.at(-1)?.id;
    if (this.#cookie === undefined || id === undefined) return;
    if (id === boundTo && this.#cookie.expiresMs === undefined) return;
    writer.text(`Set-Cookie: ${cookieText(this.#cookie, id)}`);
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
