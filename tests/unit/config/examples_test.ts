/** Every directive reads its example in both spellings, to the same value. */
import { assertEquals } from "@std/assert";
import { type Directive, Reading } from "../../../src/config/directive.ts";
import { DIRECTIVES } from "../../../src/config/directives.ts";
import { exampleText } from "../../../src/config/manual.ts";
import { parseNginx, printNginx } from "../../../src/config/nginx_text.ts";
import { readStatements } from "../../../src/config/nginx_nodes.ts";
import { statementPrinter } from "../../../src/config/nginx_print.ts";
import type { Node } from "../../../src/config/node.ts";
import { printYamlNode } from "../../../src/config/yaml_print.ts";
import { Problems } from "../../../src/config/problem.ts";
import { readYamlNodes } from "../../../src/config/yaml_nodes.ts";

Deno.test("examples: both spellings of a directive's example are read as the same value", () => {
  for (const directive of AVAILABLE) {
    const yaml = valueOfYaml(directive, exampleText(directive, "yaml"));
    const nginx = valueOfNginx(directive, exampleText(directive, "nginx"));
    assertEquals(nginx.value, yaml.value, directive.name);
  }
});

Deno.test("examples: printed in the other spelling they are still the same value", () => {
  for (const directive of AVAILABLE) {
    const yaml = valueOfYaml(directive, exampleText(directive, "yaml"));
    const lines = directive.nginx.print(yaml.node, directive.name, statementPrinter);
    // What is the default may need no statement.
    if (lines.length > 0) {
      const text = printNginx(lines);
      assertEquals(valueOfNginx(directive, text).value, yaml.value, text);
    }
    const nginx = valueOfNginx(directive, exampleText(directive, "nginx"));
    const text = printYamlNode(nginx.node);
    assertEquals(valueOfYaml(directive, text).value, yaml.value, text);
  }
});

Deno.test("a parameter with blanks and a semicolon in it is one argument in nginx.conf", () => {
  const directive = AVAILABLE.find(({ name }) => name === "access_log")!;
  const yaml = valueOfYaml(directive, '{ path: "/var/log/a b; c.log", buffer: 8k }');
  const text = printNginx(directive.nginx.print(yaml.node, directive.name, statementPrinter));
  assertEquals(text, 'access_log "/var/log/a b; c.log" buffer=8k;\n');
  assertEquals(valueOfNginx(directive, text).value, yaml.value);
});

Deno.test("a key that is a number is the same in YAML, however it is written", () => {
  const directive = AVAILABLE.find(({ name }) => name === "map")!;
  for (const key of ["99999999999999999999", "1e3", "0x10", "010", "1_000", "True", "10", "1.5"]) {
    const nginx = valueOfNginx(directive, `map $arg_a $b { ${key} x; }`);
    const text = printYamlNode(nginx.node);
    assertEquals(valueOfYaml(directive, text).value, nginx.value, text);
  }
});

/** Those that are refused whatever is written have no example. */
const AVAILABLE = DIRECTIVES.filter(({ type }) => type.label !== "not available");

interface Read {
  readonly node: Node;
  readonly value: unknown;
}

function valueOfYaml(directive: Directive<unknown>, text: string): Read {
  const problems = new Problems({ fileName: `${directive.name} in YAML`, text });
  const node = readYamlNodes(problems);
  problems.throwIfAny();
  if (node === undefined) throw new Error(`${directive.name}: no example in YAML`);
  return { node, value: valueOf(directive, node, problems) };
}

function valueOfNginx(directive: Directive<unknown>, text: string): Read {
  const problems = new Problems({ fileName: `${directive.name} in nginx.conf`, text });
  const statements = parseNginx(problems, "", undefined);
  problems.throwIfAny();
  const node = readStatements(directive, statements, problems);
  problems.throwIfAny();
  if (node === undefined) throw new Error(`${directive.name}: no example in nginx.conf`);
  return { node, value: valueOf(directive, node, problems) };
}

function valueOf(directive: Directive<unknown>, node: Node, problems: Problems): unknown {
  const value = directive.read(node, new Reading(problems, directive.name));
  problems.throwIfAny();
  return withoutPlaces(value);
}

/** Where a value stood is no part of it. */
function withoutPlaces(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutPlaces);
  if (value instanceof Set) return [...value].map(withoutPlaces);
  if (value instanceof Map) return [...value].map(withoutPlaces);
  if (value instanceof RegExp) return String(value);
  if (typeof value === "function") return "a function";
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value);
  if (entries.length === 2 && "start" in value && "end" in value) return "a place";
  return Object.fromEntries(
    entries.filter(([key]) => key !== "raw" && key !== "isWords")
      .map(([key, inner]) => [key, withoutPlaces(inner)]),
  );
}
