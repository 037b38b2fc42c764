/**
 * The certificates and keys that a configuration names for TLS towards peers: read and
 * checked once, before anything listens.
 *
 * @module
 */
import { createPrivateKey, type X509Certificate } from "node:crypto";
import { certificatesIn, TlsClient } from "../event/mod.ts";
import type { SluiceConf } from "../http/conf.ts";
import type { TlsConf } from "../upstream/conf.ts";
import { CannotUseFile } from "./explain.ts";

/** The ways of talking TLS, by the settings that they come from. */
export type TlsClients = ReadonlyMap<TlsConf, TlsClient>;

/**
 * Reads the files of all locations. Locations with equal settings share a TlsClient, and
 * so their idle connections.
 *
 * @throws {CannotUseFile}
 */
export function loadTlsClients({ listeners, groups }: SluiceConf): TlsClients {
  const bySettings = new Map<string, TlsClient>();
  const clients = new Map<TlsConf, TlsClient>();
  const add = (place: string, conf: TlsConf) => {
    const { name: _, ...settings } = conf;
    const key = JSON.stringify(settings);
    const client = bySettings.get(key) ?? loadTlsClient(place, conf);
    bySettings.set(key, client);
    clients.set(conf, client);
  };
  for (const { servers } of listeners) {
    for (const { action } of servers.flatMap(({ locations }) => locations)) {
      if (action.kind === "proxy" && action.dial.tls !== undefined) add("proxy", action.dial.tls);
    }
  }
  for (const { healthCheck } of groups) {
    if (healthCheck?.tls !== undefined) add("health_check", healthCheck.tls);
  }
  return clients;
}

function loadTlsClient(place: string, conf: TlsConf): TlsClient {
  const read = (name: string, path: string | undefined) => readPem(`${place}.${name}`, path);
  const trusted = read("ssl_trusted_certificate", conf.trustedCertificatePath);
  const certificate = read("ssl_certificate", conf.certificatePath);
  const certificateKey = read("ssl_certificate_key", conf.certificateKeyPath);
  if (trusted !== undefined) certificates(trusted);
  if (certificate !== undefined && certificateKey !== undefined) {
    checkPair(certificates(certificate), certificateKey, certificate.path);
  }
  return new TlsClient({
    trusted: conf.verify ? trusted?.text : undefined,
    verifyDepth: conf.verifyDepth,
    certificate: certificate?.text,
    certificateKey: certificateKey?.text,
    sendsServerName: conf.sendsServerName,
    minVersion: conf.minVersion,
    maxVersion: conf.maxVersion,
  });
}

/** A file that was read, and what for. */
interface PemFile {
  readonly directive: string;
  readonly path: string;
  readonly text: string;
}

function readPem(directive: string, path: string | undefined): PemFile | undefined {
  if (path === undefined) return undefined;
  try {
    return { directive, path, text: Deno.readTextFileSync(path) };
  } catch (error) {
    throw new CannotUseFile(directive, path, error);
  }
}

/** At least one. */
function certificates({ directive, path, text }: PemFile): readonly X509Certificate[] {
  let found: readonly X509Certificate[];
  try {
    found = certificatesIn(text);
  } catch {
    throw new CannotUseFile(directive, path, "one of its certificates is damaged");
  }
  if (found.length > 0) return found;
  throw new CannotUseFile(directive, path, "need at least one certificate in PEM");
}

function checkPair(
  [first]: readonly X509Certificate[],
  { directive, path, text }: PemFile,
  certificatePath: string,
): void {
  let isPair: boolean;
  try {
    isPair = first!.checkPrivateKey(createPrivateKey(text));
  } catch {
    const expected = text.includes("ENCRYPTED")
      ? "need a key without a password"
      : "need a private key in PEM";
    throw new CannotUseFile(directive, path, expected);
  }
  if (isPair) return;
  throw new CannotUseFile(directive, path, `it is not the key of ${certificatePath}`);
}
