/**
 * Connecting through `node:net` and `node:tls`.
 *
 * @module
 */
import { connect as connectTcp, type Socket, type TcpNetConnectOpts } from "node:net";
import { connect as connectTls } from "node:tls";
import type { DialAddress, Dialled, DialOptions } from "./dial.ts";
import { Failure } from "./failure.ts";
import { NodeTransport } from "./node_transport.ts";
import { handshakeFailure } from "./tls_client.ts";

/**
 * Resolves when bytes of the protocol can be sent: behind the handshake, if there is one.
 *
 * @param onHandshake Called between the connection and its handshake.
 * @throws {Failure} `tls`, when the handshake fails. What the system says of connecting is thrown as it is.
 */
export function connectByNode(
  address: DialAddress,
  options: DialOptions,
  signal: AbortSignal,
  onHandshake: () => void,
): Promise<Dialled> {
  return new Promise((resolve, reject) => {
    let isHandshaking = false;
    const socket = openSocket(address, options);
    socket.once("connect", onConnect);
    socket.once("secureConnect", onReady);
    socket.on("error", onError);
    socket.once("close", onClose);
    signal.addEventListener("abort", onAbort);

    function onConnect(): void {
      socket.setNoDelay(true);
      if (options.socketKeepalive) socket.setKeepAlive(true);
      if (options.tls === undefined) return onReady();
      isHandshaking = true;
      onHandshake();
    }

    function onReady(): void {
      letGo();
      socket.off("error", onError);
      const remote = address.transport === "tcp" ? address : { hostname: "unix:", port: 0 };
      resolve({ transport: new NodeTransport(socket), remote });
    }

    function onError(error: Error): void {
      letGo(); // but for this listener: an error that nobody listens to would end the process
      socket.destroy();
      reject(isHandshaking ? handshakeFailure(error) : error);
    }

    function onClose(): void {
      onError(new Failure("upstream", "tls", "peer closed connection in SSL handshake"));
    }

    function onAbort(): void {
      onError(new Deno.errors.Interrupted("operation canceled"));
    }

    function letGo(): void {
      socket.off("connect", onConnect);
      socket.off("secureConnect", onReady);
      socket.off("close", onClose);
      signal.removeEventListener("abort", onAbort);
    }
  });
}

function openSocket(address: DialAddress, { tls, bind }: DialOptions): Socket {
  const where = {
    ...(address.transport === "unix"
      ? { path: address.path }
      : { host: address.hostname, port: address.port }),
    ...(bind === undefined ? {} : { localAddress: bind }),
    // Otherwise the socket would end its own direction when the peer ends the other one.
    allowHalfOpen: true,
  };
  if (tls === undefined) return connectTcp(where as TcpNetConnectOpts);
  return connectTls({ ...where, ...tls.client.connectOptions(tls.name) });
}
