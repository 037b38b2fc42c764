/**
 * Ports for programs that cannot listen on 0, and ports that nobody listens on.
 *
 * @module
 */

/** Below those that a system gives to whoever listens on 0: none of these is given to another program. */
const FROM = 21_000;
const TO = 32_000;

/** A TCP port on 127.0.0.1 that was free a moment ago. */
export function freePort(): number {
  while (true) {
    const port = FROM + Math.floor(Math.random() * (TO - FROM));
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}

/** `count` different ones. */
export function freePorts(count: number): number[] {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(freePort());
  return [...ports];
}
