/**
 * Connecting through `node:net`, for what `Deno.connect` cannot do: a source address.
 *
 * @module
 */
import { connect, type Socket, type TcpNetConnectOpts } from "node:net";
import type { DialAddress, Dialled, DialOptions } from "./dial.ts";
import { NodeTransport } from "./node_transport.ts";

/** @throws {Error} What the system says, as it is. */
export function connectByNode(
  address: DialAddress & { readonly transport: "tcp" },
  { bind, socketKeepalive }: DialOptions,
  signal: AbortSignal,
): Promise<Dialled> {
  return new Promise((resolve, reject) => {
    const socket = openSocket(address, bind);
    socket.once("connect", onConnect);
    socket.on("error", onError);
    signal.addEventListener("abort", onAbort);
    if (signal.aborted) onAbort();

    function onConnect(): void {
      letGo();
      socket.off("error", onError);
      socket.setNoDelay(true);
      if (socketKeepalive) socket.setKeepAlive(true);
      resolve({ transport: new NodeTransport(socket), remote: address });
    }

    function onError(error: Error): void {
      letGo(); // but for this listener: an error that nobody listens to would end the process
      socket.destroy();
      reject(error);
    }

    function onAbort(): void {
      onError(new Deno.errors.Interrupted("operation canceled"));
    }

    function letGo(): void {
      socket.off("connect", onConnect);
      signal.removeEventListener("abort", onAbort);
    }
  });
}

function openSocket(
  { hostname, port }: { readonly hostname: string; readonly port: number },
  bind: string | undefined,
): Socket {
  const options: TcpNetConnectOpts = {
    host: hostname,
    port,
    // Otherwise the socket would end its own direction when the peer ends the other one.
    allowHalfOpen: true,
    ...(bind === undefined ? {} : { localAddress: bind }),
  };
  return connect(options);
}
