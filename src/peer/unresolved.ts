/**
 * What a name becomes that cannot be looked up.
 *
 * @module
 */

/** No answer in time: errno's number, as nginx has it. */
export const TIMED_OUT = 110;
/** The name does not exist, or has no address. */
export const NOT_FOUND = 3;
/** The server could not find out. */
export const SERVER_FAILURE = 2;

/** RFC 1035's codes in nginx's words. */
const TEXTS: Readonly<Record<number, string>> = {
  1: "Format error",
  2: "Server failure",
  3: "Host not found",
  4: "Unimplemented",
  5: "Operation refused",
  110: "Operation timed out",
};

/** A name has no address, or nobody could say. */
export class Unresolved extends Error {
  override readonly name = "Unresolved";

  /** Whether it is known that there is no such name; else what was known of it is kept. */
  readonly isFinal: boolean;

  constructor(readonly host: string, readonly code: number, isFinal?: boolean, cause?: unknown) {
    super(
      `${host} could not be resolved (${code}: ${TEXTS[code] ?? "Unknown error"})` +
        // No server said it: what is wrong is here, such as a permission that is missing.
        (code === SERVER_FAILURE && cause instanceof Error ? `: ${cause.message}` : ""),
      cause === undefined ? undefined : { cause },
    );
    this.isFinal = isFinal ?? code === NOT_FOUND;
  }
}
