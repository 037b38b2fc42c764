/**
 * Where a location's files are, and what is told of them.
 *
 * @module
 */
import type { FilesConf, PlaceConf, TypesConf } from "../http/static_conf.ts";
import type { Block } from "./block.ts";
import type { Building } from "./building.ts";
import type { Settings } from "./directive.ts";
import {
  type filesDirectives,
  filesDirectives as table,
  placeOfFiles,
  type typesDirectives,
  typesDirectives as typesTable,
} from "./directives/static.ts";
import { MEDIA_TYPES } from "./media_types.ts";
import { quote } from "./problem.ts";

/** nginx's: below the prefix. */
const DEFAULT_ROOT: PlaceConf = { kind: "root", path: "html", matchedLength: 0 };

/** What a level has settled about files. */
export interface FilesLevel {
  readonly settings: Settings<typeof filesDirectives>;
  readonly types: Settings<typeof typesDirectives>;
  /** `root` or `alias`, of this level or of one around it. */
  readonly place: PlaceConf | undefined;
}

/** A location's pattern, as far as `alias` is about it. */
interface MatchedBy {
  readonly modifier: string;
  readonly pattern: string;
}

/** @param pattern Of a location. */
export function filesLevel(
  block: Block,
  building: Building,
  outer?: FilesLevel,
  pattern?: MatchedBy,
): FilesLevel {
  return {
    settings: building.settle(table, block, outer?.settings),
    types: building.settle(typesTable, block, outer?.types),
    place: placeOf(block, building, pattern) ?? outer?.place,
  };
}

/** `root` or `alias` of one level. */
function placeOf(
  block: Block,
  building: Building,
  pattern: MatchedBy | undefined,
): PlaceConf | undefined {
  const { root, alias } = building.settle(placeOfFiles, block);
  if (alias === undefined) {
    return root && { kind: "root", path: root.value, matchedLength: 0 };
  }
  const complain = (cannot: string, expected: string): PlaceConf => {
    building.problems.add({ span: alias.span, cannot, found: quote(alias.value), expected });
    return DEFAULT_ROOT; // so that nobody complains that there is none
  };
  if (root !== undefined) {
    return complain("have both root and alias", "need one of them");
  }
  if (pattern?.modifier === "@") {
    return complain("use alias in a named location", "it has no prefix: need root");
  }
  const tries = block.settings.get("try_files");
  if (tries !== undefined && pattern?.modifier.startsWith("~")) {
    return complain("use try_files with an alias that is the whole path of a file", "need root");
  }
  const matchedLength = pattern?.modifier.startsWith("~") ? -1 : pattern?.pattern.length ?? 0;
  return { kind: "alias", path: alias.value, matchedLength };
}

export function filesConf({ settings, place }: FilesLevel): FilesConf {
  const { outputBuffers, autoindex, autoindexFormat, autoindexExactSize, autoindexLocaltime } =
    settings;
  const { index, tryFiles, symlinks, etag, ifModifiedSince, logNotFound, gzipStatic } = settings;
  return {
    index,
    tryFiles,
    symlinks,
    etag,
    ifModifiedSince,
    logNotFound,
    place: place ?? DEFAULT_ROOT,
    autoindex: autoindex
      ? {
        format: autoindexFormat,
        exactSize: autoindexExactSize,
        localtime: autoindexLocaltime,
      }
      : undefined,
    gzipStatic,
    outputBufferCount: outputBuffers.count,
    outputBufferBytes: outputBuffers.sizeBytes,
  };
}

export function typesConf({ types: { types, defaultType } }: FilesLevel): TypesConf {
  return { types: types ?? MEDIA_TYPES, defaultType };
}
