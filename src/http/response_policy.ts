/**
 * What holds for the responses of a location, whoever makes them: `add_header`,
 * `error_page`, `max_ranges`.
 *
 * @module
 */
import type { Template } from "../log/mod.ts";
import { bytesOf, fieldId, type HeadWriter, identify } from "../wire/mod.ts";
import type { AddHeaderConf, ErrorPageConf, RedirectsConf, ResponseConf } from "./response_conf.ts";
import type { Variables } from "./configured_variables.ts";
import { bytesOfUnits, byteText, fieldSafe } from "./field_text.ts";
import type { Request } from "./request.ts";
import { UserId } from "./user_id.ts";
import { compressesAny, Reshaper, SAFE_STATUSES } from "./reshape.ts";

/** `max_ranges` where nothing is set. */
export const DEFAULT_MAX_RANGES = 1_000;

/** nginx's own statuses, which a client knows as 400. */
const TOLD_AS_400: ReadonlySet<number> = new Set([494, 495, 496, 497]);

/** An `error_page`, compiled. */
export interface ErrorPage {
  /** What the client is told: 0 for what the page's own answer says; undefined for the error. */
  readonly status: number | undefined;
  /** A path, `@name`, or the URL of a redirect. */
  readonly target: Template<Request>;
}

interface AddedHeader {
  /** The whole line where the value is constant. */
  readonly line: Uint8Array | undefined;
  readonly prefix: Uint8Array;
  readonly value: Template<Request>;
  readonly always: boolean;
  /** The field of this id that a peer sent is replaced; OTHER: nothing is. */
  readonly replaces: number;
}

/** Undefined where nothing of it is configured: such locations pay nothing. */
export class ResponsePolicy {
  readonly maxRanges: number;
  readonly redirects: RedirectsConf;
  /** `recursive_error_pages`. */
  readonly isRecursive: boolean;
  /** Undefined where no filter is configured. */
  readonly reshaper: Reshaper | undefined;
  /** Undefined for `userid off`. */
  readonly userId: UserId | undefined;
  readonly #errorPages = new Map<number, ErrorPage>();
  readonly #added: readonly AddedHeader[];
  readonly #replacesAny: boolean;

  constructor(conf: ResponseConf, variables: Variables) {
    this.maxRanges = conf.maxRanges;
    this.redirects = conf.redirects;
    this.isRecursive = conf.recursiveErrorPages;
    if (conf.userId !== undefined) this.userId = new UserId(conf.userId, variables);
    if (reshapesAny(conf)) this.reshaper = new Reshaper(conf, variables);
    for (const page of conf.errorPages) {
      for (const status of page.statuses) {
        // The first one of a status counts, as in nginx.
        if (this.#errorPages.has(status)) continue;
        this.#errorPages.set(status, compilePage(status, page, variables));
      }
    }
    this.#added = conf.addHeaders.map((header) => compileHeader(header, variables));
    this.#replacesAny = this.#added.some(({ replaces }) => replaces !== fieldId.OTHER);
  }

  errorPage(status: number): ErrorPage | undefined {
    return this.#errorPages.get(status);
  }

  get addsHeaders(): boolean {
    return this.#added.length > 0 || this.userId !== undefined;
  }

  /** Hides in `fates` what {@linkcode writeHeaders} takes the place of. */
  hideReplaced(status: number, fates: Uint8Array): Uint8Array {
    if (!this.#replacesAny) return fates;
    const result = fates.slice();
    for (const { replaces, always } of this.#added) {
      if (replaces !== fieldId.OTHER && (always || SAFE_STATUSES.has(status))) result[replaces] = 1;
    }
    return result;
  }

  /** Writes the lines of `add_header` and `userid` that apply to a response of this status. */
  writeHeaders(request: Request, status: number, into: HeadWriter): void {
    if (request.depth === 0) this.userId?.writeFields(request, into);
    for (const { line, prefix, value, always } of this.#added) {
      if (!always && !SAFE_STATUSES.has(status)) continue;
      if (line !== undefined) {
        into.constant(line);
        continue;
      }
      const text = fieldSafe(value.render(request));
      if (text === "") continue; // an empty value adds nothing
      into.constant(prefix);
      into.text(text);
      into.crlf();
    }
  }
}

/** Whether a filter is configured. */
export function reshapesAny(
  { compression, expires, trailers, charset }: ResponseConf,
): boolean {
  return compressesAny(compression) || expires !== undefined || trailers.length > 0 ||
    charset !== undefined;
}

function compilePage(
  error: number,
  { status, target }: ErrorPageConf,
  variables: Variables,
): ErrorPage {
  return {
    status: status ?? (TOLD_AS_400.has(error) ? 400 : undefined),
    target: variables.compile(byteText(target)),
  };
}

function compileHeader(
  { name, value, always }: AddHeaderConf,
  variables: Variables,
): AddedHeader {
  const lower = bytesOf(name.toLowerCase());
  const id = identify(lower, 0, lower.length);
  const isSingle = id === fieldId.ETAG || id === fieldId.LAST_MODIFIED;
  const compiled = variables.compile(byteText(value));
  const isReady = compiled.isConstant && value !== "";
  return {
    line: isReady ? bytesOfUnits(`${name}: ${fieldSafe(byteText(value))}\r\n`) : undefined,
    prefix: bytesOf(`${name}: `),
    value: compiled,
    always,
    replaces: isSingle ? id : fieldId.OTHER,
  };
}
