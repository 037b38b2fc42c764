/**
 * How a location's peers are connected to.
 *
 * @module
 */
import type { TlsVersion } from "../event/mod.ts";
import type { DialConf, TlsConf } from "../upstream/conf.ts";
import type { Settings } from "./directive.ts";
import type { proxySslDirectives } from "./directives/proxy_ssl.ts";
import { type Problems, quote } from "./problem.ts";
import type { Located } from "./types.ts";

type DialSettings = Settings<typeof proxySslDirectives>;

export function buildDial(
  pass: Located,
  isTls: boolean,
  settings: DialSettings,
  problems: Problems,
): DialConf {
  return {
    bind: settings.bind === "off" ? undefined : settings.bind,
    socketKeepalive: settings.socketKeepalive,
    protocol: settings.protocol,
    tls: isTls ? buildTls(pass, settings, problems) : undefined,
  };
}

function buildTls({ text, span }: Located, settings: DialSettings, problems: Problems): TlsConf {
  const { sslVerify, sslTrustedCertificate, sslCertificate, sslCertificateKey } = settings;
  const complain = (expected: string) =>
    problems.add({ span, cannot: `pass to ${quote(text)}`, found: quote(text), expected });
  if (sslVerify && sslTrustedCertificate === undefined) {
    complain("need ssl_trusted_certificate for ssl_verify");
  }
  if (sslCertificate !== undefined && sslCertificateKey === undefined) {
    complain("need ssl_certificate_key for ssl_certificate");
  }
  const [minVersion = "TLSv1.2", maxVersion = minVersion]: readonly TlsVersion[] = [
    ...settings.sslProtocols,
  ];
  return {
    sendsServerName: settings.sslServerName,
    name: settings.sslName,
    verify: sslVerify,
    verifyDepth: settings.sslVerifyDepth,
    trustedCertificatePath: sslTrustedCertificate,
    certificatePath: sslCertificate,
    certificateKeyPath: sslCertificate === undefined ? undefined : sslCertificateKey,
    minVersion,
    maxVersion,
  };
}
