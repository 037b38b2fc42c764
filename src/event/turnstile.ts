/**
 * The turnstile: keeps more than about 128 ready sockets from starving each other.
 *
 * Deno's reactor gives the op driver 128 completions a turn and puts the rest off
 * until after the next poll, where they queue behind the newly woken ones: whoever
 * was served last turn is served first again, and some stand still for hundreds of
 * milliseconds. So only a bounded number of reads may start before the reactor has
 * been polled again, which a byte through a socket pair of our own tells us.
 *
 * @module
 */

/** Reads that may be issued between two rings. 16 to 96 measure alike. */
const READS_PER_TURN = 48;
/** The bell is rung for so many: fewer reads than this starve nobody, and are most turns of a quiet server. */
const READS_TO_RING = 24;
/** Places for reads that wait, at first; a power of two, as it always is. */
const RING_MIN = 256;

/** Admits reads. */
export interface ReadGate {
  /** Calls `start` now, or in turn once the reactor has been polled again. */
  pass(start: () => void): void;
}

/** Lets every read start at once: for tests, and for programs with few connections. */
export const openGate: ReadGate = { pass: (start) => start() };

export class Turnstile implements ReadGate {
  readonly #bell: Deno.TcpConn;
  readonly #ear: Deno.TcpConn;
  readonly #ding = new Uint8Array(1);
  readonly #heard = new Uint8Array(16);
  /** Reads that wait, in their order: a ring, so that waiting allocates nothing. */
  #held: ((() => void) | undefined)[] = new Array(RING_MIN);
  #first = 0;
  #count = 0;
  #passed = 0;
  #isRinging = false;
  #isClosed = false;

  private constructor(bell: Deno.TcpConn, ear: Deno.TcpConn) {
    bell.setNoDelay(true);
    this.#bell = bell;
    this.#ear = ear;
  }

  /** Opens one over a loopback pair of its own; needs permission to listen on 127.0.0.1. */
  static async open(): Promise<Turnstile> {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    // A stranger may connect to the port before we do: take only our own end.
    const bell = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
    while (true) {
      const ear = await listener.accept();
      if (ear.remoteAddr.port === bell.localAddr.port) return new Turnstile(bell, ear);
      ear.close();
    }
  }

  pass(start: () => void): void {
    if (this.#isClosed) return start();
    if (this.#passed === READS_PER_TURN) return this.#hold(start);
    if (++this.#passed >= READS_TO_RING && !this.#isRinging) this.#ring();
    start();
  }

  close(): void {
    this.#isClosed = true;
    this.#bell.close();
    this.#ear.close();
    this.#release();
  }

  /**
   * The byte comes back through the reactor behind every socket that was ready
   * before it: when it is heard, those that had been put off are being served.
   */
  #ring(): void {
    this.#isRinging = true;
    this.#bell.write(this.#ding).catch(this.#onHeard);
    this.#ear.read(this.#heard).then(this.#onHeard, this.#onHeard);
  }

  readonly #onHeard = (): void => {
    this.#isRinging = false;
    this.#release();
  };

  #release(): void {
    this.#passed = 0;
    while (this.#count > 0 && (this.#passed < READS_PER_TURN || this.#isClosed)) {
      const start = this.#held[this.#first]!;
      this.#held[this.#first] = undefined;
      this.#first = (this.#first + 1) & (this.#held.length - 1);
      this.#count--;
      this.pass(start);
    }
  }

  #hold(start: () => void): void {
    if (this.#count === this.#held.length) this.#grow();
    this.#held[(this.#first + this.#count) & (this.#held.length - 1)] = start;
    this.#count++;
  }

  #grow(): void {
    const held = this.#held;
    this.#held = [...held.slice(this.#first), ...held.slice(0, this.#first)];
    this.#held.length = held.length * 2;
    this.#first = 0;
  }
}
