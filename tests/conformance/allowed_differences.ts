/**
 * Where a response of Sluice may differ from nginx's to the same request under the same
 * configuration: the one list of it, each with its reason.
 *
 * @module
 */
import { gunzipSync } from "node:zlib";
import { latin1 } from "../support/inbox.ts";

/** A response as the comparison sees it: the head's lines and the body's bytes as Latin-1. */
export interface Seen {
  /** Status line and field lines, in order. */
  readonly head: readonly string[];
  readonly body: string;
}

/** A way of writing both responses that leaves a difference out. */
export interface Allowed {
  readonly what: string;
  readonly why: string;
  readonly alike: (seen: Seen) => Seen;
}

export const ALLOWED: readonly Allowed[] = [
  {
    what: "the value of Date, and of an Expires that is counted from it",
    why: "it is the time of day",
    alike: ({ head, body }) => ({
      head: head.map((line) =>
        line.replace(/^(Date): .*/i, "$1: …")
          // The year of this test's files is told as it is.
          .replace(/^(Expires): \w+, \d+ \w+ (?!19|2037).*/i, "$1: …")
      ),
      body,
    }),
  },
  {
    what: "the value of Server, and the name at the foot of error pages",
    why: "they are the names of two programs",
    alike: ({ head, body }) => ({
      head: head.map((line) => line.replace(/^(Server): (?:nginx|sluice)(?:\/\S+)?$/i, "$1: …")),
      body: body.replace(/<center>(?:nginx|sluice)(?:\/[\d.]+)?<\/center>/i, "<center>…</center>"),
    }),
  },
  {
    what: "the bytes of a body that was compressed on its way",
    why: "there are many ways to compress a text; what counts is what it is compressed from",
    alike: ({ head, body }) => {
      const isGzip = head.some((line) => /^Content-Encoding: gzip$/i.test(line)) &&
        // A range of a compressed file is no whole.
        body.startsWith("\x1f\x8b") && /^HTTP\/1\.1 200/.test(head[0] ?? "");
      if (!isGzip) return { head, body };
      const bytes = Uint8Array.from(body, (character) => character.charCodeAt(0));
      return { head, body: latin1(gunzipSync(bytes)) };
    },
  },
  {
    what: "the text between the parts of several ranges",
    why: "any text does that the parts do not have: nginx counts, Sluice draws",
    alike: ({ head, body }) => {
      const line = head.find((line) => /^Content-Type: multipart\/byteranges/i.test(line)) ?? "";
      const [, boundary = ""] = /boundary=(\S+)/.exec(line) ?? [];
      if (boundary === "") return { head, body };
      const same = (text: string) => text.replaceAll(boundary, "BOUNDARY");
      return { head: head.map(same), body: same(body) };
    },
  },
  {
    what: "the reason phrase of statuses that nginx has no words for",
    why: "the standards have some, and a reader is helped by them",
    alike: ({ head: [status = "", ...fields], body }) => ({
      head: [status.replace(UNWORDED, "$1"), ...fields],
      body,
    }),
  },
  {
    what: "the length of error pages, and so of the answers to HEAD in their place",
    why: "it has the name of the program in it",
    alike: ({ head, body }) => {
      const isPage = /^HTTP\/1\.1 [345]/.test(head[0] ?? "") &&
        head.includes("Content-Type: text/html") &&
        (body === "" || /^<html>\r\n<head>.*<center>…<\/center>/s.test(body));
      const blurred = head.map((line) => line.replace(/^(Content-Length): \d+$/, "$1: …"));
      return { head: isPage ? blurred : head, body };
    },
  },
  {
    what: "the order of fields with different names",
    why: "it means nothing (RFC 9110, 5.3), and the peer's are passed on in its own order",
    alike: ({ head: [status = "", ...fields], body }) => ({
      head: [
        status,
        ...fields.toSorted((a, b) => nameOf(a) < nameOf(b) ? -1 : nameOf(a) > nameOf(b) ? 1 : 0),
      ],
      body,
    }),
  },
];

/** Of a status line: everything up to the reason, for those that nginx leaves without. */
const UNWORDED =
  /^(HTTP\/1\.1 (?:203|205|226|300|305|407|417|418|42[2-8]|431|451|506|508|510|511) ).*$/;

function nameOf(line: string): string {
  return line.slice(0, line.indexOf(":")).toLowerCase();
}

/** A pair of responses that may differ as a whole. */
export interface Excused {
  readonly what: string;
  readonly why: string;
  /** @param request As it was sent. */
  readonly covers: (request: string, nginx: Seen, sluice: Seen) => boolean;
}

export const EXCUSED: readonly Excused[] = [
  {
    what: "conditions of requests for what return says",
    why:
      "it has neither ETag nor Last-Modified that they could be about: nginx answers 304, to a " +
      "PUT even, or 412",
    covers: (request, nginx, sluice) =>
      /^If-(?:None-Match|Match|Modified-Since|Unmodified-Since):/m.test(request) &&
      /^HTTP\/1\.1 (?:304|412)/.test(nginx.head[0] ?? "") &&
      /^HTTP\/1\.1 200/.test(sluice.head[0] ?? "") &&
      !sluice.head.some((line) => /^(?:ETag|Last-Modified):/i.test(line)),
  },
  {
    what: "fields of add_header and expires with 416",
    why:
      "nginx has added them before it looks at the range; a refusal that may be kept for a day " +
      "is no help",
    covers: (_request, nginx, sluice) =>
      /^HTTP\/1\.1 416/.test(sluice.head[0] ?? "") && nginx.body === sluice.body &&
      sluice.head.every((line) => nginx.head.includes(line)),
  },
  {
    what: "Vary with 412",
    why: "nginx tells it where a compressed file lies beside the one that was asked for, of a " +
      "page that is always the same",
    covers: (_request, nginx, sluice) =>
      /^HTTP\/1\.1 412/.test(sluice.head[0] ?? "") && nginx.body === sluice.body &&
      nginx.head.filter((line) => line !== "Vary: Accept-Encoding").join() === sluice.head.join(),
  },
];
