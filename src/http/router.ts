/**
 * Which server and which location a request belongs to, in nginx's order. Pure: strings in,
 * a compiled value out. It runs once a request, so a lookup allocates nothing, and with one
 * server and one location it is a comparison or two.
 *
 * @module
 */
import type { LocationConf, LocationModifier, ServerConf } from "./conf.ts";
import { byteText } from "./field_text.ts";
import { compileRegex } from "./regex.ts";

/** A location's pattern and what is to be found under it. */
export interface LocationEntry<Value> {
  readonly modifier: LocationModifier;
  readonly pattern: string;
  readonly value: Value;
  /** Locations within it. */
  readonly inner?: LocationTable<Value> | undefined;
}

/** A server as the router returns it: its conf and its compiled locations. */
export interface RoutedServer<Value> {
  readonly conf: ServerConf;
  readonly locations: LocationTable<Value>;
}

/** The servers behind one listening address. */
export class Router<Value> {
  /** Whether every host leads to the same server, so that nobody needs to look the host up. */
  readonly isSingle: boolean;
  readonly #servers: ServerTable<RoutedServer<Value>>;

  /**
   * @param servers At least one; the first is the default server.
   * @param compile Makes what `findLocation` returns; called once a location. `within` are the
   * locations around it, the outermost first.
   */
  constructor(
    servers: readonly ServerConf[],
    compile: (
      location: LocationConf,
      server: ServerConf,
      within: readonly LocationConf[],
    ) => Value,
  ) {
    const tableOf = (
      locations: readonly LocationConf[],
      server: ServerConf,
      within: readonly LocationConf[],
    ): LocationTable<Value> =>
      new LocationTable(locations.map((location) => ({
        modifier: location.modifier,
        pattern: location.pattern,
        value: compile(location, server, within),
        inner: location.locations.length === 0
          ? undefined
          : tableOf(location.locations, server, [...within, location]),
      })));
    this.isSingle = servers.length === 1;
    this.#servers = new ServerTable(servers.map((conf) => ({
      names: conf.serverNames,
      value: { conf, locations: tableOf(conf.locations, conf, []) },
    })));
  }

  /** The server for a host: lower case, without port and trailing dot; "" when there is none. */
  findServer(host: string): RoutedServer<Value> {
    return this.#servers.find(host);
  }

  /** The `~regex` of `server_name` that a host leads to its server by; undefined if it is none. */
  regexFor(host: string): string | undefined {
    return this.#servers.regexFor(host);
  }

  /** The location of a name such as `@fallback` at the server for `host`. */
  findNamed(host: string, name: string): Value | undefined {
    return this.#servers.find(host).locations.named(name);
  }

  /** The location of a normalized path at the server for `host`; undefined is a 404. */
  findLocation(host: string, path: string): Value | undefined {
    return this.#servers.find(host).locations.find(path);
  }
}

/** The locations of one server. */
export class LocationTable<Value> {
  /** Prefix and exact patterns together, so that one search finds both. */
  readonly #index: AffixIndex;
  /** By position in the index. */
  readonly #plain: readonly PlainLocation<Value>[];
  readonly #regexes: readonly {
    readonly regex: RegExp;
    readonly value: Value;
    readonly inner: LocationTable<Value> | undefined;
  }[];
  /** Whether the last search came to an end that locations around this table do not change. */
  #isFinal = false;
  readonly #named = new Map<string, Value>();

  /**
   * @param entries In the order of the configuration, which is the order regexes are tried in.
   * @throws {SyntaxError} When a regex is not one.
   */
  constructor(entries: readonly LocationEntry<Value>[]) {
    const plain = new Map<string, PlainLocation<Value>>();
    const regexes: {
      regex: RegExp;
      value: Value;
      inner: LocationTable<Value> | undefined;
    }[] = [];
    for (const { modifier, pattern: written, value, inner } of entries) {
      const pattern = byteText(written);
      if (modifier === "@") {
        this.#named.set(pattern, value);
        continue;
      }
      if (modifier === "~" || modifier === "~*") {
        regexes.push({ regex: locationRegex(modifier, written), value, inner });
        continue;
      }
      const location = plain.get(pattern) ??
        { exact: undefined, prefix: undefined, stops: false, inner: undefined };
      if (modifier === "=") {
        location.exact ??= { value };
      } else if (location.prefix === undefined) {
        location.prefix = { value };
        location.inner = inner;
        location.stops = modifier === "^~";
      }
      plain.set(pattern, location);
    }
    this.#index = new AffixIndex([...plain.keys()], "prefix");
    this.#plain = this.#index.affixes.map((pattern) => at(plain.get(pattern)));
    this.#regexes = regexes;
  }

  named(name: string): Value | undefined {
    return this.#named.get(name);
  }

  /**
   * An exact pattern, else the longest prefix if it says `^~`, else the first regex, else that
   * prefix. Within a prefix or regex its own locations are looked through in the same way: an
   * exact pattern or a regex among them ends the search, a prefix among them does not.
   */
  find(path: string): Value | undefined {
    this.#isFinal = true;
    let position = this.#index.floor(path);
    if (position >= 0 && this.#index.affixes[position] === path) {
      const { exact } = at(this.#plain[position]);
      if (exact !== undefined) return exact.value;
    }
    // The longest affix may be of an exact pattern only: go on to shorter ones.
    position = this.#index.longest(path, position);
    while (position >= 0 && at(this.#plain[position]).prefix === undefined) {
      position = this.#index.shorter(position);
    }
    const prefix = position >= 0 ? at(this.#plain[position]) : undefined;
    let found = prefix?.prefix?.value;
    if (prefix?.inner !== undefined) {
      found = prefix.inner.find(path) ?? found;
      if (prefix.inner.#isFinal) return found;
    }
    if (prefix?.stops !== true) {
      for (const { regex, value, inner } of this.#regexes) {
        if (regex.test(path)) return inner?.find(path) ?? value;
      }
    }
    this.#isFinal = false;
    return found;
  }
}

/** The values are boxed, so that undefined can be one. */
interface PlainLocation<Value> {
  exact: { readonly value: Value } | undefined;
  prefix: { readonly value: Value } | undefined;
  /** `^~`: no regex is tried. */
  stops: boolean;
  /** Within the prefix. */
  inner: LocationTable<Value> | undefined;
}

/**
 * The regex of a `~` or `~*` location.
 *
 * @throws {SyntaxError} When it is not one.
 */
export function locationRegex(modifier: "~" | "~*", pattern: string): RegExp {
  return compileRegex(pattern, modifier === "~*");
}

/**
 * The regex of a `~…` server name. Hosts are compared in lower case, so it ignores case.
 *
 * @throws {SyntaxError} When it is not one.
 */
export function serverNameRegex(name: string): RegExp {
  return compileRegex(name.slice(1), true);
}

/** Values by host name, as `server_name` states them; where two claim a name the first has it. */
export class ServerTable<Value> {
  readonly #default: Value;
  readonly #plain: HostTable<{ readonly value: Value }>;
  readonly #regexes: { readonly name: string; readonly regex: RegExp; readonly value: Value }[] =
    [];
  readonly #isSingle: boolean;

  /**
   * @param servers At least one; the first is the default.
   * @throws {SyntaxError} When a regex is not one.
   */
  constructor(servers: readonly { readonly names: readonly string[]; readonly value: Value }[]) {
    this.#default = at(servers[0]).value;
    this.#isSingle = servers.length === 1;
    const plain: (readonly [string, { readonly value: Value }])[] = [];
    for (const { names, value } of servers) {
      for (const name of names) {
        if (name.startsWith("~")) {
          this.#regexes.push({ name, regex: serverNameRegex(name), value });
        } else {
          plain.push([name, { value }]);
        }
      }
    }
    this.#plain = new HostTable(plain);
  }

  /** Exact name, longest `*.x`, longest `x.*`, first regex, default: nginx's order. */
  find(host: string): Value {
    if (this.#isSingle) return this.#default;
    const plain = this.#plain.find(host);
    if (plain !== undefined) return plain.value;
    for (const { regex, value } of this.#regexes) {
      if (regex.test(host)) return value;
    }
    return this.#default;
  }

  /** The `~regex` that a host leads to its server by; undefined if it is not one that does. */
  regexFor(host: string): string | undefined {
    if (host === "" || this.#plain.find(host) !== undefined) return undefined;
    return this.#regexes.find(({ regex }) => regex.test(host))?.name;
  }
}

/** Values by names of hosts: exact ones, `.example.org`, `*.example.org`, `www.example.*`. */
export class HostTable<Value extends NonNullable<unknown>> {
  readonly #exact = new Map<string, Value>();
  readonly #leading: WildcardTable<Value>;
  readonly #trailing: WildcardTable<Value>;

  /** @param entries In lower case; the first one of a name counts. */
  constructor(entries: Iterable<readonly [name: string, value: Value]>) {
    const leading = new Map<string, Value>();
    const trailing = new Map<string, Value>();
    for (const [name, value] of entries) {
      if (name.startsWith("*.")) {
        addFirst(leading, name.slice(1), value);
      } else if (name.startsWith(".")) {
        addFirst(leading, name, value);
        addFirst(this.#exact, name.slice(1), value);
      } else if (name.endsWith(".*")) {
        addFirst(trailing, name.slice(0, -1), value);
      } else {
        addFirst(this.#exact, name, value);
      }
    }
    this.#leading = new WildcardTable(leading, "suffix");
    this.#trailing = new WildcardTable(trailing, "prefix");
  }

  /** Of the exact name, the longest `*.x`, the longest `x.*`: nginx's order. */
  find(host: string): Value | undefined {
    return this.#exact.get(host) ?? this.#leading.find(host) ?? this.#trailing.find(host);
  }
}

function addFirst<Value>(map: Map<string, Value>, name: string, value: Value): void {
  if (!map.has(name)) map.set(name, value);
}

/** Values by `.example.org` (suffix) or `www.example.` (prefix); the longest wins. */
class WildcardTable<Value> {
  readonly #index: AffixIndex;
  readonly #values: readonly Value[];

  constructor(values: ReadonlyMap<string, Value>, end: AffixEnd) {
    this.#index = new AffixIndex([...values.keys()], end);
    this.#values = this.#index.affixes.map((affix) => at(values.get(affix)));
  }

  find(host: string): Value | undefined {
    let position = this.#index.longest(host, this.#index.floor(host));
    // The star stands for at least one character.
    while (position >= 0 && at(this.#index.affixes[position]).length === host.length) {
      position = this.#index.shorter(position);
    }
    return position < 0 ? undefined : this.#values[position];
  }
}

type AffixEnd = "prefix" | "suffix";

/**
 * Finds the longest of many prefixes (or suffixes) of a text in one binary search.
 *
 * Sorted, every prefix of a text stands before the text, and whatever stands between a
 * prefix and the text starts with that prefix too. So the longest prefix is the last affix
 * not above the text, or one of the prefixes of that affix, which are linked when it is built.
 */
class AffixIndex {
  /** Sorted. */
  readonly affixes: readonly string[];
  /** For each affix the position of the longest other one that it starts with, or -1. */
  readonly #shorter: Int32Array;
  readonly #end: AffixEnd;

  constructor(affixes: readonly string[], end: AffixEnd) {
    this.#end = end;
    this.affixes = affixes.toSorted((a, b) => end === "prefix" ? compare(a, b) : compareEnds(a, b));
    this.#shorter = new Int32Array(this.affixes.length);
    for (const [position, affix] of this.affixes.entries()) {
      this.#shorter[position] = this.longest(affix, position - 1);
    }
  }

  /** The last affix that does not sort above the text, or -1. */
  floor(text: string): number {
    let low = 0;
    let high = this.affixes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const affix = at(this.affixes[middle]);
      const isAbove = this.#end === "prefix" ? affix > text : compareEnds(affix, text) > 0;
      if (isAbove) high = middle;
      else low = middle + 1;
    }
    return low - 1;
  }

  /** From `floor`, the longest affix that the text has, or -1. */
  longest(text: string, floor: number): number {
    let position = floor;
    while (position >= 0 && !this.#has(text, at(this.affixes[position]))) {
      position = this.shorter(position);
    }
    return position;
  }

  /** The next shorter affix of the same text, or -1. */
  shorter(position: number): number {
    return this.#shorter[position] ?? -1;
  }

  #has(text: string, affix: string): boolean {
    return this.#end === "prefix" ? text.startsWith(affix) : text.endsWith(affix);
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Compares from the last character to the first. */
function compareEnds(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  for (let back = 1; back <= shared; back++) {
    const difference = a.charCodeAt(a.length - back) - b.charCodeAt(b.length - back);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** What is there by construction. */
function at<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error("router: position out of range");
  return value;
}
