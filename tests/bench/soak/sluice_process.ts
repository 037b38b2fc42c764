/**
 * The process under test, seen from outside.
 *
 * @module
 */
import { SHIPPED_V8_FLAGS } from "../../support/shipped_flags.ts";
import { TextLineReader } from "./lines.ts";
import type { ServerReady, ServerSample } from "./server.ts";

const ENCODER = new TextEncoder();

export class SluiceProcess implements AsyncDisposable {
  readonly address: string;
  /** Empty without an admin listener. */
  readonly adminAddress: string;
  readonly #child: Deno.ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array<ArrayBufferLike>>;
  /** Questions wait for each other. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(
    child: Deno.ChildProcess,
    lines: AsyncIterator<string>,
    { address, adminAddress }: ServerReady,
  ) {
    this.#child = child;
    this.#lines = lines;
    this.#stdin = child.stdin.getWriter();
    this.address = address;
    this.adminAddress = adminAddress;
  }

  /** @throws {Error} When it ends before it listens; what it said is on stderr. */
  static async start(config: string, debugBuffers: boolean): Promise<SluiceProcess> {
    const server = new URL("server.ts", import.meta.url).pathname;
    const root = new URL("../../../", import.meta.url).pathname;
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--quiet",
        "-A",
        `--v8-flags=--expose-gc,${SHIPPED_V8_FLAGS}`,
        server,
        config,
        ...(debugBuffers ? ["debug"] : []),
      ],
      cwd: root,
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const lines = new TextLineReader(child.stdout)[Symbol.asyncIterator]();
    const first = await lines.next();
    if (first.done) throw new Error("Cannot start Sluice: it ended before it listened");
    return new SluiceProcess(child, lines, JSON.parse(first.value) as ServerReady);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Has it read its configuration again. */
  hangUp(): void {
    this.#child.kill("SIGHUP");
  }

  /** @throws {Error} When it has ended. */
  ask(command: "stats" | "gc" | "stop"): Promise<ServerSample> {
    const answer = this.#last.then(() => this.#ask(command));
    this.#last = answer.catch(() => {});
    return answer;
  }

  /** Stops it; says what it still held. */
  async stop(): Promise<ServerSample> {
    const last = await this.ask("stop");
    await this.#child.status;
    return last;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.#child.status;
    await this.#stdin.abort().catch(() => {});
  }

  async #ask(command: string): Promise<ServerSample> {
    await this.#stdin.write(ENCODER.encode(`${command}\n`));
    const { done, value } = await this.#lines.next();
    if (done) throw new Error("Cannot ask Sluice: it has ended");
    return JSON.parse(value) as ServerSample;
  }
}
