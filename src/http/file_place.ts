/**
 * `root` and `alias`: which file a path names.
 *
 * @module
 */
import type { Template } from "../log/mod.ts";
import type { Variables } from "./configured_variables.ts";
import { byteText } from "./field_text.ts";
import type { Request } from "./request.ts";
import type { PlaceConf } from "./static_conf.ts";

/** Where the files of one location are. */
export class FilePlace {
  readonly conf: PlaceConf;
  readonly #base: Template<Request>;
  /** What stands in front of the first variable of the configuration's text. */
  readonly #fixed: string;

  constructor(conf: PlaceConf, variables: Variables) {
    this.conf = conf;
    const text = conf.kind === "root" ? withoutSlash(conf.path) : conf.path;
    this.#base = variables.compile(byteText(text));
    const variableAt = text.indexOf("$");
    this.#fixed = byteText(variableAt < 0 ? text : text.slice(0, variableAt));
  }

  /** `$document_root`: the text of `root` or `alias`. */
  root(request: Request): string {
    return this.#base.render(request);
  }

  /**
   * The file that a path names, in bytes as code units; undefined for one that would lead
   * out of the place. nginx lets paths lead out where an `alias` ends without a slash and its
   * location does too, and where a variable holds `..`.
   *
   * @param path Of a request: normalised, begins with a slash.
   */
  fileOf(request: Request, path: string): string | undefined {
    const base = this.#base.render(request);
    const { kind, matchedLength } = this.conf;
    const rest = kind === "root"
      ? path
      : matchedLength < 0
      ? ""
      : path.slice(Math.min(matchedLength, path.length));
    const fixed = this.#fixed;
    const given = base.length === fixed.length ? rest : base.slice(fixed.length) + rest;
    return leadsOut(fixed, given) ? undefined : base + rest;
  }
}

/** Whether what a request gives leads out of the folder that the configuration gives. */
function leadsOut(fixed: string, given: string): boolean {
  if (given.includes("\0")) return true;
  if (given.startsWith(".") && fixed.endsWith(".")) return true;
  return given.includes("..") && given.split("/").includes("..");
}

export function withoutSlash(path: string): string {
  return path.endsWith("/") ? path.slice(0, -1) : path;
}

/**
 * A path as Deno takes it: a text whose UTF-8 is the path's bytes.
 *
 * @returns undefined for bytes that are no UTF-8: such a name cannot be said to Deno.
 */
export function fileName(bytes: string): string | undefined {
  // deno-lint-ignore no-control-regex -- ASCII needs no decoding
  if (/^[\x00-\x7f]*$/.test(bytes)) return bytes;
  try {
    return DECODER.decode(Uint8Array.from(bytes, (unit) => unit.charCodeAt(0)));
  } catch {
    return undefined;
  }
}

const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
