/**
 * Where log lines gather on their way to a file or stream.
 *
 * Lines are copied into a page of memory; nothing is awaited and no promise is
 * made for a line. Pages are written in order, one write in flight, when
 * `bufferBytes` have gathered or `flushMs` have passed. Lines that come during a
 * write gather for the next one, so a sink without a buffer (`bufferBytes: 0`)
 * writes each line at once while it is idle and in batches when it is not.
 *
 * Full: a page that is full while {@linkcode QUEUE_BYTES} wait to be written, or
 * a write that fails, loses lines. They are counted, and the first page begun
 * after it starts by saying how many.
 *
 * @module
 */

/** What a sink writes to: a file, a stream, or a script in a test. */
export interface LogWriter {
  /** Writes some of `bytes`, at least one, and tells how many. Called again only after it has settled. */
  write(bytes: Uint8Array): Promise<number>;
  close(): void;
}

/** How a sink reaches the world. */
export interface LogTarget {
  /** What it is, for messages: a path, `stdout`. */
  readonly name: string;
  /** Opens for appending. Called by the sink's constructor and by every reopen. */
  open(): LogWriter;
  /** Tells a person that logging fails, or works again. Not called for every line. */
  report(message: string): void;
  /** Calls `fire` once, `delayMs` from now, never synchronously. Returns how to take that back. */
  after(delayMs: number, fire: () => void): () => void;
}

/** When a sink writes. */
export interface LogSinkConf {
  /** Bytes gathered before a write; 0 writes as soon as possible. */
  readonly bufferBytes: number;
  /** Longest time a line waits for more, in ms; 0 writes as soon as possible. */
  readonly flushMs: number;
  /** Memory in which lines gather; larger when a line is. @default {65_536} */
  readonly pageBytes?: number;
  /** The line, without its end, that tells of lost ones. @default {"N lines lost"} */
  readonly lostLine?: (count: number) => string;
}

/** Memory in which lines gather; larger when `bufferBytes` or a line is. */
const PAGE_BYTES = 64 * 1024;

/** Bytes that may wait to be written: a disk that stands still this long loses lines. */
const QUEUE_BYTES = 4 * 1024 * 1024;

/**
 * Longest line. Request heads are bounded by directives; four 8k buffers of
 * which every byte takes six (`\u00XX`) need 192k.
 */
const LINE_BYTES = 256 * 1024;

/** Room kept for the line that tells of lost ones; a longer one is cut. */
const NOTICE_BYTES = 1024;

const NEWLINE = Uint8Array.of(0x0a);
const ENCODER = new TextEncoder();

/** A sealed page that waits to be written. */
interface Page {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly length: number;
  /** Lost lines that its first line tells of, for the case that it is lost itself. */
  readonly lossTold: number;
  /** Called once it is written or given up. */
  readonly done: (() => void) | undefined;
}

/** Gathers lines and writes them, in order, with bounded memory. */
export class LogSink {
  readonly #target: LogTarget;
  readonly #lostLine: (count: number) => string;
  readonly #pageBytes: number;
  #flushAtBytes: number;
  #flushMs: number;
  #writer: LogWriter;

  /** The page in which lines gather. */
  #bytes: Uint8Array<ArrayBuffer>;
  #length = 0;
  #lossTold = 0;
  /** The page that was written last, to be the next one. */
  #spare: Uint8Array<ArrayBuffer> | undefined;

  readonly #queue: Page[] = [];
  /** Bytes of the queue and of the page that is being written. */
  #queuedBytes = 0;
  #isWriting = false;
  #disarm: (() => void) | undefined;
  #closed: Promise<void> | undefined;

  /** Lines lost since the last line that told of them. */
  #linesLost = 0;
  #linesLostInAll = 0;
  /** The latest write failed. */
  #isBroken = false;
  #brokeMidLine = false;

  /** @throws What `target.open()` throws. */
  constructor(target: LogTarget, conf: LogSinkConf) {
    this.#target = target;
    this.#lostLine = conf.lostLine ?? ((count) => `${count} lines lost`);
    this.#pageBytes = conf.pageBytes ?? PAGE_BYTES;
    this.#bytes = new Uint8Array(this.#pageBytes);
    this.#flushAtBytes = flushAtBytes(conf);
    this.#flushMs = conf.flushMs;
    this.#writer = target.open();
  }

  /** The page that {@linkcode reserve} gives room in. Changes with every reserve. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Lines lost since the start. */
  get linesLost(): number {
    return this.#linesLostInAll;
  }

  /** Whether the latest write failed. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** What it writes to, for messages. */
  get name(): string {
    return this.#target.name;
  }

  /**
   * Makes room for a line of `size` bytes. Returns where in {@linkcode bytes} to
   * write it, or -1 when there is none: the line is lost, and counted.
   */
  reserve(size: number): number {
    // After a loss a page begins even if there is room: its first line says so.
    const needsPage = this.#linesLost > 0 || this.#length + size > this.#bytes.length;
    if (needsPage && !this.#turnPage(size)) {
      this.#lose(1);
      return -1;
    }
    return this.#length;
  }

  /** Takes the line over that was written at the reserved place. */
  commit(size: number): void {
    this.#length += size;
    if (this.#length >= this.#flushAtBytes) this.#startWriting();
    else this.#armTimer();
  }

  /** Adds one line, whose last byte is a newline. */
  append(line: Uint8Array): void {
    const at = this.reserve(line.length);
    if (at < 0) return;
    this.#bytes.set(line, at);
    this.commit(line.length);
  }

  /** These logs write here, at least one: the smallest buffer and the shortest wait count. */
  obey(confs: readonly LogSinkConf[]): void {
    this.#flushAtBytes = Math.min(...confs.map(flushAtBytes));
    this.#flushMs = Math.min(...confs.map(({ flushMs }) => flushMs));
  }

  /** Settles when every line that is here now is written or given up. Never rejects. */
  flush(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#seal(resolve);
    this.#startWriting();
    return promise;
  }

  /**
   * Goes on in a newly opened file, after a rotation. The lines that are here now
   * go to the old one. When opening fails the old one stays in use and that is
   * reported. Never rejects.
   */
  async reopen(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#seal(() => {
      this.#openAnew();
      resolve();
    });
    this.#startWriting();
    await promise;
  }

  /** Writes what is here and closes; what comes meanwhile may be lost. Never rejects. */
  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  async #close(): Promise<void> {
    await this.flush();
    // Again, for the line that tells of lost ones, and for what came during the first flush.
    await this.flush();
    this.#disarm?.();
    this.#bytes = new Uint8Array(0);
    this.#length = 0;
    this.#writer.close();
  }

  /** Begins a page with room for `size` bytes. False when too much waits already. */
  #turnPage(size: number): boolean {
    const waitingBytes = this.#queuedBytes + this.#length;
    if (this.#closed !== undefined || size > LINE_BYTES || waitingBytes > QUEUE_BYTES) return false;
    this.#seal(undefined, size);
    this.#startWriting();
    return true;
  }

  /** Moves the page into the queue and begins one with room for `size` bytes. */
  #seal(done?: () => void, size = 0): void {
    this.#queue.push({ bytes: this.#bytes, length: this.#length, lossTold: this.#lossTold, done });
    this.#queuedBytes += this.#length;
    const neededBytes = Math.max(this.#pageBytes, this.#flushAtBytes, size + NOTICE_BYTES);
    const spare = this.#spare;
    this.#spare = undefined;
    this.#bytes = spare !== undefined && spare.length >= neededBytes
      ? spare
      : new Uint8Array(neededBytes);
    this.#length = 0;
    this.#lossTold = 0;
    this.#tellOfLoss();
  }

  /** Begins the page, which is empty, with a line about lost ones. */
  #tellOfLoss(): void {
    if (this.#linesLost === 0) return;
    const notice = ENCODER.encode(this.#lostLine(this.#linesLost) + "\n").subarray(0, NOTICE_BYTES);
    this.#bytes.set(notice);
    this.#length = notice.length;
    this.#lossTold = this.#linesLost;
    this.#linesLost = 0;
  }

  #lose(lines: number): void {
    this.#linesLost += lines;
    this.#linesLostInAll += lines;
  }

  /** One timer; a page that is full before it fires only makes it fire on less than it could. */
  #armTimer(): void {
    if (this.#disarm !== undefined || this.#isWriting) return;
    this.#disarm = this.#target.after(this.#flushMs, this.#onTimer);
  }

  readonly #onTimer = (): void => {
    this.#disarm = undefined;
    if (this.#length === 0 || this.#closed !== undefined) return;
    this.#seal();
    this.#startWriting();
  };

  #startWriting(): void {
    if (!this.#isWriting) this.#writePages();
  }

  /** Writes page after page until less than a buffer is left. */
  async #writePages(): Promise<void> {
    this.#isWriting = true;
    for (let page = this.#nextPage(); page !== undefined; page = this.#nextPage()) {
      await this.#writePage(page);
      this.#queuedBytes -= page.length;
      this.#spare = page.bytes;
      page.done?.();
    }
    this.#isWriting = false;
    if (this.#length > 0) this.#armTimer();
  }

  #nextPage(): Page | undefined {
    if (this.#queue.length === 0) {
      // A broken sink stays silent until a line comes, or it would try without end.
      if (this.#length === 0 && !this.#isBroken) this.#tellOfLoss();
      if (this.#length >= this.#flushAtBytes) this.#seal();
    }
    return this.#queue.shift();
  }

  /** Writes a page or gives it up. Never rejects. */
  async #writePage(page: Page): Promise<void> {
    let written = 0;
    try {
      if (this.#brokeMidLine && page.length > 0) {
        await this.#write(NEWLINE);
        this.#brokeMidLine = false;
      }
      while (written < page.length) {
        written += await this.#write(page.bytes.subarray(written, page.length));
      }
    } catch (error) {
      this.#giveUp(page, written, error);
      return;
    }
    if (!this.#isBroken || page.length === 0) return;
    this.#isBroken = false;
    this.#target.report(`The log ${this.#target.name} works again`);
  }

  async #write(bytes: Uint8Array): Promise<number> {
    const count = await this.#writer.write(bytes);
    if (count === 0) throw new Error("nothing was written");
    return count;
  }

  #giveUp(page: Page, written: number, error: unknown): void {
    const rest = page.bytes.subarray(written, page.length);
    if (written > 0) this.#brokeMidLine = page.bytes[written - 1] !== NEWLINE[0];
    const isNoticeLost = page.lossTold > 0 && !page.bytes.subarray(0, written).includes(0x0a);
    this.#linesLost += isNoticeLost ? page.lossTold : 0;
    this.#lose(linesIn(rest) - (isNoticeLost ? 1 : 0));
    if (this.#isBroken) return;
    this.#isBroken = true;
    const reason = error instanceof Error ? error.message : String(error);
    this.#target.report(`Cannot write the log ${this.#target.name}, its lines are lost: ${reason}`);
  }

  #openAnew(): void {
    try {
      const writer = this.#target.open();
      this.#writer.close();
      this.#writer = writer;
      this.#brokeMidLine = false;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#target.report(
        `Cannot reopen the log ${this.#target.name}, the old file stays in use: ${reason}`,
      );
    }
  }
}

function flushAtBytes(conf: LogSinkConf): number {
  return conf.flushMs === 0 ? 1 : Math.max(1, conf.bufferBytes);
}

function linesIn(bytes: Uint8Array): number {
  let count = 0;
  for (const byte of bytes) if (byte === NEWLINE[0]) count++;
  return count;
}
