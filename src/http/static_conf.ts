/**
 * What the configuration says of files: plain records, already checked and merged.
 *
 * @module
 */

/** Where the files of a location are. */
export interface PlaceConf {
  /** `root`: the whole path is behind it. `alias`: what is behind the location's prefix is. */
  readonly kind: "root" | "alias";
  /** May hold `$variables`. */
  readonly path: string;
  /** Of `alias`: characters of the path that it stands for; -1 for all of them (a regex). */
  readonly matchedLength: number;
}

/** `disable_symlinks`. */
export interface SymlinksConf {
  /** What is refused: no link, every link, or those whose owner is another than their target's. */
  readonly refuses: "none" | "all" | "other_owner";
  /** `from=`: links in this beginning of the path are not looked at; may hold `$variables`. */
  readonly from: string;
}

/** `autoindex`. */
export interface AutoindexConf {
  readonly format: "html" | "xml" | "json" | "jsonp";
  readonly exactSize: boolean;
  readonly localtime: boolean;
}

/** The last argument of `try_files`. */
export type TryFilesEnd =
  | { readonly kind: "status"; readonly status: number }
  | { readonly kind: "named"; readonly name: string }
  /** May hold `$variables`. */
  | { readonly kind: "path"; readonly target: string };

/** `try_files`. */
export interface TryFilesConf {
  /** May hold `$variables`; folders end in a slash. */
  readonly files: readonly string[];
  readonly end: TryFilesEnd;
}

/** How a location's files are found, and what is told of them. */
export interface FilesConf {
  readonly place: PlaceConf;
  /** `index`: names, or paths that begin with a slash; may hold `$variables`. */
  readonly index: readonly string[];
  readonly tryFiles: TryFilesConf | undefined;
  readonly autoindex: AutoindexConf | undefined;
  readonly symlinks: SymlinksConf;
  readonly etag: boolean;
  readonly ifModifiedSince: "off" | "exact" | "before";
  readonly logNotFound: boolean;
  readonly gzipStatic: "off" | "on" | "always";
  /** `output_buffers`: cells that a file passes through, and their size. */
  readonly outputBufferCount: number;
  readonly outputBufferBytes: number;
}

/** `types`, `default_type` and `charset`. */
export interface TypesConf {
  /** Media types by the ending of a name, in lower case. */
  readonly types: ReadonlyMap<string, string>;
  /** May hold `$variables`; empty for none. */
  readonly defaultType: string;
}
