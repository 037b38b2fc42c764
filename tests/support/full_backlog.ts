/**
 * A peer that does not answer a connect, as one behind a firewall does not.
 *
 * @module
 */

/** A listener that nobody accepts from, its backlog full: a connect to it hangs. Linux drops the SYN. */
export async function fullBacklog(): Promise<{ address: string } & AsyncDisposable> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0, tcpBacklog: 1 });
  const { port } = listener.addr;
  const abort = new AbortController();
  const filling: Promise<Deno.Conn | undefined>[] = [];
  for (let n = 0; n < 4; n++) {
    filling.push(
      Deno.connect({ hostname: "127.0.0.1", port, signal: abort.signal }).catch(() => undefined),
    );
  }
  await new Promise((resolve) => setTimeout(resolve, 20)); // until the kernel has taken what it takes
  return {
    address: `127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      abort.abort();
      for (const conn of await Promise.all(filling)) conn?.close();
      listener.close();
    },
  };
}
