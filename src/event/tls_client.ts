/**
 * TLS towards a peer: what is offered, what is trusted, and in which words a handshake
 * fails. The words are nginx's, because tools look for them.
 *
 * It is `node:tls` throughout. `Deno.startTls` would be shorter, but it cannot leave the
 * verification out, always sends a server name, takes no client certificate, and trusts
 * every public authority besides those that it is given.
 *
 * @module
 */
import { X509Certificate } from "node:crypto";
import {
  checkServerIdentity,
  createSecureContext,
  type DetailedPeerCertificate,
  type PeerCertificate,
  type SecureContext,
} from "node:tls";
import { Failure } from "./failure.ts";
import { systemErrorText } from "./system_error.ts";

/** The versions that there are; the runtime knows no older ones. */
export type TlsVersion = "TLSv1.2" | "TLSv1.3";

/** What a peer is shown, and how it is judged. Texts in PEM. */
export interface TlsClientOptions {
  /** Nobody else is trusted. Without it no certificate is verified. */
  readonly trusted: string | undefined;
  /** Certificates between the peer's and a trusted one: this many at most. */
  readonly verifyDepth: number;
  /** Ours, if the peer asks for one. */
  readonly certificate: string | undefined;
  readonly certificateKey: string | undefined;
  /** Whether the peer is told which name is wanted (SNI, RFC 6066, 3). */
  readonly sendsServerName: boolean;
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion;
}

/** The part of `tls.connect`'s options that is TLS's own. */
export interface TlsConnectOptions {
  readonly secureContext: SecureContext;
  readonly rejectUnauthorized: boolean;
  readonly servername?: string;
  readonly checkServerIdentity: (host: string, certificate: PeerCertificate) => Error | undefined;
}

/** One way of talking TLS, made once and used for all connections that are to be made so. */
export class TlsClient {
  readonly #options: TlsClientOptions;
  readonly #context: SecureContext;
  /** Fingerprints of the trusted certificates. */
  readonly #trusted: ReadonlySet<string>;

  /** @throws {Error} When a text is no certificate or key, or they do not belong together. */
  constructor(options: TlsClientOptions) {
    const { trusted, certificate, certificateKey, minVersion, maxVersion } = options;
    this.#options = options;
    this.#trusted = new Set(certificatesIn(trusted ?? "").map(fingerprintOf));
    this.#context = createSecureContext({
      minVersion,
      maxVersion,
      ...(trusted === undefined ? {} : { ca: trusted }),
      ...(certificate === undefined ? {} : { cert: certificate }),
      ...(certificateKey === undefined ? {} : { key: certificateKey }),
    });
  }

  /** What to connect with, to a peer that has to have a certificate for `name`. */
  connectOptions(name: string): TlsConnectOptions {
    const { trusted, sendsServerName } = this.#options;
    return {
      secureContext: this.#context,
      rejectUnauthorized: trusted !== undefined,
      // An address is no server name (RFC 6066, 3).
      ...(sendsServerName && isServerName(name) ? { servername: name } : {}),
      checkServerIdentity: (_host, certificate) => this.#check(name, certificate),
    };
  }

  /** Asked once the chain of certificates is known to lead to a trusted one. */
  #check(name: string, certificate: PeerCertificate): Failure | undefined {
    // Node's types promise less than is there: the chain as it was built.
    const depth = this.#depthOf(certificate as DetailedPeerCertificate);
    if (depth > this.#options.verifyDepth) return verifyFailure("CERT_CHAIN_TOO_LONG");
    if (checkServerIdentity(name, certificate) === undefined) return undefined;
    return new Failure(
      "upstream",
      "tls",
      `upstream SSL certificate does not match ${JSON.stringify(name)}`,
    );
  }

  /** How many certificates stand between the peer's and the first trusted one. */
  #depthOf(leaf: DetailedPeerCertificate): number {
    const seen = new Set<string>();
    let depth = 0;
    let certificate = leaf;
    while (
      !this.#trusted.has(certificate.fingerprint256) && !seen.has(certificate.fingerprint256)
    ) {
      seen.add(certificate.fingerprint256);
      if (certificate !== leaf) depth++;
      if (certificate.issuerCertificate === undefined) break;
      certificate = certificate.issuerCertificate;
    }
    return depth;
  }
}

/** The certificates of a PEM text, in order. @throws {Error} When one of them is none. */
export function certificatesIn(pem: string): X509Certificate[] {
  return [...pem.matchAll(CERTIFICATE)].map(([text]) => new X509Certificate(text));
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

function fingerprintOf({ fingerprint256 }: X509Certificate): string {
  return fingerprint256;
}

/** What a handshake's end says of it: a Failure that keeps the error as its cause. */
export function handshakeFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  const { code } = error as { code?: unknown };
  if (typeof code === "string" && code in VERIFY_ERRORS) return verifyFailure(code, error);
  if (code === "ECONNRESET") {
    // The runtime does not tell an end from a reset here.
    return new Failure("upstream", "tls", "peer closed connection in SSL handshake", error);
  }
  const text = systemErrorText(error);
  return new Failure("upstream", "tls", `SSL_do_handshake() failed (SSL: ${text})`, error);
}

function verifyFailure(code: string, cause?: unknown): Failure {
  const text = VERIFY_ERRORS[code]!;
  return new Failure("upstream", "tls", `upstream SSL certificate verify error: (${text})`, cause);
}

/** OpenSSL's numbers and texts (`X509_verify_cert_error_string`) by node's codes. */
const VERIFY_ERRORS: Readonly<Record<string, string>> = {
  UNABLE_TO_GET_ISSUER_CERT: "2:unable to get issuer certificate",
  CERT_SIGNATURE_FAILURE: "7:certificate signature failure",
  CERT_NOT_YET_VALID: "9:certificate is not yet valid",
  CERT_HAS_EXPIRED: "10:certificate has expired",
  DEPTH_ZERO_SELF_SIGNED_CERT: "18:self-signed certificate",
  SELF_SIGNED_CERT_IN_CHAIN: "19:self-signed certificate in certificate chain",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "20:unable to get local issuer certificate",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "21:unable to verify the first certificate",
  CERT_CHAIN_TOO_LONG: "22:certificate chain too long",
  CERT_REVOKED: "23:certificate revoked",
  INVALID_CA: "24:invalid CA certificate",
  INVALID_PURPOSE: "26:unsupported certificate purpose",
  CERT_UNTRUSTED: "27:certificate not trusted",
  CERT_REJECTED: "28:certificate rejected",
};

function isServerName(name: string): boolean {
  return /^[a-z\d_](?:[a-z\d_.-]*[a-z\d_])?\.?$/i.test(name) && !/^[\d.]+$/.test(name);
}
