/**
 * A message that is not well-formed.
 *
 * @module
 */

/** Why a head or a body is refused. The reason is a constant, safe to log and to show. */
export class BadMessage extends Error {
  override readonly name = "BadMessage";

  /**
   * @param status What a client is answered with: 400, 413, 414, 431, 501 or 505. For a
   * peer's message it means nothing.
   */
  constructor(readonly status: number, reason: string) {
    super(reason);
  }
}
