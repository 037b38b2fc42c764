/**
 * `empty_gif`: one transparent pixel.
 *
 * @module
 */
import { bytesOf } from "../wire/mod.ts";
import { precondition } from "./preconditions.ts";
import { refuse, sendOwn } from "./redirect.ts";
import type { Request } from "./request.ts";
import { isGetOrHead } from "./stub_status.ts";
import type { Handler } from "./worker.ts";

const METHOD_NOT_ALLOWED = 405;
const NOTHING = new Uint8Array();
/** nginx's. */
const MODIFIED_S = Date.UTC(1970, 8, 28, 6) / 1_000;
const LAST_MODIFIED = bytesOf(
  `Last-Modified: ${new Date(MODIFIED_S * 1_000).toUTCString()}\r\n`,
);

/** 1 by 1, of two colours, the one that is there transparent (GIF89a). */
const PIXEL = Uint8Array.of(
  ...bytesOf("GIF89a"),
  ...[1, 0, 1, 0, 0x80, 1, 0, 0, 0, 0, 0xff, 0xff, 0xff],
  ...[0x21, 0xf9, 4, 1, 0, 0, 1, 0, 0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0],
  ...[2, 2, 0x4c, 1, 0, 0x3b],
);

export class EmptyGif implements Handler {
  handle(request: Request): void {
    if (!isGetOrHead(request)) return refuse(request, METHOD_NOT_ALLOWED);
    const { ifModifiedSince } = request.files?.conf ?? { ifModifiedSince: "exact" };
    const status = precondition(request.head.fields, "", MODIFIED_S, ifModifiedSince);
    if (status === 412) return refuse(request, status);
    sendOwn(request, {
      status,
      body: status === 304 ? NOTHING : PIXEL,
      contentType: "image/gif",
      writeFields: (into) => into.constant(LAST_MODIFIED),
    });
  }
}
