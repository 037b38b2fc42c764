/**
 * Where in the files of a configuration something stands: for messages about what was fine
 * when it was read.
 *
 * @module
 */
import { type Node, parseListen, placeIn, type ReadConf, type Span } from "../config/mod.ts";
import type { Need } from "./needs.ts";

/** The values of one configuration, with their places. */
export class Places {
  readonly #read: Pick<ReadConf, "document" | "sources">;

  constructor(read: Pick<ReadConf, "document" | "sources">) {
    this.#read = read;
  }

  /** `listen in sluice.yaml:3`; the directive alone where its value stands nowhere. */
  placeOf({ directive, written }: Need): string {
    if (written === "") return directive;
    const found = find(
      this.#read.document,
      "",
      (name, text) =>
        text === written || text.split(/\s+/).includes(written) ||
        (name === "listen" && parseListen(text.split(/\s+/, 1)[0] ?? "")?.name === written) ||
        (text.includes(written) && written.length > 1),
    );
    if (found === undefined) return directive;
    const { file, line } = placeIn(this.#read.sources, found.span);
    return `${directive === "" ? found.name : directive} in ${file}:${line}`;
  }
}

/** The first value that fits, under the name of the nearest directive around it. */
function find(
  node: Node,
  name: string,
  fits: (name: string, text: string) => boolean,
): { readonly name: string; readonly span: Span } | undefined {
  if (node.kind === "scalar") return fits(name, node.text) ? { name, span: node.span } : undefined;
  if (node.kind === "list") {
    for (const item of node.items) {
      const found = find(item, name, fits);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  for (const { key, spelling, value } of node.entries) {
    const found = find(value, spelling ?? key, fits);
    if (found !== undefined) return found;
  }
  return undefined;
}
