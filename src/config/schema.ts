/**
 * The JSON Schema of the YAML, for editors: what may stand where, with what it means. The reader
 * knows more than a schema can say; nothing that it takes is wrong by the schema.
 *
 * @module
 */
import { type BlockContext, type Target, targetsOf } from "./block.ts";
import { type BlockKind, BLOCKS } from "./directives.ts";
import { directiveOf } from "./nginx_print.ts";

/** A part of a JSON Schema (draft 2020-12): the words of it that are used here. */
export interface Schema {
  readonly $ref?: string;
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly (string | number | boolean)[];
  readonly pattern?: string;
  readonly default?: string;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly anyOf?: readonly Schema[];
  readonly required?: readonly string[];
}

const CONTEXTS: readonly BlockContext[] = [...new Set(BLOCKS.map(({ name }) => name))];

/** The text of `sluice.schema.json`. */
export function schemaText(): string {
  const root = levelSchema("http");
  const definitions = Object.fromEntries(
    CONTEXTS.map((context) => [context, levelSchema(context)]),
  );
  const schema = {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "Sluice",
    description: "A configuration of Sluice. The manual says more: deploy/manual/README.md",
    ...root,
    required: ["servers"],
    $defs: definitions,
  };
  return `${JSON.stringify(schema, undefined, 2)}\n`;
}

/** What may stand at a level. */
export function levelSchema(context: BlockContext): Schema {
  return keysSchema(context, targetsOf(context));
}

function keysSchema(context: BlockContext, targets: ReadonlyMap<string, Target>): Schema {
  const properties = Object.fromEntries(
    [...targets].map(([key, target]) => [key, targetSchema(context, target)]),
  );
  return { type: ["object", "null"], properties, additionalProperties: false };
}

function targetSchema(context: BlockContext, target: Target): Schema {
  switch (target.kind) {
    case "group":
      return keysSchema(context, target.keys);
    case "block":
      return blockSchema(target.block);
    case "directive": {
      const directive = directiveOf(target.name, context);
      if (directive === undefined) return {};
      const { doc, defaultText, type } = directive;
      const byDefault = defaultText === undefined ? {} : { default: defaultText };
      return { description: doc, ...byDefault, ...type.schema };
    }
  }
}

function blockSchema({ name, shape, doc }: BlockKind): Schema {
  const inner: Schema = { $ref: `#/$defs/${name}` };
  return shape === "map"
    ? { description: doc, type: ["object", "null"], additionalProperties: inner }
    : { description: doc, type: "array", items: inner };
}
