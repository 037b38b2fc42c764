/**
 * `map`: a variable whose value is looked up by that of a text.
 *
 * @module
 */
import type { Getter, Template } from "../log/mod.ts";
import type { MapConf } from "./conf.ts";
import type { Variables } from "./configured_variables.ts";
import { byteText } from "./field_text.ts";
import { CapturingRegex, compileRegex } from "./regex.ts";
import type { Request } from "./request.ts";
import { HostTable } from "./router.ts";

type Value = Template<Request>;

interface RegexEntry {
  readonly regex: CapturingRegex;
  readonly value: Value;
}

/**
 * How the variable's value is found: an exact key in any case, of hostnames the longest
 * wildcard, the first regex, the default. nginx's order.
 */
export function compileMap(conf: MapConf, variables: Variables): Getter<Request> {
  const source = variables.compile(byteText(conf.source));
  const valueOf = new Map<string, Value>();
  const compile = (text: string): Value => {
    const value = valueOf.get(text) ?? variables.compile(byteText(text));
    valueOf.set(text, value);
    return value;
  };
  const otherwise = compile(conf.defaultValue);
  const plain = conf.entries.filter(({ kind }) => kind === "text")
    .map(({ key, value }) => [byteText(key).toLowerCase(), compile(value)] as const);
  const regexes = conf.entries.filter(({ kind }) => kind !== "text")
    .map(({ kind, key, value }): RegexEntry => ({
      regex: new CapturingRegex(mapRegex(kind === "~*", key), variables),
      value: compile(value),
    }));
  const find = conf.isHostnames ? hostFinder(plain) : exactFinder(plain);
  if (regexes.length === 0) {
    return (request) => (find(source.render(request)) ?? otherwise).render(request);
  }
  return (request) => {
    const key = source.render(request);
    const value = find(key) ?? matching(regexes, request, undotted(key, conf)) ?? otherwise;
    return value.render(request);
  };
}

/** @throws {SyntaxError} */
export function mapRegex(ignoresCase: boolean, source: string): RegExp {
  return compileRegex(source, ignoresCase);
}

type Find = (key: string) => Value | undefined;

function exactFinder(entries: readonly (readonly [string, Value])[]): Find {
  const values = new Map(entries);
  const longest = Math.max(-1, ...values.keys().map(({ length }) => length));
  // Beside regexes there are few keys and long texts, such as User-Agents.
  return (key) => key.length > longest ? undefined : values.get(key.toLowerCase());
}

function hostFinder(entries: readonly (readonly [string, Value])[]): Find {
  const table = new HostTable(entries);
  return (key) => table.find(undotted(key, { isHostnames: true }).toLowerCase());
}

function undotted(key: string, { isHostnames }: Pick<MapConf, "isHostnames">): string {
  return isHostnames && key.endsWith(".") ? key.slice(0, -1) : key;
}

function matching(
  regexes: readonly RegexEntry[],
  request: Request,
  key: string,
): Value | undefined {
  for (const { regex, value } of regexes) {
    if (regex.match(request, key)) return value;
  }
  return undefined;
}
