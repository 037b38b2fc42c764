/**
 * `$request_id`: 128 random bits that a request and all that belongs to it are known by.
 *
 * @module
 */
import type { Request } from "./request.ts";

/** Where it is among a request's values; those that the configuration defines come behind it. */
export const REQUEST_ID_SLOT = 0;

const ID_BYTES = 16;
/** Ids that are drawn at once: asking for each would cost more than all the rest. */
const DRAWN = 256;

const drawn = new Uint8Array(DRAWN * ID_BYTES);
let used = drawn.length;

/** Made when it is first asked for; subrequests have that of their request. */
export function requestId(request: Request): string {
  return (request.values ??= [])[REQUEST_ID_SLOT] ??= draw();
}

function draw(): string {
  if (used === drawn.length) {
    crypto.getRandomValues(drawn);
    used = 0;
  }
  const start = used;
  used += ID_BYTES;
  return drawn.subarray(start, used).toHex();
}
