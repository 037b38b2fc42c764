/** Directives about looking names up. @module */
import { isIp, parseHostPort } from "../../peer/address.ts";
import type { NameServer, ResolverConf } from "../../peer/conf.ts";
import {
  type ArgumentType,
  type Context,
  directive,
  type Reading,
  type Settings,
  type Table,
} from "../directive.ts";
import { someWords, switchText, wordTexts } from "../nginx_form.ts";
import { type Entry, type Mapping, type Node, part, wordsOf } from "../node.ts";
import { parameters } from "../parameters.ts";
import { flag, listOf, scalarType, time } from "../types.ts";

const DNS_PORT = 53;

const EXPECTED = 'IP addresses of DNS servers, such as "127.0.0.53" or "[::1]:5353", or system';

const nameServer: ArgumentType<NameServer | "system"> = scalarType(
  "address[:port] | system",
  EXPECTED,
  (text) => {
    if (text === "system") return text;
    const parsed = parseHostPort(text, 1);
    if (parsed === undefined || !isIp(parsed.hostname)) return undefined;
    return { hostname: parsed.hostname, port: parsed.port ?? DNS_PORT };
  },
);

export const resolverParameters = {
  servers: directive({
    name: "servers",
    contexts: ["resolver"],
    type: listOf(nameServer),
    doc:
      "Where DNS is asked, in turn; the port is 53 when none is given. `system` is whatever the " +
      "machine is set up with (getaddrinfo): it tells no lifetimes, and knows no services.",
  }),
  validMs: directive({
    name: "valid",
    contexts: ["resolver"],
    type: time({ min: "1ms" }),
    doc:
      "How long an answer is used, whatever lifetime it has. Without it: the answer's own, and " +
      "30 s for the system's, which have none.",
  }),
  timeoutMs: directive({
    name: "timeout",
    contexts: ["resolver"],
    type: time({ min: "1ms" }),
    doc: "The longest wait for an answer; `resolver_timeout` when not given.",
  }),
  ipv4: directive({
    name: "ipv4",
    contexts: ["resolver"],
    type: flag,
    default: "on",
    doc: "Whether IPv4 addresses are looked for.",
  }),
  ipv6: directive({
    name: "ipv6",
    contexts: ["resolver"],
    type: flag,
    default: "on",
    doc: "Whether IPv6 addresses are looked for.",
  }),
} satisfies Table;

const resolverMap = parameters(resolverParameters, ["servers"], EXPECTED);

/** nginx's `resolver 10.0.0.1 [::1]:5353 valid=30s ipv6=off`, or a map. */
const resolverType: ArgumentType<Settings<typeof resolverParameters>> = {
  label: "address[:port] … [valid=time] [timeout=time] [ipv4=on | off] [ipv6=on | off] | system",
  expected: EXPECTED,
  nginx: {
    ...someWords,
    print: (node, name, printer) => {
      if (node.kind !== "mapping") return someWords.print(node, name, printer);
      const args = node.entries.flatMap(({ key, value }) =>
        wordTexts(value).map((text) => key === "servers" ? text : `${key}=${switchText(text)}`)
      );
      return [{ name, args }];
    },
  },
  read(node, reading): Settings<typeof resolverParameters> | undefined {
    const map = node.kind === "mapping" ? node : mapOfWords(node);
    if (map === undefined) return reading.refuse(node, EXPECTED);
    const settings = resolverMap.read(map, reading);
    if (settings === undefined) return undefined;
    const { servers = [], ipv4, ipv6 } = settings;
    if (servers.length === 0) return undefined; // complained of
    if (servers.length > 1 && servers.includes("system")) return refuseMix(node, reading);
    return ipv4 || ipv6 ? settings : reading.refuse(node, "ipv4 or ipv6 to be on");
  },
};

function refuseMix(node: Node, reading: Reading): undefined {
  return reading.refuse(node, "either addresses of DNS servers, or system alone");
}

/** The map that stands for nginx's words: several addresses, then `name=value`. */
function mapOfWords(node: Node): Mapping | undefined {
  const words = wordsOf(node) ?? [];
  const entries: Entry[] = [];
  const servers = words.filter((word) => {
    const [, name, value] = /^([a-z_\d]+)=(.*)$/.exec(word.text) ?? [];
    if (name === undefined || value === undefined) return true;
    entries.push({ key: name, keySpan: word.span, value: part(word, name.length + 1, value) });
    return false;
  });
  if (servers.length === 0) return undefined;
  const list: Node = { kind: "list", span: node.span, items: servers };
  return {
    kind: "mapping",
    span: node.span,
    entries: [{ key: "servers", keySpan: node.span, value: list }, ...entries],
  };
}

const CONTEXTS: readonly Context[] = ["http", "server", "location", "upstream"];

export const resolverDirectives = {
  resolver: directive({
    name: "resolver",
    contexts: CONTEXTS,
    type: resolverType,
    default: "system",
    example: {
      yaml: "{ servers: [127.0.0.53], valid: 30s, timeout: 5s }",
      nginx: "127.0.0.53 valid=30s timeout=5s",
    },
    doc: "How names are looked up at run time: those of `pass` with variables, and of peers with " +
      "`resolve`. Without it the system is asked, where nginx would refuse. All other names are " +
      "looked up once, by the system, when the server starts; one that cannot be is a warning, and " +
      "asked for again until it can. A name is asked for once for all who wait for it, and " +
      "remembered for the lifetime of the answer, 1,000 names at most. While nobody answers, the " +
      "last answer is used on; requests wait 1.8 s before they take it. A failure is remembered for " +
      "1 s. `localhost` is never asked for.",
  }),
  resolverTimeoutMs: directive({
    name: "resolver_timeout",
    contexts: CONTEXTS,
    type: time({ min: "1ms" }),
    default: "30s",
    doc: "The longest wait for the answer of a resolver that has no `timeout` of its own.",
  }),
} satisfies Table;

/** The record of a level's settings. */
export function resolverConf(
  { resolver, resolverTimeoutMs }: Settings<typeof resolverDirectives>,
): ResolverConf {
  const { servers = [], validMs, timeoutMs = resolverTimeoutMs, ipv4, ipv6 } = resolver;
  return {
    servers: servers.filter((server) => server !== "system"),
    validMs,
    timeoutMs,
    ipv4,
    ipv6,
  };
}
