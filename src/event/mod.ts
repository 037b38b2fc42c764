/**
 * Events: would-block and its driver, time, connections, listening and dialling.
 *
 * @module
 */
export { type Clock, Deadlines, type Expirable, NEVER, setClock, systemClock } from "./clock.ts";
export type { Conn, RemoteAddress } from "./conn.ts";
export {
  adopt,
  type Connect,
  Dial,
  type DialAddress,
  type Dialled,
  type DialOptions,
  isSameDial,
  PLAIN_DIAL,
} from "./dial.ts";
export { DescriptorReserve } from "./descriptor_reserve.ts";
export { Driver } from "./driver.ts";
export { Failure, type FailureKind, NoSocket, type Side } from "./failure.ts";
export { type AcceptOptions, type BindAddress, keepOpen, Listener } from "./listen.ts";
export { type ConnContext, type ConnCounters, TcpConn, type Transport } from "./tcp_conn.ts";
export { certificatesIn, TlsClient, type TlsClientOptions, type TlsVersion } from "./tls_client.ts";
export { Pause } from "./pause.ts";
export { OutOfBuffers, Room, waitForRoom } from "./room.ts";
export { type Member, Roster } from "./roster.ts";
export { openGate, type ReadGate, Turnstile } from "./turnstile.ts";
export { AGAIN, FirstOf, type Phase, Repeated, Signal, until, type Wait } from "./wait.ts";
export { SpareFiles } from "./spare_files.ts";
export { systemErrorText } from "./system_error.ts";
