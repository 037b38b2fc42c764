/**
 * `syslog:server=ADDRESS[,facility=…][,severity=…][,tag=…][,nohostname]`.
 *
 * @module
 */
import type { SyslogConf } from "../log/conf.ts";
import { SYSLOG_FACILITIES, SYSLOG_SEVERITIES } from "../log/syslog.ts";
import { isIp, parseHostPort } from "../peer/address.ts";
import { nearestName } from "./nearest.ts";

const PORT = 514;
const DEFAULT_FACILITY = SYSLOG_FACILITIES.indexOf("local7");
const DEFAULT_SEVERITY = SYSLOG_SEVERITIES.indexOf("info");
const DEFAULT_TAG = "sluice";

/** What follows `syslog:`; a text says what is wrong with it. */
export function parseSyslog(text: string): SyslogConf | string {
  let server: SyslogConf["server"] | undefined;
  let [facility, severity, tag] = [DEFAULT_FACILITY, DEFAULT_SEVERITY, DEFAULT_TAG];
  let hasHostname = true;
  for (const part of text.split(",")) {
    const equals = part.indexOf("=");
    const [name, value] = equals < 0 ? [part, ""] : [part.slice(0, equals), part.slice(equals + 1)];
    switch (name) {
      case "server": {
        server = parseServer(value);
        if (server === undefined) {
          return 'need an address of a syslog such as "127.0.0.1:514" or "unix:/dev/log"';
        }
        break;
      }
      case "facility":
        facility = (SYSLOG_FACILITIES as readonly string[]).indexOf(value);
        if (facility < 0) return unknown("facility", value, SYSLOG_FACILITIES);
        break;
      case "severity":
        severity = (SYSLOG_SEVERITIES as readonly string[]).indexOf(value);
        if (severity < 0) return unknown("severity", value, SYSLOG_SEVERITIES);
        break;
      case "tag":
        if (!/^\w{1,32}$/.test(value)) return "need a tag of 1 to 32 letters, digits and _";
        tag = value;
        break;
      case "nohostname":
        hasHostname = false;
        break;
      default:
        return unknown("parameter", name, ["server", "facility", "severity", "tag", "nohostname"]);
    }
  }
  if (server === undefined) return "need server=ADDRESS";
  return { server, facility, severity, tag, hasHostname };
}

function parseServer(text: string): SyslogConf["server"] | undefined {
  const [, path] = /^unix:(\/[^\0]+)$/.exec(text) ?? [];
  if (path !== undefined) return { transport: "unix", path };
  const parsed = parseHostPort(text, 1);
  if (parsed === undefined) return undefined;
  const hostname = parsed.hostname === "localhost" ? "127.0.0.1" : parsed.hostname;
  if (!isIp(hostname)) return undefined;
  return { transport: "udp", hostname, port: parsed.port ?? PORT };
}

function unknown(what: string, value: string, known: readonly string[]): string {
  const nearest = nearestName(value, known);
  return `no such ${what} of a syslog: "${value}"${
    nearest === undefined ? "" : `; did you mean "${nearest}"?`
  }`;
}
