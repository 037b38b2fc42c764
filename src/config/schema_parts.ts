/**
 * What the kinds of arguments look like to a JSON Schema.
 *
 * @module
 */
import type { Table } from "./directive.ts";
import type { Schema } from "./schema.ts";

/** Any one value. */
export const SCALAR: Schema = { type: ["string", "number", "boolean", "null"] };

/** Words: in one text, or a list of them. */
export const WORDS: Schema = {
  anyOf: [SCALAR, { type: "array", items: SCALAR }],
};

export const TIME: Schema = {
  type: ["string", "integer"],
  pattern: "^(?:\\d+(?:ms|[smhdwMy])? ?)+$",
};

export const SIZE: Schema = { type: ["string", "integer"], pattern: "^\\d+[kKmMgG]?$" };

export const INTEGER: Schema = { type: ["string", "integer"], pattern: "^\\d+$" };

export const SWITCH: Schema = { enum: ["on", "off", true, false] };

/** One of some words; those that YAML reads as numbers or booleans are these too. */
export function oneOfWords(words: readonly string[]): Schema {
  const values = words.flatMap((word): (string | number | boolean)[] => {
    if (/^\d+(?:\.\d+)?$/.test(word)) return [word, Number(word)];
    return word === "on" ? ["on", true] : word === "off" ? ["off", false] : [word];
  });
  return { enum: values };
}

export function orList(item: Schema): Schema {
  return { anyOf: [item, { type: "array", items: item }] };
}

/** A map, or a list of such maps where a name comes twice. */
export function mapSchema(value: Schema): Schema {
  return orList({ type: "object", additionalProperties: value });
}

/** Parameters by name, or in words. */
export function parametersSchema(table: Table): Schema {
  const properties = Object.fromEntries(
    Object.values(table).map(({ name, doc, type }) => [name, { description: doc, ...type.schema }]),
  );
  const map: Schema = { type: "object", properties, additionalProperties: false };
  return { anyOf: [SCALAR, { type: "array", items: SCALAR }, map] };
}
