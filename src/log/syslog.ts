/**
 * Log lines to a syslog, in nginx's form (RFC 3164): `<190>Nov 22 08:00:00 host sluice: line`.
 *
 * Each line is a datagram of its own. Nobody answers, so a line that does not arrive is lost
 * without anybody's knowing; what the system refuses to send is counted as lost.
 *
 * @module
 */
import { createSocket } from "node:dgram";
import type { SyslogConf } from "./conf.ts";
import type { LogWriter } from "./sink.ts";
import { syslogTime } from "./time_text.ts";

/** Names of facilities, by their numbers. */
export const SYSLOG_FACILITIES = [
  "kern",
  "user",
  "mail",
  "daemon",
  "auth",
  "intern",
  "lpr",
  "news",
  "uucp",
  "clock",
  "authpriv",
  "ftp",
  "ntp",
  "audit",
  "alert",
  "cron",
  "local0",
  "local1",
  "local2",
  "local3",
  "local4",
  "local5",
  "local6",
  "local7",
] as const;

/** Names of severities, by their numbers. */
export const SYSLOG_SEVERITIES = [
  "emerg",
  "alert",
  "crit",
  "error",
  "warn",
  "notice",
  "info",
  "debug",
] as const;

/** A datagram is not longer; a line that is, is cut. */
const DATAGRAM_BYTES_MAX = 60_000;

const LF = 0x0a;

/** What stands before a line, and the blank behind it. */
export function syslogHead(
  { facility, tag, hasHostname }: SyslogConf,
  severity: number,
  wallMs: number,
): string {
  const host = hasHostname ? `${hostname()} ` : "";
  return `<${facility * 8 + severity}>${syslogTime(wallMs)} ${host}${tag}: `;
}

let ownName: string | undefined;

/** @throws {Deno.errors.NotCapable} There is no permission to know it; ask before lines come. */
function hostname(): string {
  return ownName ??= Deno.hostname();
}

/** Sends lines as datagrams. @throws What the making of a socket throws. */
export function openSyslog({ server, hasHostname }: SyslogConf): LogWriter {
  if (hasHostname) hostname();
  return eachLine(server.transport === "unix" ? openUnix(server.path) : openUdp(server));
}

/** Something that datagrams go into. */
interface Datagrams {
  send(bytes: Uint8Array): Promise<void>;
  close(): void;
}

/** Takes a page's lines apart. */
function eachLine(datagrams: Datagrams): LogWriter {
  return {
    async write(bytes): Promise<number> {
      const end = bytes.indexOf(LF);
      const line = bytes.subarray(0, end < 0 ? bytes.length : end);
      if (line.length > 0) await datagrams.send(line.subarray(0, DATAGRAM_BYTES_MAX));
      return end < 0 ? bytes.length : end + 1;
    },
    close: () => datagrams.close(),
  };
}

/** The address that datagrams to `hostname` leave from. */
export function ownUdpAddress(hostname: string): string {
  if (hostname === "::1" || hostname.startsWith("127.")) return hostname;
  return hostname.includes(":") ? "::" : "0.0.0.0";
}

/** @throws {Deno.errors.NotCapable} */
function openUdp({ hostname, port }: { hostname: string; port: number }): Datagrams {
  const isIpv6 = hostname.includes(":");
  const own = ownUdpAddress(hostname);
  // Asked first: what is refused later is thrown where nobody can catch it.
  for (const host of [`${bracketed(own)}:0`, `${bracketed(hostname)}:${port}`]) {
    if (Deno.permissions.querySync({ name: "net", host }).state === "granted") continue;
    throw new Deno.errors.NotCapable(
      `a syslog needs net access to "${host}" (--allow-net=${host})`,
    );
  }
  const socket = createSocket(isIpv6 ? "udp6" : "udp4");
  let isReady = false;
  const ready = new Promise<void>((resolve, reject) => {
    // Later ones are told to whoever sends.
    socket.on("error", reject);
    socket.bind(0, own, () => {
      isReady = true;
      socket.unref();
      resolve();
    });
  });
  ready.catch(() => {}); // whoever sends is told
  return {
    async send(bytes): Promise<void> {
      if (!isReady) await ready;
      await new Promise<void>((resolve, reject) => {
        socket.send(bytes, port, hostname, (error) => {
          if (error === null || error === undefined) resolve();
          else reject(error);
        });
      });
    },
    close: () => {
      ready.then(() => socket.close(), () => {});
    },
  };
}

function bracketed(hostname: string): string {
  return hostname.includes(":") ? `[${hostname}]` : hostname;
}

/** A name in no folder: one that is in a folder would stay there. */
function openUnix(path: string): Datagrams {
  if (typeof Deno.listenDatagram !== "function") {
    throw new Deno.errors.NotSupported("a syslog at a unix socket needs --unstable-net");
  }
  const own = `\0sluice-log-${crypto.randomUUID()}`;
  const socket = Deno.listenDatagram({ transport: "unixpacket", path: own });
  return {
    async send(bytes): Promise<void> {
      await socket.send(bytes, { transport: "unixpacket", path });
    },
    close: () => socket.close(),
  };
}
