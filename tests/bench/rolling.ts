/**
 * A second process takes the port over, again and again, under traffic: how many requests
 * are lost on kept connections, and on new ones.
 *
 * ```
 * deno run -A tests/bench/rolling.ts --requests 100000 --replacements 10
 * unshare -n sh -c 'ip link set lo up; sysctl -w net.ipv4.tcp_migrate_req=1;
 *   deno run -A tests/bench/rolling.ts'
 * ```
 *
 * @module
 */
import { freePort } from "../support/free_ports.ts";
import { type Sluice, startSluice } from "../support/sluice.ts";

const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();

/** What became of the requests of one kind. */
interface Count {
  answered: number;
  connections: number;
  readonly lost: Map<string, number>;
}

async function main(args: readonly string[]): Promise<number> {
  const option = (name: string, otherwise: number): number => {
    const at = args.indexOf(name);
    return at < 0 ? otherwise : Number(args[at + 1]);
  };
  const requests = option("--requests", 100_000);
  const replacements = option("--replacements", 10);
  const clients = option("--clients", 16);
  const newPerSecond = option("--new", 200);
  const workers = option("--workers", 1);
  const migrates = await Deno.readTextFile("/proc/sys/net/ipv4/tcp_migrate_req");

  const port = freePort();
  let sluice: Sluice = await start(port, workers);
  const kept: Count = { answered: 0, connections: 0, lost: new Map() };
  const fresh: Count = { answered: 0, connections: 0, lost: new Map() };
  let done = 0;
  const isDone = (): boolean => kept.answered >= requests && done >= replacements;
  const running = [
    ...Array.from({ length: clients }, () => keepAsking(port, kept, isDone)),
    ...Array.from({ length: 4 }, () => askAnew(port, fresh, 4_000 / newPerSecond, isDone)),
  ];
  for (; done < replacements; done++) {
    const share = requests * (done + 0.5) / replacements;
    while (kept.answered < share) await pause(10);
    const next = await start(port, workers);
    const { code } = await sluice.program.stop("SIGQUIT");
    if (code !== 0) console.log(`the old process ended with ${code}`);
    await sluice[Symbol.asyncDispose]();
    sluice = next;
  }
  await Promise.all(running);
  await sluice[Symbol.asyncDispose]();
  console.log(`${replacements} replacements, tcp_migrate_req=${migrates.trim()}`);
  console.log(`kept connections: ${told(kept)}`);
  console.log(`new connections: ${told(fresh)}`);
  return kept.lost.size === 0 ? 0 : 1;
}

function told({ answered, connections, lost }: Count): string {
  const sum = [...lost.values()].reduce((total, count) => total + count, 0);
  const kinds = [...lost].map(([kind, count]) => `${count} x ${kind}`).join(", ");
  return `${answered} answered on ${connections} connections, ${sum} lost${
    sum ? `: ${kinds}` : ""
  }`;
}

function start(port: number, workers: number): Promise<Sluice> {
  return startSluice(`
log: { access: off, error: stderr }
keepalive_requests: 1000000
workers: ${workers}
servers:
  - { listen: "127.0.0.1:${port} reuseport", locations: { /: { return: "200 ok" } } }
`);
}

/** Requests one after the other on a connection until the server says that it ends. */
async function keepAsking(port: number, count: Count, isDone: () => boolean): Promise<void> {
  const request = ENCODER.encode("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  while (!isDone()) {
    try {
      using conn = await connect(port);
      count.connections++;
      for (let isOpen = true; isOpen && !isDone();) {
        isOpen = !/\r\nConnection: close/i.test(await ask(conn, request));
        count.answered++;
      }
    } catch (error) {
      lose(count, error);
    }
  }
}

/** A connection for each request. */
async function askAnew(
  port: number,
  count: Count,
  gapMs: number,
  isDone: () => boolean,
): Promise<void> {
  const request = ENCODER.encode("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  while (!isDone()) {
    try {
      using conn = await connect(port);
      count.connections++;
      await ask(conn, request);
      count.answered++;
    } catch (error) {
      lose(count, error);
    }
    await pause(gapMs);
  }
}

async function connect(port: number): Promise<Deno.TcpConn> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  conn.setNoDelay(true);
  return conn;
}

async function ask(conn: Deno.Conn, request: Uint8Array): Promise<string> {
  await conn.write(request);
  const buffer = new Uint8Array(2_048);
  let text = "";
  while (!text.endsWith("\r\n\r\nok")) {
    const size = await conn.read(buffer);
    if (size === null) throw new Error("the connection ended");
    text += DECODER.decode(buffer.subarray(0, size));
  }
  return text;
}

function lose({ lost }: Count, error: unknown): void {
  const kind = error instanceof Error ? error.message : String(error);
  lost.set(kind, (lost.get(kind) ?? 0) + 1);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

if (import.meta.main) Deno.exit(await main(Deno.args));
