/** A configuration goes to workers as a message: it is plain data, whatever is in it. */
import { assertEquals } from "@std/assert";
import { loadConf } from "../../src/control/load_conf.ts";

const EXAMPLES = new URL("../../deploy/examples/", import.meta.url).pathname;

for (const { name } of Deno.readDirSync(EXAMPLES)) {
  Deno.test(`deploy/examples/${name} can be posted to a worker`, async () => {
    const { conf } = await loadConf(
      `${EXAMPLES}${name}`,
      (path) => Deno.readTextFile(path),
      undefined,
    );
    assertEquals(notPlain(conf, "conf", new Set()), []);
    assertEquals(structuredClone(conf), conf);
  });
}

/** Where there is a function, or an object of a class that a message would lose. */
function notPlain(value: unknown, path: string, seen: Set<unknown>): string[] {
  if (typeof value === "function" || typeof value === "symbol") return [`${path}: ${typeof value}`];
  if (typeof value !== "object" || value === null || seen.has(value)) return [];
  seen.add(value);
  if (value instanceof RegExp || ArrayBuffer.isView(value)) return [];
  const parts = value instanceof Map || value instanceof Set
    ? [...value].map((part, at) => [String(at), part] as const)
    : Object.entries(value);
  const isPlain = value instanceof Map || value instanceof Set || Array.isArray(value) ||
    [Object.prototype, null].includes(Object.getPrototypeOf(value));
  const self = isPlain ? [] : [`${path}: ${value.constructor.name}`];
  return [...self, ...parts.flatMap(([key, part]) => notPlain(part, `${path}.${key}`, seen))];
}
