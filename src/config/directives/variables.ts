/** Directives that define variables by looking something up: `map`, `geo`, `split_clients`. @module */
import type { GeoConf, MapConf, MapEntryConf, SplitConf } from "../../http/conf.ts";
import { mapRegex } from "../../http/map.ts";
import { parseCidr, parseIp } from "../../wire/ip.ts";
import { regexProblem } from "../building.ts";
import { type ArgumentType, directive, type Reading, type Table } from "../directive.ts";
import {
  entriesOf,
  type Line,
  type NginxForm,
  spanOf,
  type Statement,
  type StatementReader,
  switchText,
  wordAt,
} from "../nginx_form.ts";
import { printArgument } from "../nginx_text.ts";
import type { Entry, Mapping, Node, Scalar } from "../node.ts";
import type { Span } from "../problem.ts";
import { quote } from "../problem.ts";
import { flag, locatedWords, template } from "../types.ts";

/** A variable's name as it is written where it is defined. */
export const VARIABLE_NAME = /^\$[A-Za-z_]\w*$/;

/** A value that is taken as it is written: dollars are dollars. */
const plainText: ArgumentType<string> = {
  label: "text",
  expected: "a text",
  read: (node, reading) =>
    node.kind === "scalar" ? node.text : reading.refuse(node, "a text without $variables"),
};

/** What stands under a variable's name, by key. */
interface Parts {
  readonly name: string;
  readonly span: Span;
  of(key: string): Node | undefined;
}

/**
 * A map of variables to maps, each with some keys; there may be several of one name.
 *
 * @param keys What stands under a name, the key of the table itself last.
 */
function definitions<Value>(
  expected: string,
  keys: readonly string[],
  form: NginxForm,
  read: (parts: Parts, reading: Reading) => Value | undefined,
): ArgumentType<readonly Value[]> {
  return {
    label: `map of variables to {${keys.join(", ")}}`,
    expected,
    nginx: form,
    read(node, reading): readonly Value[] | undefined {
      if (node.kind === "scalar") return reading.refuse(node, expected);
      return entriesOf(node).flatMap(({ key, keySpan, value }) => {
        if (!VARIABLE_NAME.test(key)) {
          return reading.refusePart(keySpan, key, 'need a variable such as "$name"') ?? [];
        }
        if (value.kind !== "mapping") return reading.of(key).refuse(value, expected) ?? [];
        const unknown = value.entries.filter((entry) => !keys.includes(entry.key));
        for (const entry of unknown) {
          reading.of(key).refusePart(entry.keySpan, entry.key, `need some of ${keys.join(", ")}`);
        }
        const of = (wanted: string) => value.entries.find(({ key }) => key === wanted)?.value;
        const defined = read({ name: key.slice(1), span: keySpan, of }, reading.of(key));
        return defined === undefined ? [] : [defined];
      });
    },
  };
}

/** A part's value, or what it is where it is not written. */
function partOf<Value>(
  { of }: Parts,
  key: string,
  type: ArgumentType<Value>,
  initial: Value,
  reading: Reading,
): Value {
  const node = of(key);
  return (node && type.read(node, reading.of(key))) ?? initial;
}

/** The statement's block as a map; `line` adds what one statement of it says. */
function definitionForm(
  arity: NginxForm["arity"],
  source: string,
  line: (statement: Statement, add: (key: string, value: Node) => void) => boolean,
  wrong: string,
  print: (value: Node) => readonly Line[],
): NginxForm {
  return {
    arity,
    isRepeatable: true,
    block: "always",
    read: (statements, reader): Mapping => ({
      kind: "mapping",
      span: spanOf(statements),
      entries: statements.map((statement) => readDefinition(statement, reader)),
    }),
    print: (node, name) =>
      entriesOf(node).map(({ key, value }) => {
        const [text] = textsOf(value, "source");
        const args = text === undefined ? [key] : [text, key];
        return { name, args, block: print(value) };
      }),
  };

  function readDefinition({ args, block = [], span }: Statement, reader: StatementReader): Entry {
    const [first, second] = args;
    const variable = second ?? first!;
    const text = second === undefined ? wordAt(source, first!.span) : first!;
    const entries: Entry[] = [{ key: "source", keySpan: span, value: text }];
    const values: Entry[] = [];
    for (const statement of block) {
      const isGood = line(statement, (key, value) => {
        const keySpan = statement.name.span;
        if (key === "") values.push({ key: unescaped(statement.name), keySpan, value });
        else gather(entries, { key, keySpan, value });
      });
      if (isGood) continue;
      const found = quote(statement.name.text);
      reader.problems.addNginx({ span: statement.span, words: wrong, found });
    }
    entries.push({
      key: "values",
      keySpan: span,
      value: { kind: "mapping", span, entries: values },
    });
    return {
      key: variable.text,
      keySpan: variable.span,
      value: { kind: "mapping", span, entries },
    };
  }
}

/** A backslash in front says that a word is a value, though it is a word of the directive too. */
function unescaped({ text }: Scalar): string {
  return text.startsWith("\\") ? text.slice(1) : text;
}

function escaped(text: string): string {
  return /^(?:\\|default$|hostnames$|volatile$|include$|ranges$|proxy$|proxy_recursive$|delete$)/
      .test(text)
    ? `\\${text}`
    : text;
}

/** Texts of one key: of a list, each. */
function textsOf(value: Node, key: string): readonly string[] {
  const node = entriesOf(value).find((entry) => entry.key === key)?.value;
  if (node?.kind === "scalar") return [node.text];
  return node?.kind === "list"
    ? node.items.flatMap((item) => item.kind === "scalar" ? [item.text] : [])
    : [];
}

/** Flags that are on, the default, and then the values. */
function printDefinition(value: Node, flags: readonly string[]): readonly Line[] {
  const values = entriesOf(value).find(({ key }) => key === "values")?.value;
  return [
    ...flags.filter((key) => switchText(textsOf(value, key)[0] ?? "") === "on")
      .map((name) => ({ name, args: [] })),
    ...textsOf(value, "default").map((text) => ({ name: "default", args: [text] })),
    ...(values === undefined ? [] : entriesOf(values)).map(({ key, value }) => ({
      name: printArgument(escaped(key)),
      args: [value.kind === "scalar" ? value.text : ""],
    })),
  ];
}

const MAP_EXPECTED =
  'a map of variables to what they are looked up by, such as {$name: {source: "$host", values: ' +
  '{a.example: one, "~^b": two}, default: three}}';

const mapForm = definitionForm(
  { least: 2, most: 2 },
  "",
  ({ name, args }, add) => {
    const [value, ...more] = args;
    const isFlag = value === undefined && (name.text === "hostnames" || name.text === "volatile");
    if (isFlag) add(name.text, wordAt("on", name.span));
    else if (value === undefined || more.length > 0) return false;
    else add(name.text === "default" ? "default" : "", value);
    return true;
  },
  "invalid number of the map parameters",
  (value) => printDefinition(value, ["hostnames", "volatile"]),
);

const maps: ArgumentType<readonly MapConf[]> = definitions(
  MAP_EXPECTED,
  ["source", "default", "hostnames", "volatile", "values"],
  mapForm,
  (parts, reading): MapConf | undefined => {
    const source = parts.of("source");
    if (source === undefined) {
      return reading.refusePart(parts.span, `$${parts.name}`, "need a source to look up");
    }
    const isHostnames = partOf(parts, "hostnames", flag, false, reading);
    const values = parts.of("values");
    const taken = new Set<string>();
    const entries = (values === undefined ? [] : entriesOf(values)).flatMap(
      ({ key, keySpan, value }): MapEntryConf[] => {
        const entry = readMapKey(key, keySpan, isHostnames, reading);
        const text = template.read(value, reading.of(key));
        if (entry === undefined || text === undefined) return [];
        const place = entry.kind === "text"
          ? entry.key.toLowerCase()
          : `${entry.kind} ${entry.key}`;
        if (entry.kind === "text" && taken.has(place)) {
          reading.refusePart(keySpan, key, "it is there already");
        }
        taken.add(place);
        return [{ ...entry, value: text }];
      },
    );
    return {
      name: parts.name,
      source: template.read(source, reading.of("source")) ?? "",
      isHostnames,
      isVolatile: partOf(parts, "volatile", flag, false, reading),
      defaultValue: partOf(parts, "default", template, "", reading),
      entries,
    };
  },
);

/** `~regex`, `~*regex`, or a text; a backslash in front of a text is not a part of it. */
function readMapKey(
  key: string,
  span: Span,
  isHostnames: boolean,
  reading: Reading,
): Pick<MapEntryConf, "kind" | "key"> | undefined {
  if (key.startsWith("~")) {
    const kind = key.startsWith("~*") ? "~*" : "~";
    const regex = key.slice(kind.length);
    const wrong = regexProblem(() => mapRegex(kind === "~*", regex));
    if (wrong === undefined) return { kind, key: regex };
    return reading.refusePart(span, key, `need a regex (${wrong})`);
  }
  const isWildcard = /\*|^\./.test(key);
  if (isHostnames && isWildcard && !/^(?:\*?\.[^*]+|[^*.][^*]*\.\*)$/.test(key)) {
    return reading.refusePart(span, key, 'need a name such as "*.example.org" or "www.example.*"');
  }
  return { kind: "text", key };
}

const GEO_EXPECTED =
  "a map of variables to networks and values, such as {$zone: {values: {192.0.2.0/24: inside}, " +
  "default: outside}}";

/** `delete` takes a network away that an included file has brought. */
const geoForm: NginxForm = {
  ...definitionForm(
    { least: 1, most: 2 },
    "$remote_addr",
    ({ name, args }, add) => {
      const [value, ...more] = args;
      const isFlag = name.text === "ranges" || name.text === "proxy_recursive";
      if (value === undefined && isFlag) {
        add(name.text, wordAt("on", name.span));
        return true;
      }
      if (value === undefined || more.length > 0) return false;
      if (name.text === "default" || name.text === "proxy" || name.text === "delete") {
        add(name.text, value);
      } else add("", value);
      return true;
    },
    "invalid number of the geo parameters",
    (value) => [
      ...textsOf(value, "proxy").map((text) => ({ name: "proxy", args: [text] })),
      ...printDefinition(value, ["ranges", "proxy_recursive"]),
      ...textsOf(value, "delete").map((text) => ({ name: "delete", args: [text] })),
    ],
  ),
};

/** Several statements of one word are one list. */
function gather(entries: Entry[], { key, keySpan, value }: Entry): void {
  const at = entries.findIndex((entry) => entry.key === key);
  const first = entries[at];
  if (first === undefined) {
    entries.push({ key, keySpan, value });
    return;
  }
  const items = first.value.kind === "list" ? first.value.items : [first.value];
  const list: Node = { kind: "list", span: first.value.span, items: [...items, value] };
  entries[at] = { ...first, value: list };
}

const networks = locatedWords("networks", 'networks such as "192.0.2.0/24", or a list of such');

const geos: ArgumentType<readonly GeoConf[]> = {
  label: "map of variables to {source, default, ranges, proxy, proxy_recursive, delete, values}",
  expected: GEO_EXPECTED,
  nginx: geoForm,
  read(node, reading): readonly GeoConf[] | undefined {
    if (node.kind === "scalar") return reading.refuse(node, GEO_EXPECTED);
    return entriesOf(node).flatMap(({ key, keySpan, value }): readonly GeoConf[] => {
      if (!VARIABLE_NAME.test(key)) {
        return reading.refusePart(keySpan, key, 'need a variable such as "$name"') ?? [];
      }
      if (value.kind !== "mapping") return reading.of(key).refuse(value, GEO_EXPECTED) ?? [];
      return [readGeo(key.slice(1), value, reading.of(key))];
    });
  },
};

const GEO_KEYS = ["source", "default", "ranges", "proxy", "proxy_recursive", "delete", "values"];

function readGeo(name: string, node: Mapping, reading: Reading): GeoConf {
  for (const { key, keySpan } of node.entries) {
    if (GEO_KEYS.includes(key)) continue;
    reading.refusePart(keySpan, key, `need some of ${GEO_KEYS.join(", ")}`);
  }
  const parts: Parts = {
    name,
    span: node.span,
    of: (wanted) => node.entries.find(({ key }) => key === wanted)?.value,
  };
  const isRanges = partOf(parts, "ranges", flag, false, reading);
  const values = parts.of("values");
  const listed = (key: string) => {
    const words = partOf(parts, key, networks, [], reading);
    return words.flatMap(({ text, span }) => isNetwork(text, span, reading) ? [text] : []);
  };
  const deleted = new Set(isRanges ? [] : listed("delete").map(canonical));
  const conf = {
    name,
    source: partOf(parts, "source", template, "$remote_addr", reading),
    defaultValue: partOf(parts, "default", plainText, "", reading),
    isRanges,
    networks: [] as GeoConf["networks"][number][],
    ranges: [] as GeoConf["ranges"][number][],
    proxies: listed("proxy"),
    isProxyRecursive: partOf(parts, "proxy_recursive", flag, false, reading),
  };
  for (const { key, keySpan, value } of values === undefined ? [] : entriesOf(values)) {
    const text = plainText.read(value, reading.of(key));
    if (text === undefined) continue;
    if (isRanges) {
      const range = readRange(key);
      if (range === undefined) {
        reading.refusePart(keySpan, key, 'need a range such as "192.0.2.1-192.0.2.9"');
      } else if (conf.ranges.some((other) => overlaps(other, range))) {
        reading.refusePart(keySpan, key, "it overlaps a range before it, and is not within it");
      } else {
        conf.ranges.push({ ...range, value: text });
      }
    } else if (isNetwork(key, keySpan, reading) && !deleted.has(canonical(key))) {
      conf.networks.push({ network: key, value: text });
    }
  }
  return conf;
}

function isNetwork(text: string, span: Span, reading: Reading): boolean {
  if (parseCidr(text) !== undefined) return true;
  reading.refusePart(span, text, 'need a network such as "192.0.2.0/24" or "2001:db8::/32"');
  return false;
}

function canonical(network: string): string {
  const cidr = parseCidr(network)!;
  return `${cidr.bytes.join(".")}/${cidr.bits}`;
}

function readRange(text: string): { readonly start: number; readonly end: number } | undefined {
  const [first = "", last = first, ...more] = text.split("-");
  const start = addressNumber(first);
  const end = addressNumber(last);
  const isGood = start !== undefined && end !== undefined && start <= end && more.length === 0;
  return isGood ? { start, end } : undefined;
}

function addressNumber(text: string): number | undefined {
  const bytes = parseIp(text);
  return bytes?.length === 4 ? bytes.reduce((sum, byte) => sum * 256 + byte, 0) : undefined;
}

interface Ends {
  readonly start: number;
  readonly end: number;
}

/** nginx has ranges within earlier ones, and no others that share an address. */
function overlaps(old: Ends, { start, end }: Ends): boolean {
  const isApart = end < old.start || start > old.end;
  return !isApart && !(start >= old.start && end <= old.end);
}

const SPLIT_EXPECTED =
  'a map of variables to shares, such as {$variant: {source: "$remote_addr", values: ' +
  '{50%: one, "*": two}}}';

const splitForm = definitionForm(
  { least: 2, most: 2 },
  "",
  ({ args }, add) => {
    if (args.length !== 1) return false;
    add("", args[0]!);
    return true;
  },
  "invalid number of the split_clients parameters",
  (value) => printDefinition(value, []),
);

const splits: ArgumentType<readonly SplitConf[]> = definitions(
  SPLIT_EXPECTED,
  ["source", "values"],
  splitForm,
  (parts, reading): SplitConf | undefined => {
    const source = parts.of("source");
    const values = parts.of("values");
    if (source === undefined || values === undefined) {
      return reading.refusePart(parts.span, `$${parts.name}`, "need a source, and values");
    }
    let sum = 0;
    const shares = entriesOf(values).flatMap(({ key, keySpan, value }): SplitConf["parts"] => {
      const share = key === "*" ? undefined : hundredths(key);
      if (share === 0) {
        return reading.refusePart(keySpan, key, 'need a percentage such as "0.5%", or "*"') ?? [];
      }
      sum += share ?? 0;
      if (sum > 10_000) reading.refusePart(keySpan, key, "the shares are more than 100%");
      return [{ share, value: plainText.read(value, reading.of(key)) ?? "" }];
    });
    return {
      name: parts.name,
      source: template.read(source, reading.of("source")) ?? "",
      parts: shares,
    };
  },
);

/** Of a percentage with two digits behind its point at most; 0 for what is none. */
function hundredths(text: string): number {
  const [, whole, fraction = ""] = /^(\d{1,3})(?:\.(\d{1,2}))?%$/.exec(text) ?? [];
  return whole === undefined ? 0 : Number(whole) * 100 + Number(fraction.padEnd(2, "0"));
}

export const variableDirectives = {
  maps: directive({
    name: "map",
    contexts: ["http"],
    type: maps,
    example: {
      yaml: '{ $backend: { source: "$host", hostnames: on, default: main, values: ' +
        '{ "*.beta.example.org": beta, "~^(\\\\w+)\\\\.test$": "test_$1" } } }',
      nginx: "map $host $backend { hostnames; default main; *.beta.example.org beta; " +
        '"~^(\\\\w+)\\\\.test$" test_$1; }',
    },
    doc: "Variables whose values are looked up: `source` is a text with variables, several if " +
      "wanted; `values` are by texts (in any case), by `~regex` and `~*regex` (in their order, " +
      "with `$1` and named captures), and with `hostnames` by `*.example.org`, `.example.org` " +
      "and `www.example.*`. Values may have variables. A variable is looked up when it is used, " +
      "and once a request unless it is `volatile`. `include` is of nginx.conf only.",
  }),
  geos: directive({
    name: "geo",
    contexts: ["http"],
    type: geos,
    example: {
      yaml: "{ $zone: { default: outside, proxy: 10.0.0.1, values: " +
        '{ 192.0.2.0/24: office, "2001:db8::/32": office } } }',
      nginx: "geo $zone { default outside; proxy 10.0.0.1; 192.0.2.0/24 office; " +
        "2001:db8::/32 office; }",
    },
    doc:
      "Variables whose values depend on an address: of the client, or of `source`. The longest " +
      "network counts; with `ranges` instead `values` are by `192.0.2.1-192.0.2.9`, IPv4 only. " +
      "Clients in a network of `proxy` are asked for whom by `X-Forwarded-For`: its last address, " +
      "or with `proxy_recursive` the last that is none of `proxy`.",
  }),
  splits: directive({
    name: "split_clients",
    contexts: ["http"],
    type: splits,
    example: {
      yaml:
        '{ $variant: { source: "${remote_addr}AAA", values: { 0.5%: one, 2.0%: two, "*": "" } } }',
      nginx: 'split_clients "${remote_addr}AAA" $variant { 0.5% one; 2.0% two; * ""; }',
    },
    doc: "Variables whose values are shared out: who has a hash of `source` below 0.5 % of all " +
      "has the first one, and so on; `*` gets the rest. The hash is nginx's, MurmurHash2: everybody " +
      "gets what nginx would give.",
  }),
} satisfies Table;
