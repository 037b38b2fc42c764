/**
 * A peer that is killed under load, and comes back: what clients see of it, and who gets
 * how many requests, second by second. The peers are nginx, the clients are h2load.
 *
 * ```sh
 * deno run -A tests/bench/failover.ts                    # 5,000 requests a second by 32 clients
 * deno run -A tests/bench/failover.ts --rate 2000 --config 'outlier_detection: on'
 * ```
 *
 * Ends with status 1 when a client saw an error, or the peer got requests while it was out.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { freePorts } from "../support/free_ports.ts";
import { Program, tempDir } from "../support/program.ts";
import { type Sluice, startSluice } from "../support/sluice.ts";

const PEERS = 3;
const KILL_AT = 6;
const BACK_AT = 14;
const END_AT = 32;
const SLOW_START = 10;

const { values } = parseArgs({
  options: {
    rate: { type: "string", default: "5000" },
    clients: { type: "string", default: "32" },
    workers: { type: "string", default: "1" },
    config: { type: "string", default: "" },
  },
});

/** One second of the run. */
interface Second {
  /** Attempts at each peer. */
  readonly attempts: number[];
  /** Checks that each peer answered. */
  readonly checks: number[];
  errors: number;
  requests: number;
}

function nginxConfig(port: number, dir: string): string {
  const temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((kind) => `${kind}_temp_path ${dir}/${kind};`).join(" ");
  return `${Deno.uid() === 0 ? "user root;" : ""} daemon off; master_process off;
pid ${dir}/nginx.pid; error_log stderr crit; worker_rlimit_nofile 10000;
events { worker_connections 8192; }
http {
  ${temp} access_log off; keepalive_requests 1000000000;
  log_format at "$msec";
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location = /healthz { access_log ${dir}/checks.log at; return 200 "ok"; }
    location / { return 200 "hello, world\\n"; }
  }
}
`;
}

function startPeer(port: number, dir: string): Program {
  const path = `${dir}/nginx.conf`;
  Deno.mkdirSync(dir, { recursive: true });
  Deno.writeTextFileSync(path, nginxConfig(port, dir));
  return new Program({ command: "nginx", args: ["-p", dir, "-e", "stderr", "-c", path] });
}

function sluiceConfig(ports: readonly number[], dir: string): string {
  return `
workers: ${values.workers}
log:
  access: { path: ${dir}/access.log, format: at, buffer: 64k, flush: 1s }
  error: { path: stderr, level: notice }
  formats: { at: '$msec $status $upstream_addr' }
upstreams:
  app:
    keepalive: 64
    keepalive_requests: 1000000
    servers:
${
    ports.map((port) => `      - { address: 127.0.0.1:${port}, slow_start: ${SLOW_START}s }`).join(
      "\n",
    )
  }
    health_check: { path: /healthz, interval: 500ms, timeout: 2s, fails: 2, passes: 2 }
${values.config.split("\n").map((line) => `    ${line}`).join("\n")}
servers:
  - listen: 127.0.0.1:0
    keepalive_requests: 1000000000
    locations: { /: { proxy: { pass: http://app } } }
`;
}

/** What h2load says, and the run's own moments: all in ms since 1970. */
async function run(sluice: Sluice, ports: readonly number[], dir: string) {
  const clients = Number(values.clients);
  const load = new Program({
    command: "h2load",
    args: [
      "--h1",
      `--clients=${clients}`,
      `--rps=${Number(values.rate) / clients}`,
      `--duration=${END_AT}`,
      `http://${sluice.address}/`,
    ],
  });
  const startMs = Date.now();
  const until = (second: number) =>
    new Promise((resolve) => setTimeout(resolve, startMs + second * 1_000 - Date.now()));
  await until(KILL_AT);
  await using peers = new AsyncDisposableStack();
  await killed.stop("SIGKILL");
  await until(BACK_AT);
  peers.use(startPeer(ports[0]!, `${dir}/0`));
  await until(END_AT + 2);
  const { code } = await load.exited;
  return { startMs, code, text: load.stdout.join("\n") };
}

/** Reads a log whose lines begin with seconds since 1970. */
function* linesOf(path: string, startMs: number): Generator<readonly [number, string[]]> {
  let text = "";
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  for (const line of text.split("\n")) {
    const [at = "", ...rest] = line.split(" ");
    const second = Math.floor((Number(at) * 1_000 - startMs) / 1_000);
    if (at !== "" && second >= 0) yield [second, rest];
  }
}

function readSeconds(dir: string, startMs: number, ports: readonly number[]): Second[] {
  const seconds = Array.from({ length: END_AT }, (): Second => ({
    attempts: ports.map(() => 0),
    checks: ports.map(() => 0),
    errors: 0,
    requests: 0,
  }));
  for (const [at, [status, ...addresses]] of linesOf(`${dir}/access.log`, startMs)) {
    const second = seconds[at];
    if (second === undefined) continue;
    second.requests++;
    if (status !== "200") second.errors++;
    for (const address of addresses) {
      const peer = ports.findIndex((port) => address.startsWith(`127.0.0.1:${port}`));
      if (peer >= 0) second.attempts[peer]!++;
    }
  }
  for (const peer of ports.keys()) {
    for (const [at] of linesOf(`${dir}/${peer}/checks.log`, startMs)) {
      const second = seconds[at];
      if (second !== undefined) second.checks[peer]!++;
    }
  }
  return seconds;
}

function print(seconds: readonly Second[]): void {
  const names = seconds[0]!.attempts.map((_, at) => `peer ${at + 1}`.padStart(8)).join("");
  console.log(`second  requests  errors${names}   checks of peer 1`);
  for (const [at, { requests, errors, attempts, checks }] of seconds.entries()) {
    const event = at === KILL_AT
      ? "  peer 1 is killed"
      : at === BACK_AT
      ? "  peer 1 is started"
      : "";
    const columns = attempts.map((count) => String(count).padStart(8)).join("");
    const line = `${String(at).padStart(6)}${String(requests).padStart(10)}` +
      `${String(errors).padStart(8)}${columns}${String(checks[0]).padStart(11)}${event}`;
    console.log(line);
  }
}

await using dir = await tempDir();
const ports = freePorts(PEERS);
const killed = startPeer(ports[0]!, `${dir.path}/0`);
await using others = new AsyncDisposableStack();
others.use(killed);
for (const [at, port] of ports.slice(1).entries()) {
  others.use(startPeer(port, `${dir.path}/${at + 1}`));
}
await using sluice = await startSluice(sluiceConfig(ports, dir.path));
const { startMs, code, text } = await run(sluice, ports, dir.path);
await sluice.stop();
const seconds = readSeconds(dir.path, startMs, ports);
print(seconds);
console.log(
  `\n${text.split("\n").filter((line) => /^(finished|requests|status)/.test(line)).join("\n")}`,
);
for (const line of sluice.stderr.filter((line) => /peer|disabled/.test(line))) console.log(line);

const failed = /(\d+) failed, (\d+) errored, (\d+) timeout/.exec(text)?.slice(1).map(Number) ?? [1];
const clientErrors = failed.reduce((sum, count) => sum + count, 0);
// From a second after it was killed to when it was started.
const whileOut = seconds.slice(KILL_AT + 2, BACK_AT)
  .reduce((sum, { attempts }) => sum + attempts[0]!, 0);
console.log(
  `\nclients saw ${clientErrors} errors; the peer got ${whileOut} requests while it was out`,
);
Deno.exitCode = code !== 0 || clientErrors > 0 || whileOut > 0 ? 1 : 0;
