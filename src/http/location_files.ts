/**
 * What is known of a location's files: for who serves them, and for variables.
 *
 * @module
 */
import type { Template } from "../log/mod.ts";
import type { Variables } from "./configured_variables.ts";
import { byteText } from "./field_text.ts";
import { fileName, FilePlace } from "./file_place.ts";
import { MediaTypes } from "./media_types.ts";
import type { LinkRule } from "./open_file.ts";
import type { Request } from "./request.ts";
import type { FilesConf, TypesConf } from "./static_conf.ts";

/** The files of one location. */
export class LocationFiles {
  readonly conf: FilesConf;
  readonly place: FilePlace;
  readonly types: MediaTypes;
  readonly #linksFrom: Template<Request>;

  constructor(conf: FilesConf, types: TypesConf, variables: Variables) {
    this.conf = conf;
    this.place = new FilePlace(conf.place, variables);
    this.types = new MediaTypes(types, variables);
    this.#linksFrom = variables.compile(byteText(conf.symlinks.from));
  }

  /** `disable_symlinks`; undefined where links are no matter. */
  linkRule(request: Request): LinkRule | undefined {
    const { refuses } = this.conf.symlinks;
    if (refuses === "none") return undefined;
    const from = this.#linksFrom.render(request);
    const file = this.place.fileOf(request, request.path) ?? "";
    // It has to end where a name does, as in nginx.
    const isBeginning = from !== "" && file.startsWith(from) &&
      (from.endsWith("/") || file[from.length] === "/");
    return {
      refuses,
      fromLength: isBeginning ? fileName(from.replace(/\/$/, ""))?.length ?? 0 : 0,
    };
  }
}

/** `$document_root`. */
export function documentRoot(request: Request): string {
  return request.files?.place.root(request) ?? "";
}

/** `$request_filename`: empty for a path that leads out of the root. */
export function requestFilename(request: Request): string {
  return request.files?.place.fileOf(request, request.path) ?? "";
}

/** `$realpath_root`: with all symbolic links followed; empty if it is not there. */
export function realpathRoot(request: Request): string {
  const name = fileName(documentRoot(request));
  try {
    return name === undefined || name === "" ? "" : byteText(Deno.realPathSync(name));
  } catch {
    return "";
  }
}
