/**
 * Starts, watches and stops the programs of a run: each pinned to a core, each
 * stopped by its own process id.
 *
 * @module
 */
import { freePort } from "../support/free_ports.ts";
import type { Cleanup } from "./cleanup.ts";

/** Something the person at the keyboard can put right; shown without a stack. */
export class BenchError extends Error {
  override name = "BenchError";
}

/** Which cores the two halves of a run have: lists as `taskset -c` takes them. */
export interface Cores {
  /** The proxy under measurement, alone. */
  readonly proxy: string;
  /** The origin and the load. The same core where there is only one. */
  readonly rest: string;
}

export interface ProgramOptions {
  /** For messages. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly cores: string;
  /** `host:port` that answers once the program is ready. */
  readonly address: string;
  /** A path that must be answered with 200 before the program counts as ready. */
  readonly readyPath: string;
}

/** A running program that answers at `address`. */
export interface Program {
  readonly name: string;
  readonly address: string;
  /** The process that does the work (nginx: its worker). */
  readonly pid: number;
  /** From spawn to the first answer. */
  readonly startMs: number;
  stop(): Promise<void>;
}

const READY_WITHIN_MS = 20_000;
const STOP_WITHIN_MS = 2_000;
const POLL_MS = 4;
const OPEN_FILES = 65_536;
const KEPT_OUTPUT = 2_000;
/** Where Debian has nginx and HAProxy, and where not every user looks. */
const SYSTEM_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin";
/** Raises the limit as far as this user may, then becomes the program. */
const RAISE_LIMIT_AND_EXEC = `PATH="$PATH:${SYSTEM_FOLDERS}"; ` +
  `ulimit -n ${OPEN_FILES} 2>/dev/null || ulimit -n "$(ulimit -H -n)"; exec "$@"`;

/** The path of an installed program, or undefined. */
export async function findProgram(command: string): Promise<string | undefined> {
  const path = `${Deno.env.get("PATH") ?? ""}:${SYSTEM_FOLDERS}`;
  for (const folder of path.split(":")) {
    const file = `${folder}/${command}`;
    const info = await Deno.stat(file).catch(() => undefined);
    if (info?.isFile) return file;
  }
  return undefined;
}

/** @throws {BenchError} naming the Debian package of the first missing program. */
export async function requirePrograms(packages: Readonly<Record<string, string>>): Promise<void> {
  for (const [command, name] of Object.entries(packages)) {
    if (await findProgram(command)) continue;
    throw new BenchError(`Cannot find ${command}: install it with "apt-get install ${name}"`);
  }
}

/** The first core this process may use, and the others. */
export async function chooseCores(): Promise<Cores> {
  const status = await Deno.readTextFile("/proc/self/status");
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1] ?? "0";
  const cores = list.split(",").flatMap((range) => {
    const [first = 0, last = first] = range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
  const [proxy = 0, ...rest] = cores;
  return { proxy: String(proxy), rest: rest.length > 0 ? rest.join(",") : String(proxy) };
}

/** `127.0.0.1:PORT` with a port that was free a moment ago. */
export function freeAddress(): string {
  return `127.0.0.1:${freePort()}`;
}

/** Arguments of `sh` that become the command: pinned, with enough file descriptors. */
export function pinnedArgs(cores: string, command: string, args: readonly string[]): string[] {
  return ["-c", RAISE_LIMIT_AND_EXEC, "sh", "taskset", "-c", cores, command, ...args];
}

/**
 * Returns when the program answers at its address.
 *
 * @throws {BenchError} with the program's last words when it ends or stays silent.
 */
export async function startProgram(options: ProgramOptions, cleanup: Cleanup): Promise<Program> {
  const startedMs = performance.now();
  const child = new Deno.Command("/bin/sh", {
    args: pinnedArgs(options.cores, options.command, options.args),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = new Tail();
  const drained = Promise.all([output.drain(child.stdout), output.drain(child.stderr)]);
  let hasEnded = false;
  const ended = child.status.then(() => {
    hasEnded = true;
  });

  const stop = cleanup.add(async () => {
    signal(child, "SIGTERM");
    const patience = setTimeout(() => signal(child, "SIGKILL"), STOP_WITHIN_MS);
    await ended;
    clearTimeout(patience);
    await drained;
  });

  while (!await answers(options.address, options.readyPath)) {
    const isLate = performance.now() - startedMs > READY_WITHIN_MS;
    if (!hasEnded && !isLate) {
      await delay(POLL_MS);
      continue;
    }
    await stop();
    const what = hasEnded ? "it ended" : `no answer on ${options.address}`;
    throw new BenchError(`Cannot start ${options.name}: ${what}\n${output.text}`.trimEnd());
  }
  const startMs = performance.now() - startedMs;
  return { name: options.name, address: options.address, pid: child.pid, startMs, stop };
}

/** Output of a program that ends by itself. */
export interface Finished {
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, pinned; a failed run of the bench ends it early. */
export async function runProgram(
  cores: string,
  command: string,
  args: readonly string[],
  cleanup: Cleanup,
): Promise<Finished> {
  const child = new Deno.Command("/bin/sh", {
    args: pinnedArgs(cores, command, args),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = child.output();
  const stop = cleanup.add(async () => {
    signal(child, "SIGKILL");
    await output;
  });
  const { stdout, stderr } = await output;
  await stop();
  const decoder = new TextDecoder();
  return { stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Whether `GET path` at the address is answered with 200. */
async function answers(address: string, path: string): Promise<boolean> {
  const [hostname = "", port] = address.split(":");
  const conn = await Deno.connect({ hostname, port: Number(port) }).catch(() => undefined);
  if (!conn) return false;
  const patience = setTimeout(() => conn.close(), 1_000);
  try {
    const request = `GET ${path} HTTP/1.1\r\nHost: ${address}\r\nConnection: close\r\n\r\n`;
    await conn.write(new TextEncoder().encode(request));
    const buf = new Uint8Array(64);
    const received = await conn.read(buf) ?? 0;
    return new TextDecoder().decode(buf.subarray(0, received)).startsWith("HTTP/1.1 200");
  } catch {
    return false;
  } finally {
    clearTimeout(patience);
    try {
      conn.close();
    } catch {
      // Closed by the patience above.
    }
  }
}

function signal(child: Deno.ChildProcess, name: Deno.Signal): void {
  try {
    child.kill(name);
  } catch {
    // It has ended already.
  }
}

/** The end of what a program said. */
class Tail {
  text = "";

  async drain(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const piece of stream.pipeThrough(new TextDecoderStream())) {
      this.text = (this.text + piece).slice(-KEPT_OUTPUT);
    }
  }
}
