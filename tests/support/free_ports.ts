/**
 * Ports for programs that cannot listen on 0, and ports that nobody listens on.
 *
 * Each thread that runs tests has a block of its own, so two that run at once never have
 * the same port, and within the block each port is given once before any is given again:
 * a port that is to stay closed is not the one that the next program listens on.
 *
 * @module
 */

/** Below those that a system gives to whoever listens on 0: none of these is given to another program. */
const FROM = 21_000;
const TO = 32_000;
/** More than any file of tests asks for at once. */
const BLOCK = 500;

/** Listened on for as long as the thread lives: its block is nobody else's. */
const claim = claimBlock();
let given = 0;

/** A TCP port on 127.0.0.1 that was free a moment ago. */
export function freePort(): number {
  return freePorts(1)[0]!;
}

/** `count` different ones. */
export function freePorts(count: number): number[] {
  const found: number[] = [];
  for (let tries = 1; tries < BLOCK && found.length < count; tries++) {
    const port = claim.addr.port + 1 + given++ % (BLOCK - 1);
    const listener = tryListen(port);
    listener?.close();
    if (listener !== undefined) found.push(port);
  }
  if (found.length < count) {
    throw new Error(`no ${count} free ports from ${claim.addr.port} on, of ${BLOCK}`);
  }
  return found;
}

function claimBlock(): Deno.TcpListener {
  const blocks = (TO - FROM) / BLOCK;
  const first = Math.floor(Math.random() * blocks);
  for (let at = 0; at < blocks; at++) {
    const listener = tryListen(FROM + (first + at) % blocks * BLOCK);
    if (listener !== undefined) return listener;
  }
  throw new Error(`no block of ports from ${FROM} to ${TO} is free`);
}

/** `undefined` when somebody listens there. */
function tryListen(port: number): Deno.TcpListener | undefined {
  try {
    return Deno.listen({ hostname: "127.0.0.1", port });
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return undefined;
    throw error;
  }
}
