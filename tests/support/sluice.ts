/**
 * The program under test as its users run it: a process, started from a
 * configuration text, ready when it says so.
 *
 * ```ts
 * await using sluice = await startSluice(`
 *   servers:
 *     - listen: 127.0.0.1:0
 *       locations: { /: { proxy: { pass: "http://${origin.address}" } } }
 * `);
 * const response = await exchange(sluice.address, getRequest("/"));
 * ```
 *
 * @module
 */
import { ignoringArgs } from "./ignored_directive.ts";
import { type Exit, Program, tempDir } from "./program.ts";

/** The root of the checkout, with a slash at its end. */
const ROOT = new URL("../../", import.meta.url).pathname;
const LISTENING = /^sluice: listening on (\S+)$/;

/** How to start it. */
export interface SluiceOptions {
  /** Listeners that have to be open before the test goes on. @default {1} */
  readonly listeners?: number;
  /** Flags of `deno run`, instead of all permissions. @default {["-A"]} */
  readonly denoArgs?: readonly string[];
  /** The program, instead of the checkout's `main.ts`. */
  readonly main?: string;
  /** Name of the configuration file, which tells its syntax. @default {"sluice.yaml"} */
  readonly fileName?: string;
  /** Further arguments after `run -c FILE`. */
  readonly args?: readonly string[];
  /** No file can become larger than this: stands for a disk that is full. In kB. */
  readonly fileLimitKb?: number;
  /** Files and sockets that it may have open. */
  readonly openFilesMax?: number;
}

/** A running Sluice. `await using` it. */
export class Sluice implements AsyncDisposable {
  readonly program: Program;
  /** What it listens on, in the order in which it said so; ports are real ones. */
  readonly addresses: readonly string[];
  /** Holds the configuration and whatever the configuration names below it. */
  readonly dir: string;
  readonly #cleanUp: AsyncDisposable;

  constructor(
    program: Program,
    addresses: readonly string[],
    dir: string,
    cleanUp: AsyncDisposable,
  ) {
    this.program = program;
    this.addresses = addresses;
    this.dir = dir;
    this.#cleanUp = cleanUp;
  }

  /** The first listener, ready for `connect()`: "127.0.0.1:41234". */
  get address(): string {
    const [address] = this.addresses;
    if (address === undefined) throw new Error("Cannot tell the address: nothing listens");
    return address;
  }

  /** Ports of the TCP listeners, in order. */
  get ports(): readonly number[] {
    return this.addresses.filter((address) => !address.startsWith("unix:"))
      .map((address) => Number(address.slice(address.lastIndexOf(":") + 1)));
  }

  get pid(): number {
    return this.program.pid;
  }

  /** Where the configuration file is; write a new one here before a reload. */
  get configPath(): string {
    return `${this.dir}/sluice.yaml`;
  }

  /** Lines of the error log, when it goes to stderr, and what else was printed there. */
  get stderr(): readonly string[] {
    return this.program.stderr;
  }

  /** Lines of the access log, when it goes to stdout. */
  get stdout(): readonly string[] {
    return this.program.stdout;
  }

  /** A log file below {@linkcode dir}, as lines. Empty when it does not exist. */
  readLog(name: string): string[] {
    try {
      return Deno.readTextFileSync(`${this.dir}/${name}`).split("\n").filter((line) => line !== "");
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
  }

  /** SIGTERM, and how it ended. @throws {WaitedTooLong} */
  stop(): Promise<Exit> {
    return this.program.stop("SIGTERM");
  }

  /** Resident memory in bytes. */
  rssBytes(): number {
    return this.program.rssBytes();
  }

  /** Open descriptors. */
  fdCount(): number {
    return this.program.fdCount();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await using _dir = this.#cleanUp;
    await using _program = this.program;
  }
}

/**
 * Starts Sluice and waits until it listens.
 *
 * @param config YAML, or a function of the directory for configurations that name files.
 * @throws {Error} When it ends before that; the message has what it printed.
 */
export async function startSluice(
  config: string | ((dir: string) => string),
  options: SluiceOptions = {},
): Promise<Sluice> {
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(await tempDir());
  const text = typeof config === "string" ? config : config(dir.path);
  const program = stack.use(await launch(dir.path, text, options));
  const matches = await program.waitForLines(LISTENING, options.listeners ?? 1);
  const addresses = matches.map(([, address = ""]) => address);
  stack.move(); // from here on the Sluice owns both
  return new Sluice(program, addresses, dir.path, dir);
}

/**
 * Runs Sluice with arguments until it ends by itself: `check`, `--help`, a
 * configuration with an error.
 */
export async function runSluice(
  args: readonly string[],
  denoArgs: readonly string[] = ["-A"],
): Promise<Exit & { stdout: string; stderr: string }> {
  await using program = new Program({
    command: Deno.execPath(),
    args: ["run", "--quiet", ...ignoringArgs(), ...denoArgs, `${ROOT}main.ts`, ...args],
    cwd: ROOT,
  });
  const exit = await program.exited;
  return { ...exit, stdout: program.stdout.join("\n"), stderr: program.stderr.join("\n") };
}

async function launch(dir: string, config: string, options: SluiceOptions): Promise<Program> {
  const configPath = `${dir}/${options.fileName ?? "sluice.yaml"}`;
  await Deno.writeTextFile(configPath, config);
  const { denoArgs = ["-A"], args: more = [], main = `${ROOT}main.ts` } = options;
  const { fileLimitKb, openFilesMax } = options;
  const flags = ["--quiet", ...ignoringArgs(), ...denoArgs];
  const args = ["run", ...flags, main, "run", "-c", configPath, ...more];
  const deno = Deno.execPath();
  const limits = [
    ...(fileLimitKb === undefined ? [] : [`trap '' XFSZ; ulimit -f ${fileLimitKb}`]),
    ...(openFilesMax === undefined ? [] : [`ulimit -n ${openFilesMax}`]),
  ];
  if (limits.length === 0) return new Program({ command: deno, args, cwd: ROOT });
  const script = `${limits.join("; ")}; exec "$0" "$@"`;
  return new Program({ command: "bash", args: ["-c", script, deno, ...args], cwd: ROOT });
}
