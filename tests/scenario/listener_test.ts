/** The accept loop against clients and kernels that misbehave. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  type BindAddress,
  Deadlines,
  Listener,
  openGate,
  systemClock,
  type TcpConn,
} from "../../src/event/mod.ts";
import { SlabPool, TempSpace } from "../../src/buffer/mod.ts";
import { type Client, connect } from "../support/client.ts";
import { assertNothingHeld } from "../support/leak_check.ts";
import { Program, tempDir } from "../support/program.ts";
import { Tally } from "../support/within.ts";

const LOOPBACK: BindAddress = { transport: "tcp", hostname: "127.0.0.1", port: 0 };

/** A listener, what it accepted and what it said. */
class Accepting implements AsyncDisposable {
  readonly accepted = new Tally<TcpConn>("accepted connection");
  readonly trouble = new Tally<string>("trouble");
  readonly listener: Listener;
  readonly context = {
    pool: new SlabPool({ maxBytes: 1 << 20, debug: true }),
    deadlines: new Deadlines(systemClock),
    gate: openGate,
    counters: { open: 0, dribbling: 0 },
    tempSpace: new TempSpace(),
  };

  constructor(maxConnections = 1_000, address: BindAddress = LOOPBACK) {
    this.listener = new Listener(address, 511, {
      maxConnections,
      context: this.context,
      onConn: (conn) => this.accepted.add(conn),
      onTrouble: (message) => this.trouble.add(message),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.listener.close();
    for (const conn of this.accepted.all) conn.close();
    assertNothingHeld(this.context.pool, this.context.deadlines);
    assertEquals(this.context.counters.open, 0);
  }
}

async function clients(address: string, count: number): Promise<Client[]> {
  const opened: Client[] = [];
  for (let index = 0; index < count; index++) opened.push(await connect(address));
  return opened;
}

Deno.test("listener: at worker_connections it pauses, says so once, and goes on when one closes", async () => {
  await using accepting = new Accepting(2);
  const opened = await clients(accepting.listener.address, 5);
  await accepting.accepted.nth(2);
  assertMatch(await accepting.trouble.nth(1), /^2 worker_connections are not enough/);
  assertEquals(accepting.accepted.all.length, 2);

  accepting.accepted.all[0]!.close();
  const third = await accepting.accepted.nth(3);
  assertEquals(accepting.context.counters.open, 2);
  third.close();
  accepting.accepted.all[1]!.close();
  await accepting.accepted.nth(5);
  assertEquals(accepting.trouble.all.length, 1, "it repeats itself");
  for (const client of opened) await client.close();
});

Deno.test("listener: clients that reset before they are accepted harm nobody", async () => {
  await using accepting = new Accepting(1);
  const [first] = await clients(accepting.listener.address, 1);
  await accepting.trouble.nth(1); // it pauses: who comes now waits in the kernel
  for (let round = 0; round < 3; round++) {
    for (const client of await clients(accepting.listener.address, 40)) await client.reset();
  }
  const last = await connect(accepting.listener.address);
  accepting.accepted.all[0]!.close();
  // Some of those that were reset may be accepted, and are then found broken.
  const port = (last.socket.address() as { readonly port: number }).port;
  for (let k = 2;; k++) {
    const conn = await accepting.accepted.nth(k);
    if (conn.remote.port === port) break;
    conn.close();
  }
  await first!.close();
  await last.close();
});

Deno.test("listener: clients that reset at once, one after the other, harm nobody", async () => {
  await using accepting = new Accepting();
  for (let index = 0; index < 200; index++) {
    await (await connect(accepting.listener.address)).reset();
  }
  const last = await connect(accepting.listener.address);
  const port = (last.socket.address() as { readonly port: number }).port;
  for (let k = 1;; k++) if ((await accepting.accepted.nth(k)).remote.port === port) break;
  await last.close();
});

Deno.test("listener: close while it waits for a client, while it pauses, and twice", async () => {
  for (const maxConnections of [10, 0]) {
    await using accepting = new Accepting(maxConnections);
    if (maxConnections === 0) await accepting.trouble.nth(1);
    const { address } = accepting.listener;
    await Promise.all([accepting.listener.close(), accepting.listener.close()]);
    let isRefused = false;
    await connect(address).then((client) => client.close(), () => isRefused = true);
    assert(isRefused, "somebody still listens");
  }
});

Deno.test("listener: what was accepted stays open when it closes", async () => {
  await using accepting = new Accepting();
  await using client = await connect(accepting.listener.address);
  const conn = await accepting.accepted.nth(1);
  await accepting.listener.close();
  const buf = accepting.context.pool.acquire(16, "test")!;
  buf.last = 3;
  buf.cell.set(new TextEncoder().encode("yes"));
  conn.send(buf);
  buf.release();
  await client.readThrough("yes");
});

Deno.test("listener: on a unix socket", async () => {
  await using dir = await tempDir();
  const path = `${dir.path}/s.sock`;
  await using accepting = new Accepting(10, { transport: "unix", path });
  assertEquals(accepting.listener.address, `unix:${path}`);
  using far = await Deno.connect({ transport: "unix", path });
  const conn = await accepting.accepted.nth(1);
  assertEquals([conn.remote.hostname, conn.remote.port], ["unix:", 0]);
  far.closeWrite();
});

Deno.test("listener: without a descriptor left it says so, and accepts again when there is one", async () => {
  const child = new URL("listener_child.ts", import.meta.url).pathname;
  await using program = new Program({
    command: "sh",
    args: ["-c", `ulimit -n 48; exec "$0" run --quiet --no-check -A "$1"`, Deno.execPath(), child],
  });
  const [, address] = await program.waitForLine(/^listening on (.*)$/);
  const opened = await clients(address!, 60);
  await program.waitForLine(/^trouble: cannot accept a connection: .*(EMFILE|os error 24)/i);
  for (const client of opened) await client.close();
  await using late = await connect(address!);
  await late.readThrough("hello");
  assertEquals(program.exit, undefined);
});
