/**
 * `gzip`, `brotli`, `zstd`, `gunzip`: whether a response is sent in another coding than it
 * has, and in which.
 *
 * @module
 */
import { type CoderKind, CodingFilter, takeCoder } from "../downstream/mod.ts";
import { bytesOf, type FieldLines } from "../wire/mod.ts";
import type { CodingConf, CompressionConf } from "./response_conf.ts";
import type { Request } from "./request.ts";

const ACCEPT_ENCODING = bytesOf("accept-encoding");
const AUTHORIZATION = bytesOf("authorization");
const USER_AGENT = bytesOf("user-agent");
const VIA = bytesOf("via");

/** Statuses of responses that are compressed: nginx's. */
const COMPRESSED: ReadonlySet<number> = new Set([200, 403, 404]);

/** What of a response's head matters. */
export interface ResponseView {
  readonly status: number;
  /** `Content-Type`; empty for none. */
  readonly type: string;
  /** -1 when it is not known. */
  readonly bodyBytes: number;
  /** Whether what is sent so far has to reach the client at once. */
  readonly flushesEach: boolean;
  /** Whether it is a page of our own: nginx tells no charset of those of redirects. */
  readonly isOwn?: boolean;
  /** The value of a field, by its name in lower case; empty where there is none. */
  field(name: string): string;
}

/** The value of a field of a head that is not written yet. */
export function fieldToBe(view: ResponseView, name: string): string {
  if (name === "content-type") return view.type;
  if (name === "content-length") return view.bodyBytes < 0 ? "" : String(view.bodyBytes);
  return view.field(name);
}

/** What becomes of a response. */
export interface Recoding {
  /** Undefined: the client could have had another coding, but does not want it. */
  readonly kind: CoderKind | undefined;
  /** Whether `Vary: Accept-Encoding` is to be told. */
  readonly varies: boolean;
}

/** A response of which nothing is known. */
const NOTHING_YET: ResponseView = {
  status: 200,
  type: "",
  bodyBytes: -1,
  flushesEach: false,
  field: () => "",
};

interface Coding {
  readonly kind: Exclude<CoderKind, "gunzip">;
  readonly conf: CodingConf;
}

/** What one location does. */
export class Compression {
  readonly #conf: CompressionConf;
  /** The ones that are on, the preferred first. */
  readonly #codings: readonly Coding[];
  readonly #disabledFor: readonly RegExp[];

  constructor(conf: CompressionConf) {
    this.#conf = conf;
    const all: readonly Coding[] = [
      { kind: "br", conf: conf.brotli },
      { kind: "zstd", conf: conf.zstd },
      { kind: "gzip", conf: conf.gzip },
    ];
    this.#codings = all.filter(({ conf }) => conf.isOn);
    this.#disabledFor = conf.disable.map((text) => new RegExp(text, "i"));
  }

  /** Undefined where the response stays as it is, whoever asks. */
  choose(request: Request, view: ResponseView): Recoding | undefined {
    if (request.depth > 0) return undefined;
    const encoding = view.field("content-encoding").toLowerCase();
    if (encoding !== "") return this.#decode(request, view, encoding);
    if (!COMPRESSED.has(view.status)) return undefined;
    const fitting = this.#codings.filter(({ conf }) => fits(conf, view));
    if (fitting.length === 0) return undefined;
    const { varies } = this.#conf;
    const { fields } = request.head;
    const at = fields.find(ACCEPT_ENCODING);
    const accepted = at < 0 ? "" : fields.value(at);
    const best = accepted === "" ? undefined : preferred(fitting, accepted);
    const isUsed = best !== undefined && this.#isFor(request, view);
    return { kind: isUsed ? best : undefined, varies };
  }

  /** `gzip_vary`. */
  get varies(): boolean {
    return this.#conf.varies;
  }

  /** Whether a request is one that gets gzip, as far as that is not about the response. */
  takesGzip(request: Request): boolean {
    const { fields } = request.head;
    const at = fields.find(ACCEPT_ENCODING);
    return request.depth === 0 && at >= 0 && qualityOf("gzip", fields.value(at)) > 0 &&
      this.#isFor(request, NOTHING_YET);
  }

  /** The filter of a coding that was chosen. */
  filterOf(request: Request, kind: CoderKind, view: ResponseView): CodingFilter {
    const coding = this.#codings.find((coding) => coding.kind === kind);
    const coder = takeCoder(kind, coding?.conf.level ?? 0);
    const { pool } = request.worker.context;
    return new CodingFilter(coder, pool, view.flushesEach, view.bodyBytes);
  }

  #decode(request: Request, view: ResponseView, encoding: string): Recoding | undefined {
    if (!this.#conf.gunzip || encoding !== "gzip") return undefined;
    const { fields } = request.head;
    const at = fields.find(ACCEPT_ENCODING);
    const accepts = at >= 0 && qualityOf("gzip", fields.value(at)) > 0 &&
      this.#isFor(request, view);
    return { kind: accepts ? undefined : "gunzip", varies: this.#conf.varies };
  }

  /** Whether client and proxies between are such as compressed responses are for. */
  #isFor(request: Request, view: ResponseView): boolean {
    const { fields, minorVersion } = request.head;
    if (minorVersion < this.#conf.minorVersion) return false;
    if (this.#disabledFor.length > 0) {
      const at = fields.find(USER_AGENT);
      const agent = at < 0 ? "" : fields.value(at);
      if (this.#disabledFor.some((regex) => regex.test(agent))) return false;
    }
    return fields.find(VIA) < 0 || this.#isForProxies(fields, view);
  }

  /** `gzip_proxied`: nginx's order. */
  #isForProxies(fields: FieldLines, view: ResponseView): boolean {
    const { proxied } = this.#conf;
    if (proxied.has("any")) return true;
    if (proxied.size === 0) return false;
    if (proxied.has("auth") && fields.find(AUTHORIZATION) >= 0) return true;
    const expires = view.field("expires");
    if (expires !== "") {
      const date = view.field("date");
      const nowMs = date === "" ? Date.now() : Date.parse(date);
      return proxied.has("expired") && Date.parse(expires) < nowMs;
    }
    const cacheControl = view.field("cache-control").toLowerCase();
    if (cacheControl !== "") {
      return (["no-cache", "no-store", "private"] as const)
        .some((word) => proxied.has(word) && cacheControl.includes(word));
    }
    if (proxied.has("no_last_modified") && view.field("last-modified") === "") return true;
    return proxied.has("no_etag") && view.field("etag") === "";
  }
}

function fits({ types, minLengthBytes }: CodingConf, { type, bodyBytes }: ResponseView): boolean {
  if (bodyBytes >= 0 && bodyBytes < minLengthBytes) return false;
  return type !== "" && (types.has("*") || types.has(mediaOf(type)));
}

/** The media type of a `Content-Type`, without parameters, in lower case. */
export function mediaOf(type: string): string {
  const semicolon = type.indexOf(";");
  return (semicolon < 0 ? type : type.slice(0, semicolon)).trim().toLowerCase();
}

/** The coding that the client likes best, of those that it takes at all. */
function preferred(codings: readonly Coding[], accepted: string): CoderKind | undefined {
  let best: CoderKind | undefined;
  let quality = 0;
  for (const { kind } of codings) {
    const own = qualityOf(kind, accepted);
    if (own > quality) [best, quality] = [kind, own];
  }
  return best;
}

/** What an `Accept-Encoding` says of a coding: 0 to 1. A star is no coding, as in nginx. */
export function qualityOf(coding: string, accepted: string): number {
  for (const part of accepted.toLowerCase().split(",")) {
    const [name = "", ...parameters] = part.split(";").map((word) => word.trim());
    if (name !== coding) continue;
    const quality = parameters.find((text) => text.startsWith("q="));
    if (quality === undefined) return 1;
    const value = Number(quality.slice(2));
    return value > 0 && value <= 1 ? value : 0;
  }
  return 0;
}

/** `$gzip_ratio`: how much longer the body was; empty where it stayed as it was. */
export function gzipRatio({ client }: Request): string {
  const { filter } = client.response;
  if (!(filter instanceof CodingFilter) || filter.madeBytes === 0) return "";
  return (filter.takenBytes / filter.madeBytes).toFixed(2);
}

/** `W/"x"` of `"x"`: the bytes are others now, what they mean is not (RFC 9110, 8.8.1). */
export function weakened(etag: string): string {
  return etag === "" || etag.startsWith("W/") ? etag : `W/${etag}`;
}
