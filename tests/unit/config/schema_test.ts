import { assert, assertEquals } from "@std/assert";
import { parse } from "@std/yaml";
import { DIRECTIVES } from "../../../src/config/directives.ts";
import { exampleText } from "../../../src/config/manual.ts";
import { levelSchema, type Schema, schemaText } from "../../../src/config/schema.ts";

/** What a value breaks of a schema; undefined when it is right. Knows the words that ours use. */
function broken(value: unknown, schema: Schema, root: Root, path = "$"): string | undefined {
  if (schema.$ref !== undefined) {
    const definition = root.$defs[schema.$ref.slice("#/$defs/".length)];
    return definition === undefined
      ? `${path}: no ${schema.$ref}`
      : broken(value, definition, root, path);
  }
  if (schema.anyOf !== undefined) {
    const all = schema.anyOf.map((one) => broken(value, one, root, path));
    return all.includes(undefined) ? undefined : all.join(" and ");
  }
  if (schema.enum !== undefined && !schema.enum.some((one) => one === value)) {
    return `${path}: ${JSON.stringify(value)} is none of ${schema.enum.join(", ")}`;
  }
  if (schema.type !== undefined && ![schema.type].flat().includes(typeOf(value))) {
    const integer = typeOf(value) === "integer" && [schema.type].flat().includes("number");
    if (!integer) return `${path}: ${typeOf(value)} is no ${schema.type}`;
  }
  if (typeof value === "string" && schema.pattern !== undefined) {
    if (!new RegExp(schema.pattern).test(value)) return `${path}: ${value} is no ${schema.pattern}`;
  }
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items === undefined) return undefined;
    return value.map((item, at) => broken(item, items, root, `${path}[${at}]`)).find((one) => one);
  }
  if (typeof value !== "object" || value === null) return undefined;
  for (const [key, inner] of Object.entries(value)) {
    const own = schema.properties?.[key] ??
      (schema.additionalProperties === false ? undefined : schema.additionalProperties ?? {});
    if (own === undefined) return `${path}: no ${key}`;
    if (own === true) continue;
    const wrong = broken(inner, own as Schema, root, `${path}.${key}`);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

type Root = Schema & { readonly $defs: Readonly<Record<string, Schema>> };

const ROOT = JSON.parse(schemaText()) as Root;

function typeOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return Number.isInteger(value) ? "integer" : typeof value;
}

Deno.test("schema: takes the example of every directive, and tells what it means", () => {
  for (const directive of DIRECTIVES) {
    if (directive.type.label === "not available") continue;
    const value = parse(exampleText(directive, "yaml"));
    const schema = directive.type.schema ?? {};
    assertEquals(broken(value, schema, ROOT), undefined, directive.name);
  }
  const location = levelSchema("location").properties?.["proxy"]?.properties?.["read_timeout"];
  assertEquals(location?.description, "The longest time between two reads from the peer.");
  assertEquals(location?.default, "60s");
});

Deno.test("schema: takes a whole configuration, and refuses what the reader refuses", () => {
  const good = `
    workers: 1
    proxy: { http_version: 1.1, buffering: off }
    upstreams: { app: { servers: [127.0.0.1:1, { address: 127.0.0.1:2, weight: 2 }], keepalive: 8 } }
    servers:
      - listen: [8080, { address: 127.0.0.1:1, backlog: 5 }]
        server_name: a b
        locations:
          /: { proxy: { pass: http://app, read_timeout: 1h 30m, set_header: { A: 1 } } }
          /none:
  `;
  assertEquals(broken(parse(good), ROOT, ROOT), undefined);
  const bad: [text: string, what: string][] = [
    ["{ servers: [], sevrers: [] }", "no sevrers"],
    ["{ servers: {} }", "object is no array"],
    ["{ servers: [{ locations: { /: { proxy: { read_timeout: 5x } } } }] }", "5x is no"],
    ["{ servers: [], proxy: { buffering: maybe } }", '"maybe" is none of on, off'],
    ["{ servers: [], upstreams: { a: { servers: [{ wieght: 2 }] } } }", "no wieght"],
  ];
  for (const [text, what] of bad) {
    const found = broken(parse(text), ROOT, ROOT) ?? "nothing";
    assert(found.includes(what), `${text}: ${found}`);
  }
});
