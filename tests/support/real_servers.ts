/**
 * Real programs beside Sluice: nginx as an origin or as the model to compare
 * with, curl as a client. Where they are missing, tests that need them say so in
 * their names; in CI (`CI=true`) a missing program is a failure.
 *
 * @module
 */
import { freePorts } from "./free_ports.ts";
import { type Exit, Program, tempDir } from "./program.ts";

/** Debian's package for each program that tests may ask for. */
const PACKAGES = {
  curl: "curl",
  h2load: "nghttp2-client",
  nginx: "nginx-light",
  node: "nodejs",
  openssl: "openssl",
  ps: "procps",
  wrk: "wrk",
} as const;

/** A program that tests may ask for. */
export type RealProgram = keyof typeof PACKAGES;

/** Where programs are looked for besides PATH; Debian keeps nginx where only root looks. */
const SYSTEM_DIRS = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/bin", "/bin"];

/** The full path of a program, or `undefined` when it is not installed. */
export function which(program: string): string | undefined {
  const dirs = [...(Deno.env.get("PATH") ?? "").split(":"), ...SYSTEM_DIRS];
  return dirs.filter((dir) => dir !== "").map((dir) => `${dir}/${program}`).find(isExecutable);
}

/**
 * The full path of a program.
 *
 * @throws {Error} With the package to install, when it is missing.
 */
export function need(program: RealProgram): string {
  const path = which(program);
  if (path === undefined) {
    throw new Error(`Cannot run ${program}: install the Debian package ${PACKAGES[program]}`);
  }
  return path;
}

/**
 * Registers a test that needs real programs. If one is missing the test is
 * ignored, with the reason in its name; in CI it fails.
 */
export function realServerTest(
  name: string,
  needs: readonly RealProgram[],
  body: (context: Deno.TestContext) => void | Promise<void>,
): void {
  const missing = needs.filter((program) => which(program) === undefined);
  if (missing.length === 0) {
    Deno.test({ name, timeout: 60_000, fn: body });
    return;
  }
  const packages = missing.map((program) => PACKAGES[program]).join(" ");
  const reason = `needs the Debian package ${packages}`;
  const isCi = Deno.env.get("CI") === "true";
  Deno.test({
    name: `${name} (${reason})`,
    ignore: !isCi,
    fn() {
      throw new Error(`Cannot run this test: it ${reason}`);
    },
  });
}

/** A running nginx. `await using` it. */
export class Nginx implements AsyncDisposable {
  readonly program: Program;
  /** The ports handed to the configuration, in order. */
  readonly ports: readonly number[];
  /** Its prefix: configuration, logs, temp files. */
  readonly dir: string;
  readonly #cleanUp: AsyncDisposable;

  constructor(program: Program, ports: readonly number[], dir: string, cleanUp: AsyncDisposable) {
    this.program = program;
    this.ports = ports;
    this.dir = dir;
    this.#cleanUp = cleanUp;
  }

  /** The first port, ready for `connect()`. */
  get address(): string {
    return `127.0.0.1:${this.ports[0]}`;
  }

  /** Ends at once, as `nginx -s stop`. */
  stop(): Promise<Exit> {
    return this.program.stop("SIGTERM");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await using _dir = this.#cleanUp;
    await using _program = this.program;
  }
}

/** What to write into nginx.conf. */
export interface NginxOptions {
  /** Free ports to find. @default {1} */
  readonly ports?: number;
  /** Files to write below the prefix before the start, by relative path. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
}

/** Starts over with other ports when another process was faster. */
const START_TRIES = 5;

/**
 * Starts nginx: one worker, in the foreground, everything below a temp directory,
 * ready when this resolves.
 *
 * @param http The text inside `http { … }`, from the free ports and the prefix.
 * @throws {Error} When nginx refuses the configuration; the message has its words.
 */
export async function startNginx(
  http: (ports: readonly number[], dir: string) => string,
  options: NginxOptions = {},
): Promise<Nginx> {
  const nginx = need("nginx");
  for (let triesLeft = START_TRIES;; triesLeft--) {
    await using stack = new AsyncDisposableStack();
    const dir = stack.use(await tempDir());
    const ports = freePorts(options.ports ?? 1);
    await Deno.writeTextFile(`${dir.path}/nginx.conf`, nginxConf(dir.path, http(ports, dir.path)));
    for (const [name, content] of Object.entries(options.files ?? {})) {
      await writeFile(`${dir.path}/${name}`, content);
    }
    const program = stack.use(
      new Program({
        command: nginx,
        args: ["-p", dir.path, "-c", `${dir.path}/nginx.conf`, "-e", "stderr"],
      }),
    );
    try {
      await program.waitForLine(/start worker process \d+/);
    } catch (error) {
      const isPortTaken = program.stderr.some((line) => line.includes("Address already in use"));
      if (isPortTaken && triesLeft > 1) continue;
      throw error;
    }
    stack.move(); // from here on the Nginx owns both
    return new Nginx(program, ports, dir.path, dir);
  }
}

/** What curl did. */
export interface CurlResult {
  /** curl's own exit status; 0 is success, 52 an empty reply, 56 a reset. */
  readonly code: number;
  /** The response's status; 0 when there was none. */
  readonly status: number;
  /** The response's body. */
  readonly body: Uint8Array;
  readonly bodyText: string;
  /** Response heads, all of them in order, as curl saw them. */
  readonly head: string;
  readonly stderr: string;
}

/** Runs `curl` with arguments, at most 30 s. */
export async function curl(...args: readonly string[]): Promise<CurlResult> {
  await using dir = await tempDir();
  const [bodyPath, headPath] = [`${dir.path}/body`, `${dir.path}/head`];
  const fixed = ["-sS", "--max-time", "30", "-o", bodyPath, "-D", headPath, "-w", "%{http_code}"];
  const { code, stdout, stderr } = await new Deno.Command(need("curl"), {
    args: [...fixed, ...args],
    stdin: "null",
  }).output();
  const body = await readOrEmpty(bodyPath);
  const head = new TextDecoder().decode(await readOrEmpty(headPath));
  return {
    code,
    status: Number(new TextDecoder().decode(stdout)),
    body,
    bodyText: new TextDecoder().decode(body),
    head,
    stderr: new TextDecoder().decode(stderr),
  };
}

function nginxConf(dir: string, http: string): string {
  // Run by root, nginx would give its worker another user, who may not read the temp directory.
  const user = Deno.uid() === 0 ? "user root;" : "";
  return `
daemon off;
worker_processes 1;
pid ${dir}/nginx.pid;
error_log stderr notice;
${user}
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path ${dir}/client_body;
  proxy_temp_path ${dir}/proxy;
  fastcgi_temp_path ${dir}/fastcgi;
  uwsgi_temp_path ${dir}/uwsgi;
  scgi_temp_path ${dir}/scgi;
  ${http}
}
`;
}

async function writeFile(path: string, content: string | Uint8Array): Promise<void> {
  await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  if (typeof content === "string") await Deno.writeTextFile(path, content);
  else await Deno.writeFile(path, content);
}

async function readOrEmpty(path: string): Promise<Uint8Array> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return new Uint8Array(0);
    throw error;
  }
}

function isExecutable(path: string): boolean {
  try {
    const { isFile, mode } = Deno.statSync(path);
    return isFile && ((mode ?? 0) & 0o111) !== 0;
  } catch {
    return false;
  }
}
