/**
 * What has happened at a peer since it is known: numbers that only grow, in slots of an
 * array, so that many workers can each count in one of their own and sums be read.
 *
 * @module
 */

/** Attempts that have ended, those that the client gave up included. */
export const REQUESTS = 0;
/** Answers by the first digit of their status: 1xx in the slot behind this one. */
export const ANSWERS = 0;
/** Attempts without a usable answer, by the classes of `next_upstream`. */
export const ERRORS = 6;
export const TIMEOUTS = 7;
export const INVALID_HEADERS = 8;
/** Sum over the answers of the time to their heads, in ms. */
export const HEADER_MS = 9;
/** Likewise to their last bytes. */
export const RESPONSE_MS = 10;
export const BYTES_SENT = 11;
export const BYTES_RECEIVED = 12;
/** Checks (`health_check`), and those of them that failed. */
export const CHECKS = 13;
export const CHECK_FAILURES = 14;
/** Times that it was taken out: by `max_fails`, by a check, by `outlier_detection`. */
export const DISABLED = 15;
export const CHECKED_OUT = 16;
export const EJECTIONS = 17;
const SLOTS = 18;

/** How an attempt ended. Times are in ms; -1: it did not get there. */
export interface AttemptEnd {
  /** 0: the client ended it before its answer. */
  readonly status: number;
  /** A class of `next_upstream`, if it is one. */
  readonly failure: string | undefined;
  readonly headerMs: number;
  readonly responseMs: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

export function newTally(): Float64Array {
  return new Float64Array(SLOTS);
}

/** Counts an attempt that has ended. */
export function count(tally: Float64Array, end: AttemptEnd): void {
  tally[REQUESTS]! += 1;
  tally[BYTES_SENT]! += end.bytesSent;
  tally[BYTES_RECEIVED]! += end.bytesReceived;
  const failed = slotOf(end.failure);
  if (failed >= 0) {
    tally[failed]! += 1;
  } else if (end.status !== 0) {
    tally[ANSWERS + Math.floor(end.status / 100)]! += 1;
    tally[HEADER_MS]! += end.headerMs;
    tally[RESPONSE_MS]! += end.responseMs;
  }
}

/** -1: it was answered, whatever that was, or the client ended it. */
function slotOf(failure: string | undefined): number {
  switch (failure) {
    case "error":
      return ERRORS;
    case "timeout":
      return TIMEOUTS;
    case "invalid_header":
      return INVALID_HEADERS;
    default:
      return -1;
  }
}
