/**
 * The answers of the proxy itself.
 *
 * @module
 */
import { STATUS_TEXT } from "@std/http/status";
import { bytesOf, type HeadWriter } from "../wire/mod.ts";
import { formatHttpDate } from "./http_date.ts";
import type { Client } from "./client.ts";

/** As `server_tokens` has it. */
export const SERVER_NAME = "sluice";
export const SERVER_VERSION = "0.1.0";

/** Reason phrases that nginx words in its own way, or that the table does not have. */
const REASONS: Readonly<Record<number, string>> = {
  302: "Moved Temporarily",
  405: "Not Allowed",
  408: "Request Time-out",
  413: "Request Entity Too Large",
  414: "Request-URI Too Large",
  416: "Requested Range Not Satisfiable",
  499: "Client Closed Request",
  503: "Service Temporarily Unavailable",
  504: "Gateway Time-out",
};

export function reasonOf(status: number): string {
  return REASONS[status] ?? STATUS_TEXT[status] ?? "Unknown";
}

/** What a page says where that is not the reason phrase: as nginx's pages have it. */
const TITLES: Readonly<Record<number, string>> = { 302: "Found", 401: "Authorization Required" };

export interface SimpleResponse {
  readonly status: number;
  readonly body: Uint8Array;
  /** Empty for none. */
  readonly contentType: string;
  /** Writes further field lines. */
  readonly writeFields?: (writer: HeadWriter) => void;
  /** Whether the body's length is not told, since a filter changes it. */
  readonly isLengthUnknown?: boolean;
  /** Called right before the head is written. */
  readonly prepare?: () => void;
  /** Whether the connection is not to carry another request: where this one ends is in doubt. */
  readonly endsConnection?: boolean;
}

/** Statuses that nginx ends the connection with, whatever answers in their place. */
export const ENDS_CONNECTION: ReadonlySet<number> = new Set([400, 413, 414, 431, 500, 501]);

/** A plain page that says the status, in the manner of nginx. */
export function errorPage(status: number, serverTokens: boolean): SimpleResponse {
  const title = `${status} ${TITLES[status] ?? reasonOf(status)}`;
  const server = serverTokens ? `${SERVER_NAME}/${SERVER_VERSION}` : SERVER_NAME;
  const html = `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n` +
    `<center><h1>${title}</h1></center>\r\n<hr><center>${server}</center>\r\n</body>\r\n</html>\r\n`;
  return {
    status,
    body: bytesOf(html),
    contentType: "text/html",
    endsConnection: ENDS_CONNECTION.has(status),
  };
}

/** For whoever comes while there is too much to do: a burst is over by then. */
export const RETRY_AFTER = bytesOf("Retry-After: 5\r\n");

/** The page of a 503 that is over soon. */
export function busyPage(serverTokens: boolean): SimpleResponse {
  return { ...errorPage(503, serverTokens), writeFields: (into) => into.constant(RETRY_AFTER) };
}

/**
 * Sends a small response of our own. Nothing of another one may have been sent. Where
 * there is no memory for it the connection is cut, which tells the client as much.
 */
export function sendSimple(client: Client, response: SimpleResponse): void {
  const { status, body, contentType, writeFields } = response;
  const hasBody = client.head.method !== "HEAD" && status !== 204 && status !== 304;
  const server = client.conf.serverTokens ? `${SERVER_NAME}/${SERVER_VERSION}` : SERVER_NAME;
  if (response.endsConnection) client.isDraining = true;
  client.response.drop();
  if (!client.response.prepare()) return client.response.cutShort();
  const buf = client.context.pool.acquire(Math.max(1, body.length), "own response");
  if (buf === undefined) return client.response.cutShort();
  try {
    buf.cell.set(body);
    buf.last = body.length;
    response.prepare?.();
    const bodyBytes = response.isLengthUnknown ? -1 : body.length;
    client.response.writeHead(status, bodyBytes, hasBody, (writer) => {
      writer.text(`HTTP/1.1 ${status} ${reasonOf(status)}`);
      writer.crlf();
      writer.text(`Server: ${server}`);
      writer.crlf();
      writer.text(`Date: ${formatHttpDate(client.context.deadlines.clock.wallMs())}`);
      writer.crlf();
      if (status !== 204 && status !== 304) {
        if (contentType !== "") {
          writer.text(`Content-Type: ${contentType}`);
          writer.crlf();
        }
        if (bodyBytes >= 0) {
          writer.text(`Content-Length: ${body.length}`);
          writer.crlf();
        }
      }
      writeFields?.(writer);
    });
    client.response.send(buf, true);
  } finally {
    buf.release(); // when it is sent
  }
}
