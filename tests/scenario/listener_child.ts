/**
 * A listener that greets whoever connects, for tests that limit what its process may have.
 * It says what happens on stderr, line by line.
 *
 * @module
 */
import { SlabPool, TempSpace } from "../../src/buffer/mod.ts";
import { Deadlines, Listener, openGate, systemClock, type TcpConn } from "../../src/event/mod.ts";

const pool = new SlabPool({ maxBytes: 1 << 20 });
const context = {
  pool,
  deadlines: new Deadlines(systemClock),
  gate: openGate,
  counters: { open: 0, dribbling: 0 },
  tempSpace: new TempSpace(),
};

const listener = new Listener({ transport: "tcp", hostname: "127.0.0.1", port: 0 }, 511, {
  maxConnections: 10_000,
  context,
  onConn: greet,
  onTrouble: (message) => console.error(`trouble: ${message}`),
});
console.error(`listening on ${listener.address}`);

/** Says hello, and closes when the other end does. */
function greet(conn: TcpConn): void {
  const hello = pool.acquire(5, "greeting")!;
  hello.cell.set(new TextEncoder().encode("hello"));
  hello.last = 5;
  conn.send(hello);
  hello.release();
  const into = pool.acquire(1, "reading")!;
  conn.recv(into);
  conn.readable.arm(() => {
    conn.close();
    into.release();
  });
}
