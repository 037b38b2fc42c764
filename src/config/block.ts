/**
 * One level of a configuration as the table knows it: which directives are written there,
 * and which blocks. Both readers make it, YAML's here; what builds the records sees no more.
 *
 * @module
 */
import type { Context } from "./directive.ts";
import type { Setting } from "./directive.ts";
import { type BlockKind, BLOCKS, DIRECTIVES } from "./directives.ts";
import { nearestName } from "./nearest.ts";
import { describe, type Entry, type Mapping, type Node } from "./node.ts";
import { type Problems, quote, type Span } from "./problem.ts";

export type BlockContext =
  | "http"
  | "upstream"
  | "server"
  | "location"
  | "server_if"
  | "location_if"
  | "limit_except";

/** A level: the whole file, a group, a server, a location. */
export interface Block {
  readonly context: BlockContext;
  /** The name or pattern it has; "" when it has none. */
  readonly name: string;
  /** Where that stands, or the block. */
  readonly span: Span;
  /** By nginx's names. */
  readonly settings: ReadonlyMap<string, Setting>;
  readonly blocks: readonly Block[];
}

/** In YAML the top level is all of nginx's `main`, `events` and `http`. */
const CONTEXTS: Readonly<Record<BlockContext, readonly Context[]>> = {
  http: ["main", "events", "http"],
  upstream: ["upstream"],
  server: ["server"],
  location: ["location"],
  server_if: ["server_if"],
  location_if: ["location_if"],
  limit_except: ["limit_except"],
};

const PLACES: Readonly<Record<BlockContext, string>> = {
  http: "at the top level",
  upstream: "in an upstream",
  server: "in a server",
  location: "in a location",
  server_if: "in an if of a server",
  location_if: "in an if",
  limit_except: "in limit_except",
};

/** What a key leads to: a directive's name, a block, or more keys. */
export type Target =
  | { readonly kind: "directive"; readonly name: string }
  | { readonly kind: "block"; readonly block: BlockKind }
  | { readonly kind: "group"; readonly keys: Map<string, Target> };

const KEYS: Readonly<Record<BlockContext, ReadonlyMap<string, Target>>> = {
  http: keysOf("http"),
  upstream: keysOf("upstream"),
  server: keysOf("server"),
  location: keysOf("location"),
  server_if: keysOf("server_if"),
  location_if: keysOf("location_if"),
  limit_except: keysOf("limit_except"),
};

/** What the keys of a level lead to. */
export function targetsOf(context: BlockContext): ReadonlyMap<string, Target> {
  return KEYS[context];
}

function keysOf(context: BlockContext): ReadonlyMap<string, Target> {
  const root = new Map<string, Target>();
  for (const { name, yaml, contexts } of DIRECTIVES) {
    if (!contexts.some((candidate) => CONTEXTS[context].includes(candidate))) continue;
    const path = yaml.split(".");
    const last = path.pop() ?? yaml;
    let keys = root;
    for (const step of path) {
      let group = keys.get(step);
      if (group?.kind !== "group") {
        group = { kind: "group", keys: new Map() };
        keys.set(step, group);
      }
      keys = group.keys;
    }
    keys.set(last, { kind: "directive", name });
  }
  for (const block of BLOCKS) {
    if (block.contexts.includes(context)) root.set(block.yaml, { kind: "block", block });
  }
  return root;
}

/** The block that a map is: a whole file, if nothing else is said. What it cannot be is a problem, and left out. */
export function yamlBlock(
  node: Mapping,
  problems: Problems,
  context: BlockContext = "http",
  name = "",
  span = node.span,
): Block {
  return readBlock(context, name, span, node, problems);
}

function readBlock(
  context: BlockContext,
  name: string,
  span: Span,
  node: Mapping,
  problems: Problems,
): Block {
  const settings = new Map<string, Setting>();
  const blocks: Block[] = [];
  readKeys(node, KEYS[context], []);
  return { context, name, span, settings, blocks };

  function readKeys(
    { entries }: Mapping,
    keys: ReadonlyMap<string, Target>,
    path: readonly string[],
  ): void {
    for (const entry of entries) {
      const target = keys.get(entry.key);
      switch (target?.kind) {
        case undefined:
          complainOfKey(entry, keys, context, path, problems);
          break;
        case "directive": {
          const { key, keySpan, value, spelling = key } = entry;
          settings.set(target.name, { spelling, keySpan, value });
          break;
        }
        case "block":
          blocks.push(...readBlocks(entry, target.block, problems));
          break;
        case "group": {
          const mapping = mappingOf(entry, "a map", problems);
          if (mapping !== undefined) readKeys(mapping, target.keys, [...path, entry.key]);
        }
      }
    }
  }
}

function readBlocks(
  entry: Entry,
  { name: context, shape }: BlockKind,
  problems: Problems,
): readonly Block[] {
  const { key, value } = entry;
  if (shape === "map") {
    const mapping = mappingOf(entry, "a map of names to maps", problems);
    return (mapping?.entries ?? []).flatMap((item) => {
      const body = mappingOf(item, "a map", problems);
      if (body === undefined) return [];
      return [readBlock(context, item.key, item.keySpan, body, problems)];
    });
  }
  const items = value.kind === "list" ? value.items : undefined;
  if (items === undefined) return refuse(key, value, "a list of maps", problems) ?? [];
  return items.flatMap((item) => {
    if (item.kind !== "mapping") return refuse(`an item of ${key}`, item, "a map", problems) ?? [];
    return [readBlock(context, "", item.span, item, problems)];
  });
}

/** A map; a key with nothing behind it is an empty one. */
function mappingOf(
  { key, value }: Entry,
  expected: string,
  problems: Problems,
): Mapping | undefined {
  if (value.kind === "mapping") return value;
  if (value.kind === "scalar" && value.isEmpty) {
    return { kind: "mapping", span: value.span, entries: [] };
  }
  return refuse(key, value, expected, problems);
}

function refuse(key: string, value: Node, expected: string, problems: Problems): undefined {
  const found = describe(value);
  const cannot = `set ${key} to ${found}`;
  return problems.add({ span: value.span, cannot, found, expected: `need ${expected}` });
}

function complainOfKey(
  { key, keySpan }: Entry,
  keys: ReadonlyMap<string, Target>,
  context: BlockContext,
  path: readonly string[],
  problems: Problems,
): void {
  const place = path.length === 0 ? PLACES[context] : `under ${path.join(".")} ${PLACES[context]}`;
  const elsewhere = placeElsewhere(key, context, path);
  problems.add({
    span: keySpan,
    cannot: `use ${quote(key)} ${place}`,
    found: quote(key),
    expected: elsewhere ?? "no such directive",
    nearest: elsewhere === undefined ? nearestName(key, keys.keys()) : undefined,
  });
}

/** Where a directive of this name, or of this name in nginx, does belong. */
function placeElsewhere(
  key: string,
  context: BlockContext,
  path: readonly string[],
): string | undefined {
  const here = DIRECTIVES.find(({ name, yaml, contexts }) =>
    contexts.some((candidate) => CONTEXTS[context].includes(candidate)) &&
    (name === key || lastKey(yaml) === key)
  );
  if (here !== undefined) return `here it is ${here.yaml}`;
  const full = [...path, key].join(".");
  const places = [...DIRECTIVES, ...BLOCKS]
    .filter(({ name, yaml }) => name === key || yaml === full)
    .flatMap(({ contexts }) => contexts)
    .map((context) => PLACES[blockContextOf(context)]);
  if (places.length === 0) return undefined;
  return `it belongs ${[...new Set(places)].join(" or ")}`;
}

function lastKey(yaml: string): string {
  return yaml.slice(yaml.lastIndexOf(".") + 1);
}

/** An `if` is not named beside the level that it stands in. */
function blockContextOf(context: Context): BlockContext {
  if (context === "server_if") return "server";
  if (context === "location_if") return "location";
  return context === "upstream" || context === "server" || context === "location" ||
      context === "limit_except"
    ? context
    : "http";
}
