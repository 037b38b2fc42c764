/**
 * An origin that answers with whatever bytes it is given.
 *
 * @module
 */

const SENTINEL = latin1("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsentinel");

/**
 * Answers `/N/…` with message N, all else with "sentinel". Behind an even message, and behind any
 * that is asked for as `/N/direct`, the connection ends; else it waits for the next request, as if
 * the message had been whole and nothing beyond it.
 */
export class RawOrigin implements AsyncDisposable {
  /** One character a byte. */
  messages: readonly string[] = [];
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #serving = new Set<Promise<void>>();
  readonly #accepting: Promise<void>;

  constructor() {
    this.#accepting = this.#accept();
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#accepting;
    await Promise.all(this.#serving);
  }

  async #accept(): Promise<void> {
    while (true) {
      let conn: Deno.TcpConn;
      try {
        conn = await this.#listener.accept();
      } catch (error) {
        if (error instanceof Deno.errors.BadResource) return; // closed
        continue; // somebody who came and was gone
      }
      const serving = this.#serve(conn).catch(() => {}).finally(() => {
        conn.close();
        this.#serving.delete(serving);
      });
      this.#serving.add(serving);
    }
  }

  async #serve(conn: Deno.TcpConn): Promise<void> {
    while (true) {
      const head = await readHead(conn);
      if (head === undefined) return;
      const [, number, reader] = /^\S+ \/(\d+)\/(\w+)/.exec(head) ?? [];
      const bytes = number === undefined ? SENTINEL : latin1(this.messages[Number(number)] ?? "");
      for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
      if (number === undefined || (Number(number) % 2 === 1 && reader !== "direct")) continue;
      await conn.closeWrite();
      while (await conn.read(new Uint8Array(1_024)) !== null);
      return;
    }
  }
}

/** A request's head; undefined when the connection ends before there is one. */
async function readHead(conn: Deno.TcpConn): Promise<string | undefined> {
  const into = new Uint8Array(16_384);
  let head = "";
  while (!head.includes("\r\n\r\n")) {
    const count = await conn.read(into);
    if (count === null) return undefined;
    head += String.fromCharCode(...into.subarray(0, count));
  }
  return head;
}

function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (unit) => unit.charCodeAt(0));
}
