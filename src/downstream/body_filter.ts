/**
 * The seam for whatever changes a body on its way to the client: ranges, compression,
 * replacements.
 *
 * @module
 */
import type { Buf } from "../buffer/mod.ts";

/** Where a filter passes a piece on to: the next filter, or the client's connection. */
export type BodySink = (piece: Buf, isLast: boolean) => void;

/**
 * Changes the body of one response. Put in place before the head is written, since who
 * writes the head has to know the length that comes out.
 */
export interface BodyFilter {
  /**
   * Takes the next piece of the body. Either narrows `from` to what is to be sent of it
   * and passes it on, or passes on Bufs of its own and leaves `from` empty. Whoever owns
   * `from` uses it again once it is not lent, so it cannot be kept.
   *
   * A Buf of the filter's own is lent when `next` returns, or empty: then release it.
   */
  filter(from: Buf, isLast: boolean, next: BodySink): void;
  /** Whether the rest of the body makes no difference: its source may stop. */
  readonly isSatisfied: boolean;
  /** Passes on what it could not earlier, since that would have been too much at once. */
  resume?(next: BodySink): void;
  /** The body has ended behind its last piece. What ends it is passed on, none of it as the last. */
  end?(next: BodySink): void;
  /** Gives back what it holds: the response is over, however it ended. */
  close?(): void;
}
