/**
 * What many slow clients of a large response cost: resident memory, files on disk, and
 * for how long the origin is held.
 *
 * ```sh
 * deno run -A tests/bench/slow_clients.ts                     # 200 clients of 20 MB, files on and off
 * deno run -A tests/bench/slow_clients.ts --clients 50 --mib 100 --nginx
 * ```
 *
 * @module
 */
import { parseArgs } from "node:util";
import { freePort } from "../support/free_ports.ts";
import { startSluice } from "../support/sluice.ts";
import { readMemory } from "./proc.ts";

const MIB = 1 << 20;
const BUFFER_SIZE = 8 << 10;
const BUFFERS = 64 << 10;
/** What is added to what the directives allow. */
const SLACK = 1.2;
const CALM_MS = 2_000;
const LONGEST_MS = 60_000;
const SMALL = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";
const WARM_UP_REQUESTS = 50;
const WARM_UP_ROUNDS = 2;

const { values } = parseArgs({
  options: {
    clients: { type: "string", default: "200" },
    mib: { type: "string", default: "20" },
    nginx: { type: "boolean", default: false },
  },
});
const CLIENTS = Number(values.clients);
const BODY_BYTES = Number(values.mib) * MIB;

/** A proxy under measurement. */
interface Proxy extends AsyncDisposable {
  readonly address: string;
  readonly pid: number;
  /** Memory that its buffers have taken, held or free. */
  poolBytes(): Promise<number>;
}

/** An origin that sends as fast as it can, and knows how far it got. */
class Origin {
  sentBytes = 0;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #piece = crypto.getRandomValues(new Uint8Array(65_536));

  get address(): string {
    return `127.0.0.1:${this.#listener.addr.port}`;
  }

  async serve(): Promise<void> {
    for await (const conn of this.#listener) this.#answer(conn).catch(() => {});
  }

  close(): void {
    this.#listener.close();
  }

  async #answer(conn: Deno.TcpConn): Promise<void> {
    conn.setNoDelay(true);
    const request = new Uint8Array(4096);
    for (let count; (count = await conn.read(request)) !== null;) {
      if (new TextDecoder().decode(request.subarray(0, count)).startsWith("GET /small ")) {
        await conn.write(new TextEncoder().encode(SMALL));
        continue;
      }
      const head = `HTTP/1.1 200 OK\r\nContent-Length: ${BODY_BYTES}\r\n\r\n`;
      await conn.write(new TextEncoder().encode(head));
      for (let left = BODY_BYTES; left > 0;) {
        const written = await conn.write(this.#piece.subarray(0, left));
        left -= written;
        this.sentBytes += written;
      }
    }
    conn.close();
  }
}

async function sluice(origin: string, usesFiles: boolean): Promise<Proxy> {
  const admin = `127.0.0.1:${freePort()}`;
  const sluice = await startSluice(`
admin: { listen: "${admin}" }
log: { access: off, error: { path: stderr, level: error } }
upstreams: { app: { servers: ["${origin}"], keepalive: ${CLIENTS} } }
servers:
  - listen: 127.0.0.1:0
    keepalive_requests: 1000000
    locations:
      /:
        proxy: { pass: "http://app", buffers: 8 8k, buffer_size: 8k${
    usesFiles ? "" : ", max_temp_file_size: 0"
  } }
`);
  return {
    address: sluice.address,
    pid: sluice.pid,
    async poolBytes() {
      const text = await (await fetch(`http://${admin}/metrics`)).text();
      const value = /^sluice_buffer_memory_bytes\{.*\} (\d+)$/m.exec(text)?.[1];
      if (value === undefined) {
        throw new Error("Cannot find sluice_buffer_memory_bytes in /metrics");
      }
      return Number(value);
    },
    [Symbol.asyncDispose]: () => sluice[Symbol.asyncDispose](),
  };
}

async function nginx(origin: string, usesFiles: boolean): Promise<Proxy> {
  const dir = await Deno.makeTempDir();
  const port = freePort();
  await Deno.writeTextFile(
    `${dir}/nginx.conf`,
    `
daemon off; master_process off; error_log stderr error; pid ${dir}/pid;
events { worker_connections 4096; }
http {
  access_log off; proxy_temp_path ${dir}/temp; client_body_temp_path ${dir}/body;
  fastcgi_temp_path ${dir}/f; uwsgi_temp_path ${dir}/u; scgi_temp_path ${dir}/s;
  upstream app { server ${origin}; keepalive ${CLIENTS}; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffers 8 8k; proxy_buffer_size 8k; ${usesFiles ? "" : "proxy_max_temp_file_size 0;"}
    }
  }
}`,
  );
  const child = new Deno.Command("nginx", { args: ["-p", dir, "-c", `${dir}/nginx.conf`] }).spawn();
  for (let tries = 0; tries < 100; tries++) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      break;
    } catch {
      await pause(50);
    }
  }
  return {
    address: `127.0.0.1:${port}`,
    pid: child.pid,
    poolBytes: () => Promise.resolve(0), // it gives back what it took
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await child.status;
      await Deno.remove(dir, { recursive: true });
    },
  };
}

/** Asks on every connection without reading, watches, then reads all. */
async function measure(name: string, start: typeof sluice, usesFiles: boolean): Promise<void> {
  const origin = new Origin();
  origin.serve();
  await using proxy = await start(origin.address, usesFiles);
  const port = Number(proxy.address.split(":")[1]);
  const connect = () => Deno.connect({ hostname: "127.0.0.1", port });

  const conns = await Promise.all(Array.from({ length: CLIENTS }, connect));
  // Connections, code and the garbage of relaying are there before it is measured.
  await Promise.all(conns.map(warmUp));
  // As many at once as later: V8's young generation has its size then. What the pool takes for
  // that counts as grown.
  const poolBytes = await proxy.poolBytes();
  for (let n = 0; n < WARM_UP_ROUNDS; n++) {
    await Promise.all(
      Array.from({ length: CLIENTS }, async () => readAll(await ask(await connect()))),
    );
  }
  await pause(CALM_MS);
  const warmBytes = await proxy.poolBytes() - poolBytes;
  const before = (await readMemory(proxy.pid)).rssBytes - warmBytes;

  origin.sentBytes = 0;
  const startedAtMs = performance.now();
  for (const conn of conns) await ask(conn);
  let peak = before;
  let doneMs = 0;
  let movedAtMs = startedAtMs;
  let sent = -1;
  while (performance.now() - startedAtMs < LONGEST_MS) {
    await pause(100);
    peak = Math.max(peak, (await readMemory(proxy.pid)).rssBytes);
    if (origin.sentBytes !== sent) movedAtMs = performance.now();
    sent = origin.sentBytes;
    if (doneMs === 0 && sent === CLIENTS * BODY_BYTES) doneMs = performance.now() - startedAtMs;
    if (performance.now() - movedAtMs > CALM_MS) break;
  }
  const files = spilled(proxy.pid);
  const steady = (await readMemory(proxy.pid)).rssBytes;
  await Promise.all(conns.map(readAll));
  peak = Math.max(peak, (await readMemory(proxy.pid)).peakRssBytes);
  const allMs = performance.now() - startedAtMs;
  await pause(200);
  const after = spilled(proxy.pid);
  origin.close();

  const bound = CLIENTS * (BUFFER_SIZE + BUFFERS) * SLACK;
  const mib = (bytes: number) => (bytes / MIB).toFixed(1);
  console.log(
    `${name}, ${CLIENTS} clients of ${mib(BODY_BYTES)} MiB, files ${usesFiles ? "on" : "off"}`,
  );
  console.log(
    `  resident before ${mib(before)} MiB; with all clients standing still ${
      mib(steady - before)
    } more; ` +
      `at most, reading included, ${mib(peak - before)} more (bound ${mib(bound)})`,
  );
  console.log(
    doneMs > 0
      ? `  the origin was done after ${(doneMs / 1000).toFixed(1)} s`
      : `  the origin is held back after ${
        mib(sent / CLIENTS)
      } MiB a client, most of it in the kernel`,
  );
  console.log(
    `  ${files.length} files, the largest ${
      mib(Math.max(0, ...files))
    } MiB; ${after.length} at the end`,
  );
  console.log(`  all read after ${(allMs / 1000).toFixed(1)} s`);
}

/** Small responses on a connection: all that its requests share is made then. */
async function warmUp(conn: Deno.TcpConn): Promise<void> {
  const into = new Uint8Array(4096);
  for (let n = 0; n < WARM_UP_REQUESTS; n++) {
    await conn.write(new TextEncoder().encode("GET /small HTTP/1.1\r\nHost: a\r\n\r\n"));
    for (let text = ""; !text.endsWith("\r\n\r\nx");) {
      const count = await conn.read(into);
      if (count === null) throw new Error("Cannot warm up: the connection ended");
      text += new TextDecoder().decode(into.subarray(0, count));
    }
  }
}

async function ask(conn: Deno.TcpConn): Promise<Deno.TcpConn> {
  await conn.write(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
  return conn;
}

/** Reads a whole response and closes. */
async function readAll(conn: Deno.TcpConn): Promise<void> {
  const into = new Uint8Array(1 << 18);
  let headBytes = 0;
  let received = 0;
  while (headBytes === 0 || received < headBytes + BODY_BYTES) {
    const count = await conn.read(into);
    if (count === null) {
      throw new Error(`Cannot read the response: it ended after ${received} bytes`);
    }
    if (headBytes === 0) {
      headBytes = new TextDecoder("latin1").decode(into.subarray(0, count)).indexOf("\r\n\r\n") + 4;
    }
    received += count;
  }
  conn.close();
}

/** Sizes of the unlinked files that a process has open. */
function spilled(pid: number): number[] {
  const sizes: number[] = [];
  for (const { name } of Deno.readDirSync(`/proc/${pid}/fd`)) {
    try {
      const path = `/proc/${pid}/fd/${name}`;
      const target = Deno.readLinkSync(path);
      const isSpilled = target.endsWith("(deleted)") && !target.startsWith("/memfd") &&
        !target.startsWith("/dev");
      if (isSpilled) sizes.push(Deno.statSync(path).size);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return sizes;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

for (const usesFiles of [true, false]) {
  await measure("Sluice", sluice, usesFiles);
  if (values.nginx) await measure("nginx", nginx, usesFiles);
}
