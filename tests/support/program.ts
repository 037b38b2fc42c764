/**
 * A child process under test: its output line by line, its end, and what the
 * kernel says about it. Waiting is by lines it prints, never by time.
 *
 * @module
 */
import { Tally, within } from "./within.ts";

/** What to start. */
export interface ProgramOptions {
  /** Path or name of the program. */
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** How a process ended. */
export interface Exit {
  /** The exit status; 128 + the signal's number when a signal ended it. */
  readonly code: number;
  readonly signal: Deno.Signal | null;
}

/** A running child. `await using` it: leaving the scope ends it, by force if need be. */
export class Program implements AsyncDisposable {
  readonly name: string;
  readonly #child: Deno.ChildProcess;
  readonly #stdout = new Tally<string>("line of stdout");
  readonly #stderr = new Tally<string>("line of stderr");
  readonly #drained: Promise<unknown>;
  #exit: Exit | undefined;
  readonly #exited: Promise<Exit>;
  #onLine: (() => void)[] = [];

  constructor(options: ProgramOptions) {
    this.name = options.command.split("/").at(-1) ?? options.command;
    this.#child = new Deno.Command(options.command, {
      args: [...options.args],
      env: { NO_COLOR: "1", ...options.env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    }).spawn();
    this.#drained = Promise.all([
      this.#gather(this.#child.stdout, this.#stdout),
      this.#gather(this.#child.stderr, this.#stderr),
    ]);
    this.#exited = this.#settle();
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Lines printed so far. */
  get stdout(): readonly string[] {
    return this.#stdout.all;
  }

  /** Lines printed so far. */
  get stderr(): readonly string[] {
    return this.#stderr.all;
  }

  /** How it ended, if it has. */
  get exit(): Exit | undefined {
    return this.#exit;
  }

  /** Settles when it has ended and all its output is read. @throws {WaitedTooLong} */
  get exited(): Promise<Exit> {
    return within(this.#exited, () => `${this.name} to exit; its stderr:\n${this.#tail()}`);
  }

  /**
   * The first `count` lines on stderr (also earlier ones) that match.
   *
   * @throws {WaitedTooLong}
   * @throws {Error} When the program ends before it printed them.
   */
  async waitForLines(pattern: RegExp, count: number): Promise<RegExpExecArray[]> {
    for (;;) {
      const found = this.stderr.map((line) => pattern.exec(line)).filter((match) => match !== null);
      if (found.length >= count) return found.slice(0, count);
      if (this.#exit !== undefined) {
        const { code } = this.#exit;
        throw new Error(`${this.name} ended with ${code} before it was ready:\n${this.#tail()}`);
      }
      await within(
        this.#change(),
        () => `${this.name} to print ${pattern}; its stderr:\n${this.#tail()}`,
      );
    }
  }

  /** The first line on stderr (also an earlier one) that matches. */
  async waitForLine(pattern: RegExp): Promise<RegExpExecArray> {
    const [match] = await this.waitForLines(pattern, 1);
    if (match === undefined) throw new Error(`Cannot find ${pattern}`);
    return match;
  }

  /** Sends a signal; says nothing when the process is gone. */
  kill(signal: Deno.Signal): void {
    if (this.#exit === undefined) this.#child.kill(signal);
  }

  /** Sends a signal and waits for the end. @throws {WaitedTooLong} */
  async stop(signal: Deno.Signal = "SIGTERM"): Promise<Exit> {
    this.kill(signal);
    return await this.exited;
  }

  /** Resident memory in bytes (`VmRSS`); the process without its children. */
  rssBytes(): number {
    const status = Deno.readTextFileSync(`/proc/${this.pid}/status`);
    const match = /^VmRSS:\s+(\d+) kB$/m.exec(status);
    if (match === null) throw new Error(`Cannot read the memory of process ${this.pid}`);
    return Number(match[1]) * 1024;
  }

  /** Open descriptors, all kinds. */
  fdCount(): number {
    return [...Deno.readDirSync(`/proc/${this.pid}/fd`)].length;
  }

  /** Asks it to end with SIGTERM; if it does not, kills it and throws. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.stop();
    } catch (error) {
      this.kill("SIGKILL");
      await this.#exited;
      throw error;
    }
  }

  async #settle(): Promise<Exit> {
    const { code, signal } = await this.#child.status;
    await this.#drained;
    this.#exit = { code, signal };
    this.#changed();
    return this.#exit;
  }

  async #gather(stream: ReadableStream<Uint8Array>, lines: Tally<string>): Promise<void> {
    const decoder = new TextDecoder();
    let partial = "";
    for await (const chunk of stream) {
      const parts = (partial + decoder.decode(chunk, { stream: true })).split("\n");
      partial = parts.pop() ?? "";
      for (const line of parts) lines.add(line);
      this.#changed();
    }
    if (partial !== "") lines.add(partial);
  }

  #change(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onLine.push(resolve);
    return promise;
  }

  #changed(): void {
    const waiting = this.#onLine;
    this.#onLine = [];
    for (const wake of waiting) wake();
  }

  #tail(): string {
    return this.stderr.slice(-20).map((line) => `  ${line}`).join("\n");
  }
}

/** A directory that goes away with its scope: `await using dir = await tempDir()`. */
export async function tempDir(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await Deno.makeTempDir({ prefix: "sluice_test_" });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}
