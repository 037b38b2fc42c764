/** Directives about how a peer is connected to: the source address, and TLS. @module */
import type { TlsVersion } from "../../event/mod.ts";
import { isIp, parseHostPort } from "../../peer/address.ts";
import { type ArgumentType, directive, HTTP_SERVER_LOCATION, type Table } from "../directive.ts";
import { oneFile } from "../nginx_form.ts";
import { wordsOf } from "../node.ts";
import { choice, flag, integer, scalarType, template } from "../types.ts";

/** An IP address of this machine; `off` for whichever the system takes. */
const sourceAddress: ArgumentType<string> = {
  label: "address | off",
  expected: 'an IP address such as "192.0.2.1" or "::1", or off',
  read(node, reading): string | undefined {
    if (node.kind === "scalar") {
      const text = node.text.replace(/^\[(.*)\]$/, "$1");
      if (text === "off" || text === "false") return "off";
      if (text.includes("$")) {
        return reading.refuse(node, `${this.expected}: variables are not supported here`);
      }
      if (/\stransparent$/.test(text)) {
        return reading.refuse(node, "the address alone: the runtime has no transparent sockets");
      }
      const address = parseHostPort(text.includes(":") ? `[${text}]` : text, 1);
      if (address?.port === undefined && address !== undefined && isIp(address.hostname)) {
        return address.hostname;
      }
    }
    return reading.refuse(node, this.expected);
  },
};

/** A file that is read when the proxy starts. */
export const pemFile: ArgumentType<string> = {
  label: "file",
  expected: "the path of a file in PEM",
  nginx: oneFile,
  read(node, reading): string | undefined {
    if (node.kind !== "scalar" || node.text === "") return reading.refuse(node, this.expected);
    const expected = /\$/.test(node.text)
      ? `${this.expected}: it is read at the start, without variables`
      : /^(?:data|engine|store):/.test(node.text)
      ? `${this.expected}: the runtime reads keys from files only`
      : undefined;
    return expected === undefined ? node.text : reading.refuse(node, expected);
  },
};

const VERSIONS: readonly TlsVersion[] = ["TLSv1.2", "TLSv1.3"];

export const protocols: ArgumentType<ReadonlySet<TlsVersion>> = {
  label: "TLSv1.2 | TLSv1.3 …",
  expected: "TLSv1.2, TLSv1.3 or both",
  read(node, reading): ReadonlySet<TlsVersion> | undefined {
    const words = wordsOf(node) ?? [];
    const chosen = VERSIONS.filter((version) => words.some(({ text }) => text === version));
    if (words.some(({ text }) => /^(?:SSLv[23]|TLSv1(?:\.1)?)$/.test(text))) {
      return reading.refuse(node, `${this.expected}: the runtime has no older versions`);
    }
    const isGood = words.length > 0 && words.length === chosen.length;
    return isGood ? new Set(chosen) : reading.refuse(node, this.expected);
  },
};

/** nginx has it and the runtime does not: refused, and not passed over in silence. */
function unavailable(because: string): ArgumentType<never> {
  return {
    label: "not available",
    expected: because,
    read({ span }, reading): undefined {
      const cannot = `use ${reading.name}`;
      return reading.problems.add({ span, cannot, found: reading.name, expected: because });
    },
  };
}

export const proxySslDirectives = {
  bind: directive({
    name: "proxy_bind",
    yaml: "proxy.bind",
    contexts: HTTP_SERVER_LOCATION,
    type: sourceAddress,
    default: "off",
    example: { yaml: "192.0.2.1", nginx: "192.0.2.1" },
    doc: "The address that connections to the peers come from; it has to be one of this machine. " +
      "`transparent` is not available.",
  }),
  socketKeepalive: directive({
    name: "proxy_socket_keepalive",
    yaml: "proxy.socket_keepalive",
    contexts: HTTP_SERVER_LOCATION,
    type: flag,
    default: "off",
    doc: "Whether the system probes idle connections to the peers (`SO_KEEPALIVE`).",
  }),
  protocol: directive({
    name: "proxy_protocol",
    yaml: "proxy.protocol",
    contexts: HTTP_SERVER_LOCATION,
    type: choice(["off", "v1", "v2"]),
    default: "off",
    doc: "Whether connections to the peers begin with a header of the PROXY protocol, of that " +
      "version, that tells of the client (`$remote_addr`); before TLS, where there is any. Such a " +
      "connection is kept for that client alone. Not sent by health checks. nginx has it for TCP " +
      "only, where `on` is `v1`.",
  }),
  sslServerName: directive({
    name: "proxy_ssl_server_name",
    yaml: "proxy.ssl_server_name",
    contexts: HTTP_SERVER_LOCATION,
    type: flag,
    default: "off",
    doc: "Whether the peer of an `https://` location is told the name of `ssl_name` (SNI). An IP " +
      "address is never sent.",
  }),
  sslName: directive({
    name: "proxy_ssl_name",
    yaml: "proxy.ssl_name",
    contexts: HTTP_SERVER_LOCATION,
    type: template,
    default: "$proxy_host",
    doc: "The name that the peer's certificate has to be for, and that is sent to it. What " +
      "follows a colon is left out.",
  }),
  sslVerify: directive({
    name: "proxy_ssl_verify",
    yaml: "proxy.ssl_verify",
    contexts: HTTP_SERVER_LOCATION,
    type: flag,
    default: "off",
    doc:
      "Whether a peer has to have a certificate that leads to one of `ssl_trusted_certificate` " +
      "and is for `ssl_name`. An intermediate certificate may be trusted itself.",
  }),
  sslVerifyDepth: directive({
    name: "proxy_ssl_verify_depth",
    yaml: "proxy.ssl_verify_depth",
    contexts: HTTP_SERVER_LOCATION,
    type: integer({ max: 100 }),
    default: "1",
    doc: "How many certificates may stand between the peer's and the trusted one.",
  }),
  sslTrustedCertificate: directive({
    name: "proxy_ssl_trusted_certificate",
    yaml: "proxy.ssl_trusted_certificate",
    contexts: HTTP_SERVER_LOCATION,
    type: pemFile,
    doc: "The certificates that are trusted, and no others. Needed for `ssl_verify`.",
  }),
  sslCertificate: directive({
    name: "proxy_ssl_certificate",
    yaml: "proxy.ssl_certificate",
    contexts: HTTP_SERVER_LOCATION,
    type: pemFile,
    doc: "Our certificate for peers that ask for one, and those that stand behind it.",
  }),
  sslCertificateKey: directive({
    name: "proxy_ssl_certificate_key",
    yaml: "proxy.ssl_certificate_key",
    contexts: HTTP_SERVER_LOCATION,
    type: pemFile,
    doc: "The key of `ssl_certificate`, without a password.",
  }),
  sslProtocols: directive({
    name: "proxy_ssl_protocols",
    yaml: "proxy.ssl_protocols",
    contexts: HTTP_SERVER_LOCATION,
    type: protocols,
    default: "TLSv1.2 TLSv1.3",
    doc: "The versions of TLS that are offered to peers. There are no older ones.",
  }),
  sslSessionReuse: directive({
    name: "proxy_ssl_session_reuse",
    yaml: "proxy.ssl_session_reuse",
    contexts: HTTP_SERVER_LOCATION,
    type: scalarType(
      "off",
      "off: the runtime resumes no TLS sessions, but connections that are kept save handshakes too",
      (text) => text === "off" || text === "false" ? "off" : undefined,
    ),
    default: "off",
    doc: "Only `off` is available: every new connection makes a whole handshake. `keepalive` of " +
      "the upstream saves most of them.",
  }),
  sslCiphers: directive({
    name: "proxy_ssl_ciphers",
    yaml: "proxy.ssl_ciphers",
    contexts: HTTP_SERVER_LOCATION,
    type: unavailable("the runtime chooses among its own ciphers, all of them forward secret"),
    doc: "Refused: the runtime does not let a program choose.",
  }),
  sslConfCommand: directive({
    name: "proxy_ssl_conf_command",
    yaml: "proxy.ssl_conf_command",
    contexts: HTTP_SERVER_LOCATION,
    type: unavailable("the runtime has no OpenSSL that could be given commands"),
    doc: "Refused: the runtime has no OpenSSL.",
  }),
  sslCrl: directive({
    name: "proxy_ssl_crl",
    yaml: "proxy.ssl_crl",
    contexts: HTTP_SERVER_LOCATION,
    type: unavailable("the runtime does not look at lists of revoked certificates"),
    doc: "Refused: the runtime does not look at lists of revoked certificates.",
  }),
  sslPasswordFile: directive({
    name: "proxy_ssl_password_file",
    yaml: "proxy.ssl_password_file",
    contexts: HTTP_SERVER_LOCATION,
    type: unavailable("keys with a password are not supported: keep the key in a file without one"),
    doc: "Refused: keys have to be without a password.",
  }),
} satisfies Table;
