/**
 * Internal redirects: a request that is not answered where it is goes on somewhere
 * else. `error_page` and `X-Accel-Redirect` send it there; HttpServer takes it.
 *
 * @module
 */
import { ENDS_CONNECTION, errorPage, sendSimple, type SimpleResponse } from "../downstream/mod.ts";
import { BadMessage, type HeadWriter, normalizePath } from "../wire/mod.ts";
import { absoluteUrl } from "./absolute_url.ts";
import { fieldSafe } from "./field_text.ts";
import type { Request } from "./request.ts";
import {
  prepareReshaped,
  type Reshaped,
  type Reshaper,
  writeCarried,
  writeReshaped,
} from "./reshape.ts";
import { upstreamFailure } from "./variables.ts";

/** Internal redirects of one request: nginx's. One more is a cycle, and ends with 500. */
export const REDIRECTS_MAX = 10;

const INTERNAL_SERVER_ERROR = 500;
const NOT_FOUND = 404;
const FOUND = 302;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** Where a request goes on. */
export type Redirect =
  | { readonly kind: "path"; readonly path: string; readonly args: string }
  | { readonly kind: "named"; readonly name: string }
  /** It is refused; an `error_page` may take it further. */
  | { readonly kind: "refused"; readonly status: number };

/**
 * Ends a request with a status: an `error_page` if there is one for it, else a page of
 * our own. Nothing of a response may have been sent.
 *
 * @param location Where a redirect leads.
 */
export function refuse(request: Request, status: number, location = ""): void {
  const { policy } = request;
  request.isMarked = true;
  request.statusOverride = status;
  if (request.depth === 0 && ENDS_CONNECTION.has(status)) request.client.isDraining = true;
  if (policy !== undefined && !request.isOnErrorPage && request.redirectsLeft > 0) {
    if (!policy.isRecursive) request.isOnErrorPage = true;
    const page = policy.errorPage(status);
    if (page !== undefined) {
      if (page.status !== undefined) request.statusOverride = page.status;
      return toErrorPage(request, page.target.render(request));
    }
  }
  sendStatus(request, status, location);
}

/** Sends an answer of our own, with what the location adds to it. */
export function sendOwn(request: Request, response: SimpleResponse): void {
  const status = request.statusOverride === 0 ? response.status : request.statusOverride;
  const { policy, carried } = request;
  const reshaped = policy?.reshaper === undefined
    ? undefined
    : reshapeOwn(request, policy.reshaper, response, status);
  const addsNone = policy?.addsHeaders !== true && reshaped === undefined && carried.length === 0 &&
    !request.tellsFailure;
  if (addsNone && status === response.status) return sendSimple(request.client, response);
  const writeFields = (into: HeadWriter): void => {
    response.writeFields?.(into);
    writeCarried(request, reshaped, into);
    writeFailure(request, into);
    if (reshaped !== undefined) writeReshaped(reshaped, into);
    policy?.writeHeaders(request, status, into);
  };
  sendSimple(request.client, {
    ...response,
    status,
    writeFields,
    ...(reshaped === undefined ? {} : {
      contentType: reshaped.type || response.contentType,
      isLengthUnknown: reshaped.isRecoded || reshaped.isChunked,
      prepare: () => prepareReshaped(request, reshaped),
    }),
  });
}

function reshapeOwn(
  request: Request,
  reshaper: Reshaper,
  { body, contentType }: SimpleResponse,
  status: number,
): Reshaped | undefined {
  const hasBody = request.client.head.method !== "HEAD" && status !== 204 && status !== 304;
  return reshaper.reshape(request, {
    status,
    type: contentType,
    isOwn: true,
    bodyBytes: body.length,
    flushesEach: false,
    field: () => "",
  }, hasBody);
}

/** `failure_header`. */
export function writeFailure(request: Request, into: HeadWriter): void {
  const failure = request.tellsFailure ? upstreamFailure(request) : "";
  if (failure === "") return;
  into.text(`X-Sluice-Failure: ${fieldSafe(failure)}`);
  into.crlf();
}

function toErrorPage(request: Request, target: string): void {
  if (target.startsWith("@")) {
    request.next = { kind: "named", name: target };
  } else if (target.startsWith("/")) {
    request.becomeGet();
    request.next = toPath(target);
  } else {
    const status = REDIRECTS.has(request.statusOverride) ? request.statusOverride : FOUND;
    request.statusOverride = status;
    sendStatus(request, status, target);
  }
}

function sendStatus(request: Request, status: number, location: string): void {
  const page = errorPage(status, request.client.conf.serverTokens);
  if (location === "") return sendOwn(request, page);
  const safe = fieldSafe(location);
  const url = safe.startsWith("/") ? absoluteUrl(request, safe) : safe;
  sendOwn(request, {
    ...page,
    writeFields(into) {
      into.text(`Location: ${url}`);
      into.crlf();
    },
  });
}

/** A redirect to what an origin wrote into `X-Accel-Redirect`: still encoded, and not to be trusted. */
export function toUnsafeTarget(request: Request, target: string): Redirect {
  if (target.startsWith("@")) return { kind: "named", name: target };
  const question = target.indexOf("?");
  const encoded = question < 0 ? target : target.slice(0, question);
  request.becomeGet();
  try {
    // A path that normalising cuts short tries to lead out of where it belongs: nginx's rule.
    const isUnsafe = encoded === "" ||
      /(?:^|\/)\.\.(?:\/|$)/.test(decodeURIComponentBytes(encoded));
    if (!isUnsafe) {
      if (!encoded.startsWith("/")) return { kind: "refused", status: NOT_FOUND };
      const args = question < 0 ? "" : target.slice(question + 1);
      return { kind: "path", path: normalizePath(encoded), args };
    }
  } catch (error) {
    if (!(error instanceof BadMessage)) throw error;
  }
  request.report("error", `unsafe URI "${target}" was detected`);
  return { kind: "refused", status: NOT_FOUND };
}

/** Counts a redirect. Returns whether it may be followed; if not the request is refused. */
export function mayFollow(request: Request, { kind, ...where }: Redirect): boolean {
  if (kind === "refused" || --request.redirectsLeft > 0) return true;
  const to = "name" in where
    ? `redirect to named location "${where.name}"`
    : `internally redirecting to "${"path" in where ? where.path : ""}"`;
  request.report("error", `rewrite or internal redirection cycle while ${to}`);
  refuse(request, INTERNAL_SERVER_ERROR);
  return false;
}

/** A path of the configuration, with a query or without. */
export function toPath(target: string): Redirect {
  const question = target.indexOf("?");
  return question < 0
    ? { kind: "path", path: target, args: "" }
    : { kind: "path", path: target.slice(0, question), args: target.slice(question + 1) };
}

/** `%XX` as bytes, broken ones as they are: only looked at for dots and slashes. */
function decodeURIComponentBytes(text: string): string {
  return text.replace(
    /%([0-9A-Fa-f]{2})/g,
    (_, hex: string) => String.fromCharCode(parseInt(hex, 16)),
  );
}
