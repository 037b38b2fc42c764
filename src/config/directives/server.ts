/** Directives of servers, and what a location does by itself. @module */
import type { ListenAddress } from "../../http/conf.ts";
import { formatHost, isIp, parseHostPort } from "../../peer/address.ts";
import {
  type ArgumentType,
  directive,
  type Reading,
  type Settings,
  type Table,
} from "../directive.ts";
import { type NginxForm, noArguments, someWords } from "../nginx_form.ts";
import type { Node, Scalar } from "../node.ts";
import { parameters } from "../parameters.ts";
import {
  checkVariables,
  firstWordAndRest,
  flag,
  integer,
  listOf,
  locatedWords,
  scalarType,
  template,
  withPlace,
} from "../types.ts";

/** A listening address and its canonical spelling: equal addresses have equal names. */
export interface NamedListen {
  readonly name: string;
  readonly address: ListenAddress;
}

/** A listening address as it is written; undefined: it is none. */
export function parseListen(text: string): NamedListen | undefined {
  const [, path] = /^unix:(\/[^\0]+|@[^\0]+)$/.exec(text) ?? [];
  if (path !== undefined) return { name: text, address: { transport: "unix", path } };
  const isPort = /^\d+$/.test(text);
  const parsed = parseHostPort(isPort ? `0.0.0.0:${text}` : text.replace(/^\*/, "0.0.0.0"), 0);
  // A name may begin with a digit, but `80x` is a port mistyped.
  if (parsed === undefined || (/^\d/.test(parsed.hostname) && !isIp(parsed.hostname))) {
    return undefined;
  }
  const { hostname, port = 80 } = parsed;
  return {
    name: `${formatHost(hostname)}:${port}`,
    address: { transport: "tcp", hostname, port },
  };
}

export const listenAddress: ArgumentType<NamedListen> = scalarType(
  "port | address[:port] | unix:path",
  'a port such as 8080, or an address such as "127.0.0.1:8080", "[::]:8080" or "unix:/run/sluice.sock"',
  parseListen,
);

export const listenParameters = {
  address: directive({
    name: "address",
    contexts: ["listen"],
    type: listenAddress,
    doc:
      "A port on all of the machine's IPv4 addresses, an address with a port, or a unix socket. " +
      "Port 0 is a free port.",
  }),
  isDefaultServer: directive({
    name: "default_server",
    contexts: ["listen"],
    type: flag,
    default: "off",
    doc: "This server gets the requests at this address that name no server. Else the first does.",
  }),
  backlog: directive({
    name: "backlog",
    contexts: ["listen"],
    type: integer({ min: 1, max: 65_535 }),
    doc: "Connections that may wait to be accepted. 511 when not given.",
  }),
  proxyProtocol: directive({
    name: "proxy_protocol",
    contexts: ["listen"],
    type: flag,
    default: "off",
    doc: "Connections here begin with a header of the PROXY protocol, version 1 or 2, and are " +
      "closed if they do not. Its addresses are `$proxy_protocol_addr` and its kin, and with " +
      "`real_ip_header: proxy_protocol` the client's. TLVs are read over. " +
      "Peers are not sent such a header: in nginx that is of the stream module alone.",
  }),
  reusePort: directive({
    name: "reuseport",
    contexts: ["listen"],
    type: flag,
    default: "off",
    doc:
      "Another process that says so too may listen at the same address (`SO_REUSEPORT`), and the " +
      "system hands each of them a share of the connections: a second Sluice can take over from " +
      "the first without a moment in which nobody listens (`deploy/operations.md`). It changes " +
      "nothing about a unix socket.",
  }),
} satisfies Table;

const NO_OPTION = "the runtime does not let a program set this of a socket";

/** nginx's parameters of `listen` that there are not. */
const REFUSED_LISTEN: Readonly<Record<string, string>> = {
  ssl: "TLS towards clients is not supported yet: need a TLS terminator in front",
  http2: "HTTP/2 towards clients is not supported yet",
  spdy: "SPDY is a thing of the past",
  quic: "HTTP/3 is not supported: the runtime has no QUIC that could carry it",
  http3: "HTTP/3 is not supported: the runtime has no QUIC that could carry it",
  accept_filter: NO_OPTION,
  bind: "every address is bound by itself as it is",
  deferred: NO_OPTION,
  fastopen: NO_OPTION,
  ipv6only: `${NO_OPTION}: what takes IPv6 takes IPv4 as well where the system's bindv6only is 0`,
  multipath: NO_OPTION,
  rcvbuf: NO_OPTION,
  setfib: NO_OPTION,
  sndbuf: NO_OPTION,
  so_keepalive: NO_OPTION,
};

export type Listen = Settings<typeof listenParameters>;

/** What `return` says. */
export interface Return {
  readonly status: number;
  readonly text: string;
}

export const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];
const RETURN_EXPECTED =
  'a status from 200 to 599 and a text or URL, such as "200 ok" or "301 https://$host/"';

const returnParameters = {
  status: directive({
    name: "status",
    contexts: ["return"],
    type: integer({ min: 200, max: 599 }),
    doc: "The status.",
  }),
  text: directive({
    name: "text",
    contexts: ["return"],
    type: template,
    default: "",
    doc: "The body's text, or where a redirect leads.",
  }),
} satisfies Table;

const returnMap = parameters(returnParameters, ["status", "text"], RETURN_EXPECTED);

const returnForm: NginxForm = {
  ...someWords,
  arity: { least: 1, most: 2 },
  print: (node, name, printer) => {
    if (node.kind === "mapping") return returnMap.nginx?.print(node, name, printer) ?? [];
    const words = node.kind === "scalar" ? firstWordAndRest(node) : node.items;
    const texts = (words ?? []).flatMap((word) => word.kind === "scalar" ? [word] : []);
    const [first, second] = texts;
    if (first === undefined) return [];
    const text = second === undefined || (second.text === "" && node.kind === "scalar")
      ? []
      : [node.kind === "scalar" ? unquoted(second) : second.text];
    return [{ name, args: [first.text, ...text] }];
  },
};

/** nginx's `return code [text]`, `return code URL`, `return URL`. */
export const returnType: ArgumentType<Return> = {
  label: "status [text | URL] | URL",
  expected: RETURN_EXPECTED,
  nginx: returnForm,
  read(node, reading): Return | undefined {
    const found = node.kind === "mapping"
      ? returnMap.read(node, reading)
      : readReturn(node, reading);
    if (found?.status === undefined) return undefined;
    const { status, text } = found;
    if (REDIRECTS.includes(status) && text === "") {
      return reading.refuse(
        node,
        `the URL that ${status} leads to, such as "${status} https://$host/"`,
      );
    }
    return { status, text };
  },
};

function readReturn(
  node: Exclude<Node, { kind: "mapping" }>,
  reading: Reading,
): Return | undefined {
  const words = node.kind === "scalar" ? firstWordAndRest(node) : node.items;
  const [first, second, ...more] = words ?? [];
  if (first?.kind !== "scalar" || more.length > 0) return reading.refuse(node, RETURN_EXPECTED);
  if (second !== undefined && second.kind !== "scalar") {
    return reading.refuse(node, RETURN_EXPECTED);
  }
  const isUrl = /^(?:https?:\/\/|\$scheme)/.test(first.text);
  if (isUrl && (second === undefined || second.text === "")) {
    return checkVariables(first, reading) ? { status: 302, text: first.text } : undefined;
  }
  const status = /^\d+$/.test(first.text) ? Number(first.text) : 0;
  if (status < 200 || status > 599) return reading.refuse(node, RETURN_EXPECTED);
  if (second === undefined) return { status, text: "" };
  if (!checkVariables(second, reading)) return undefined;
  return { status, text: node.kind === "scalar" ? unquoted(second) : second.text };
}

/** Who comes from nginx may quote the text: `return: 200 "ok\n"`. */
function unquoted({ text }: Scalar): string {
  const [, , inner] = /^(["'])((?:(?!\1)[^\\]|\\.)*)\1$/s.exec(text) ?? [];
  if (inner === undefined) return text;
  const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" };
  return inner.replace(/\\([nrt"'\\])/g, (_, character: string) => escapes[character] ?? character);
}

export const serverDirectives = {
  listens: directive({
    name: "listen",
    contexts: ["server"],
    merge: "own",
    type: listOf(
      withPlace(
        parameters(
          listenParameters,
          ["address"],
          listenAddress.expected,
          REFUSED_LISTEN,
        ),
      ),
    ),
    default: "80",
    example: {
      yaml: '["8080 default_server", "[::]:8080", "unix:/run/sluice.sock"]',
      nginx: "listen 8080 default_server; listen [::]:8080; listen unix:/run/sluice.sock;",
    },
    doc: "Where the server accepts connections: a port, an address, a unix socket, or a list of " +
      "such, each with the words `default_server`, `backlog=N` and `reuseport` behind it if wanted.",
  }),
  serverNames: directive({
    name: "server_name",
    contexts: ["server"],
    merge: "own",
    type: locatedWords(
      "names",
      'a name such as "example.org", "*.example.org", "www.example.*" or "~^regex$", or a list of such',
    ),
    example: {
      yaml: '[example.org, "*.example.org"]',
      nginx: "example.org *.example.org",
    },
    doc: "The hosts this server answers for. Tried in this order: exact names, the longest " +
      "`*.example.org`, the longest `www.example.*`, regexes, the default server.",
  }),
} satisfies Table;

export const actionDirectives = {
  return: directive({
    name: "return",
    contexts: ["server", "location", "server_if", "location_if"],
    merge: "own",
    type: withPlace(returnType),
    example: { yaml: "301 https://$host$request_uri", nginx: "301 https://$host$request_uri" },
    doc:
      "Answers at once: with a text, with a redirect, or with a status alone. For a whole server " +
      "it stands in place of locations.",
  }),
  emptyGif: directive({
    name: "empty_gif",
    contexts: ["location"],
    merge: "own",
    type: flag,
    default: "off",
    nginx: noArguments,
    example: { yaml: "on", nginx: "" },
    doc: "Answers with a transparent picture of one pixel.",
  }),
  stubStatus: directive({
    name: "stub_status",
    contexts: ["location"],
    merge: "own",
    type: flag,
    default: "off",
    nginx: noArguments,
    example: { yaml: "on", nginx: "" },
    doc:
      "Answers with how many connections there are, in nginx's text; `$connections_active` and " +
      "the like are the same numbers. With several workers they are of the one that answers: the " +
      "`admin` listener knows all of them. Connections are never dropped once they are accepted.",
  }),
} satisfies Table;
