/**
 * `types` and `default_type`: the media type of a file, by the ending of its name.
 *
 * @module
 */
import type { Template } from "../log/mod.ts";
import type { Variables } from "./configured_variables.ts";
import { byteText, fieldSafe } from "./field_text.ts";
import type { Request } from "./request.ts";
import type { TypesConf } from "./static_conf.ts";

/** The media types of one location. */
export class MediaTypes {
  readonly #types: ReadonlyMap<string, string>;
  readonly #default: Template<Request>;

  constructor({ types, defaultType }: TypesConf, variables: Variables) {
    this.#types = types;
    this.#default = variables.compile(byteText(defaultType));
  }

  /** `Content-Type` of what is at a path; empty for none. */
  of(request: Request, path: string): string {
    return this.#types.get(ending(path)) ?? fieldSafe(this.#default.render(request));
  }
}

/** What is behind the last dot of the last name, in lower case. */
function ending(path: string): string {
  const dot = path.lastIndexOf(".");
  return dot <= path.lastIndexOf("/") ? "" : path.slice(dot + 1).toLowerCase();
}
