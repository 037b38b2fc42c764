/**
 * TLS over a transport, as a transport.
 *
 * It is `node:tls` over a stream of our own and not over a socket of its own, because its
 * sockets know no back-pressure: told to stop, they go on to read and decrypt all that the
 * peer sends, hundreds of megabytes if the client is slow. Here they get no more to decrypt
 * while enough lies ready.
 *
 * @module
 */
import { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import { Failure } from "./failure.ts";
import { NodeTransport } from "./node_transport.ts";
import { systemErrorText } from "./system_error.ts";
import type { Transport } from "./tcp_conn.ts";
import { handshakeFailure, type TlsClient } from "./tls_client.ts";

/** As much is read from the peer at once: one record of TLS and its frame (RFC 8446, 5.1). */
const READ_BYTES = 16_384 + 512;
/** Decrypted bytes that may wait; one read more can come on top. */
const READY_BYTES_MAX = 65_536;

/**
 * Makes the handshake with a peer that has to have a certificate for `name`. The
 * transport is then the result's: it is closed with it, and when the handshake fails.
 *
 * @throws {Failure} `tls`
 */
export function startTls(
  transport: Transport,
  { client, name }: { readonly client: TlsClient; readonly name: string },
  signal: AbortSignal,
): Promise<Transport> {
  return new Promise((resolve, reject) => {
    const records = new Records(transport);
    const socket = connectTls({ socket: records, ...client.connectOptions(name) });
    records.readyBytes = () => socket.readableLength;
    socket.once("secureConnect", onReady);
    socket.on("error", onFailed);
    socket.once("close", onClose);
    records.on("error", onFailed);
    records.on("close", onRecordsClosed);
    signal.addEventListener("abort", onClose);
    // Given up while the transport was being opened: nobody will say so again.
    if (signal.aborted) onClose();

    function onReady(): void {
      letGo();
      socket.off("error", onFailed);
      const upper = new NodeTransport(socket, () => records.goOn());
      records.onWriteFailed = (error) => upper.failWrites(error);
      resolve(upper);
    }

    function onFailed(error: Error): void {
      letGo(); // but for the listeners of errors: one that nobody listens to ends the process
      socket.destroy();
      records.destroy();
      reject(failureOf(records.failure, error));
    }

    function onClose(): void {
      onFailed(new Failure("upstream", "tls", "peer closed connection in SSL handshake"));
    }

    function letGo(): void {
      socket.off("secureConnect", onReady);
      socket.off("close", onClose);
      signal.removeEventListener("abort", onClose);
      socket.once("close", () => records.destroy());
    }

    function onRecordsClosed(): void {
      socket.destroy();
    }
  });
}

/** What the transport said says more than what TLS made of it. */
function failureOf(below: unknown, above: Error): Failure {
  if (below === undefined) return handshakeFailure(above);
  const text = `peer closed connection in SSL handshake (${systemErrorText(below)})`;
  return new Failure("upstream", "tls", text, below);
}

/** The encrypted side: a transport as the stream that `node:tls` wants. */
class Records extends Duplex {
  /** How many decrypted bytes wait. */
  readyBytes: () => number = () => 0;
  /** Told when nothing more can be sent. The peer may have said something before: reading goes on. */
  onWriteFailed: ((error: unknown) => void) | undefined;
  /** What broke the transport. */
  failure: unknown;
  readonly #transport: Transport;
  #room = new Uint8Array(READ_BYTES);
  #isHeld = false;
  #isPushing = false;
  #isWriteBroken = false;

  constructor(transport: Transport) {
    super({ readableHighWaterMark: READ_BYTES, writableHighWaterMark: READ_BYTES });
    this.#transport = transport;
  }

  /** Decrypted bytes were taken: there may be room for more. */
  goOn(): void {
    if (!this.#isHeld || this.readyBytes() >= READY_BYTES_MAX) return;
    this.#isHeld = false;
    this._read();
  }

  override _read(): void {
    this.#isHeld = this.#isPushing || this.readyBytes() >= READY_BYTES_MAX;
    if (!this.#isHeld) this.#transport.read(this.#room).then(this.#onRead, this.#onBroken);
  }

  override _write(chunk: Uint8Array, _encoding: string, done: () => void): void {
    if (this.#isWriteBroken) return done();
    this.#writeAll(chunk).then(done, (error) => {
      this.#isWriteBroken = true;
      this.failure ??= error;
      this.onWriteFailed?.(error);
      done();
    });
  }

  override _final(done: () => void): void {
    this.#transport.closeWrite().then(done, done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#transport.close();
    done(error);
  }

  async #writeAll(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.length;) at += await this.#transport.write(chunk.subarray(at));
  }

  readonly #onRead = (byteCount: number | null): void => {
    if (byteCount === null) return void this.push(null);
    this.#isPushing = true; // no other read into the room till then
    this.push(this.#room.subarray(0, byteCount));
    this.#isPushing = false;
    // It is decrypted within the push, and the room is free again. If it ever were not, the
    // room would be the stream's.
    if (this.readableLength > 0) this.#room = new Uint8Array(READ_BYTES);
    this.goOn();
  };

  readonly #onBroken = (error: unknown): void => {
    if (this.destroyed) return;
    this.failure ??= error;
    this.destroy(error instanceof Error ? error : new Error(String(error)));
  };
}
