/** Directives about files: where they are, and what is told of them. @module */
import type { SymlinksConf, TryFilesConf, TryFilesEnd } from "../../http/static_conf.ts";
import {
  type ArgumentType,
  directive,
  HTTP_SERVER_LOCATION,
  type Reading,
  type Table,
} from "../directive.ts";
import {
  entriesOf,
  hasEntries,
  type NginxForm,
  oneArgument,
  spanOf,
  wordsNode,
  wordTexts,
} from "../nginx_form.ts";
import { type Node, type Scalar, wordsOf } from "../node.ts";
import { checkVariables, choice, flag, template, withPlace } from "../types.ts";
import { buffers } from "./client.ts";

const EXPECTED_PATH = 'a path such as "/srv/www" or "/srv/$host"';

/** A folder or file, with `$variables`. */
const path: ArgumentType<string> = {
  label: "path with $variables",
  nginx: oneArgument,
  expected: EXPECTED_PATH,
  read(node, reading): string | undefined {
    if (node.kind !== "scalar" || node.text === "" || node.text.includes("\0")) {
      return reading.refuse(node, EXPECTED_PATH);
    }
    return template.read(node, reading);
  },
};

const EXPECTED_INDEX = 'names of files such as "index.html index.htm"';

/** Some words with `$variables`. */
const names: ArgumentType<readonly string[]> = {
  label: "names with $variables",
  expected: EXPECTED_INDEX,
  read(node, reading): readonly string[] | undefined {
    const words = wordsOf(node);
    if (words === undefined || words.length === 0) return reading.refuse(node, EXPECTED_INDEX);
    return areKnown(words, reading) ? words.map(({ text }) => text) : undefined;
  },
};

function areKnown(words: readonly Scalar[], reading: Reading): boolean {
  return words.map((word) => checkVariables(word, reading)).every(Boolean);
}

const EXPECTED_TRY =
  'files and what answers if there is none, such as "$uri $uri/ /index.html", "$uri @app" or "$uri =404"';

const tryFiles: ArgumentType<TryFilesConf> = {
  label: "file … path | @name | =status",
  expected: EXPECTED_TRY,
  read(node, reading): TryFilesConf | undefined {
    const words = wordsOf(node) ?? [];
    const end = words.length < 2 ? undefined : endOf(words.at(-1)!.text);
    if (end === undefined) return reading.refuse(node, EXPECTED_TRY);
    if (!areKnown(words, reading)) return undefined;
    return { files: words.slice(0, -1).map(({ text }) => text), end };
  },
};

function endOf(text: string): TryFilesEnd | undefined {
  if (text.startsWith("=")) {
    const status = Number(text.slice(1));
    const isStatus = /^=[2-5]\d\d$/.test(text) || text === "=444";
    return isStatus ? { kind: "status", status } : undefined;
  }
  return text.startsWith("@") ? { kind: "named", name: text } : { kind: "path", target: text };
}

const EXPECTED_SYMLINKS =
  "off, on or if_not_owner, the latter two with from=PATH behind it if wanted";

const symlinks: ArgumentType<SymlinksConf> = {
  label: "off | on [from=path] | if_not_owner [from=path]",
  expected: EXPECTED_SYMLINKS,
  read(node, reading): SymlinksConf | undefined {
    const [rule, from, ...more] = wordsOf(node) ?? [];
    const refuses = RULES[rule?.text ?? ""];
    const isGood = refuses !== undefined && more.length === 0 &&
      (from === undefined || (from.text.startsWith("from=") && refuses !== "none"));
    if (!isGood) return reading.refuse(node, EXPECTED_SYMLINKS);
    if (from !== undefined && !checkVariables(from, reading)) return undefined;
    return { refuses, from: from?.text.slice("from=".length) ?? "" };
  },
};

const RULES: Readonly<Record<string, SymlinksConf["refuses"]>> = {
  off: "none",
  false: "none",
  on: "all",
  true: "all",
  if_not_owner: "other_owner",
};

/** `types { text/html html htm; }` */
const typesForm: NginxForm = {
  arity: { least: 0, most: 0 },
  isRepeatable: true,
  block: "always",
  read: (statements) => ({
    kind: "mapping",
    span: spanOf(statements),
    entries: statements.flatMap(({ block = [] }) =>
      block.map(({ name, args, span }) => ({
        key: name.text,
        keySpan: name.span,
        value: wordsNode(args, span),
      }))
    ),
  }),
  print: (node, name) => [{
    name,
    args: [],
    block: entriesOf(node).map(({ key, value }) => ({ name: key, args: wordTexts(value) })),
  }],
};

const EXPECTED_TYPES =
  'a map of media types to endings, such as {text/html: "html htm", image/png: png}';
const MEDIA_TYPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+$/;

const types: ArgumentType<ReadonlyMap<string, string>> = {
  label: "map of media types to endings of names",
  nginx: typesForm,
  expected: EXPECTED_TYPES,
  read(node: Node, reading): ReadonlyMap<string, string> | undefined {
    if (!hasEntries(node)) return reading.refuse(node, EXPECTED_TYPES);
    const types = new Map<string, string>();
    for (const { key, keySpan, value } of entriesOf(node)) {
      if (!MEDIA_TYPE.test(key)) {
        reading.refusePart(keySpan, key, 'need a media type such as "text/html"');
        continue;
      }
      const endings = wordsOf(value);
      if (endings === undefined || endings.length === 0) {
        reading.of(key).refuse(value, 'endings of names such as "html htm"');
        continue;
      }
      for (const { text } of endings) types.set(text.toLowerCase(), key);
    }
    return types;
  },
};

/**
 * Where files are. Which of the two holds is a matter of the level: see `placeOf`.
 */
export const placeOfFiles = {
  root: directive({
    name: "root",
    contexts: [...HTTP_SERVER_LOCATION, "location_if"],
    merge: "own",
    type: withPlace(path),
    example: { yaml: "/srv/www", nginx: "/srv/www" },
    doc:
      "Folder of the files that a location without an action of its own serves: the request's path " +
      "stands for a file below it. Inherited by the levels within. A path that leads out of it is " +
      "404, also where a variable brings the `..`; a name that is not UTF-8 is 404 too.",
  }),
  alias: directive({
    name: "alias",
    contexts: ["location"],
    merge: "own",
    type: withPlace(path),
    example: { yaml: "/srv/images/", nginx: "/srv/images/" },
    doc:
      "In place of `root`: what stands in the place of the location's own prefix. In a location " +
      "with a regex it is the whole path of the file, and may hold the regex's captures.",
  }),
} satisfies Table;

export const filesDirectives = {
  index: directive({
    name: "index",
    contexts: HTTP_SERVER_LOCATION,
    type: names,
    default: "index.html",
    example: { yaml: "index.html index.htm /index.php", nginx: "index.html index.htm /index.php" },
    doc:
      "Files that answer for a folder, the first that is there: the request is led to it. One that " +
      "begins with a slash is taken without a look.",
  }),
  tryFiles: directive({
    name: "try_files",
    contexts: ["server", "location"],
    merge: "own",
    type: tryFiles,
    example: { yaml: "$uri $uri/ /index.html", nginx: "$uri $uri/ /index.html" },
    doc:
      "Files that are looked for in order, folders with a slash behind them; the request goes on " +
      "with the path of the first that is there. If there is none: another path, a named location, " +
      "or a status.",
  }),
  autoindex: directive({
    name: "autoindex",
    contexts: HTTP_SERVER_LOCATION,
    type: flag,
    default: "off",
    doc:
      "Whether a folder without an index file is answered with a list of its files. Names that " +
      "begin with a dot are left out, and those that are not UTF-8. Long names are cut by their " +
      "characters; nginx counts bytes.",
  }),
  autoindexFormat: directive({
    name: "autoindex_format",
    contexts: HTTP_SERVER_LOCATION,
    type: choice(["html", "xml", "json", "jsonp"]),
    default: "html",
    doc: "How the list is written. `jsonp` calls the function that the argument `callback` names.",
  }),
  autoindexExactSize: directive({
    name: "autoindex_exact_size",
    contexts: HTTP_SERVER_LOCATION,
    type: flag,
    default: "on",
    doc: "Whether sizes on a page are in bytes, or rounded.",
  }),
  autoindexLocaltime: directive({
    name: "autoindex_localtime",
    contexts: HTTP_SERVER_LOCATION,
    type: flag,
    default: "off",
    doc: "Whether times on a page are local ones, or UTC.",
  }),
  etag: directive({
    name: "etag",
    contexts: HTTP_SERVER_LOCATION,
    type: flag,
    default: "on",
    doc: "Whether files have an `ETag`, made of their time and length.",
  }),
  ifModifiedSince: directive({
    name: "if_modified_since",
    contexts: HTTP_SERVER_LOCATION,
    type: choice(["off", "exact", "before"]),
    default: "exact",
    doc:
      "When a file counts as not modified: never, if its time is that of `If-Modified-Since`, or if " +
      "it is not later.",
  }),
  logNotFound: directive({
    name: "log_not_found",
    contexts: HTTP_SERVER_LOCATION,
    type: flag,
    default: "on",
    doc: "Whether files that are not there are told to the error log.",
  }),
  gzipStatic: directive({
    name: "gzip_static",
    contexts: HTTP_SERVER_LOCATION,
    type: choice(["off", "on", "always"]),
    default: "off",
    doc: "Whether `x.gz` is sent in the place of `x`, where it is there: to who accepts it, as " +
      "`gzip_http_version`, `gzip_proxied` and `gzip_disable` say, or to all (`always`, with `gunzip` " +
      "for those who do not).",
  }),
  symlinks: directive({
    name: "disable_symlinks",
    contexts: HTTP_SERVER_LOCATION,
    type: symlinks,
    default: "off",
    example: {
      yaml: "if_not_owner from=$document_root",
      nginx: "if_not_owner from=$document_root",
    },
    doc:
      "Whether files behind symbolic links are refused (403): all, or those where link and target " +
      "belong to different users. Each part of the path is looked at by its name, before and after " +
      "the file is opened: Deno has no `openat()`, so who exchanges folders for links at just that " +
      "moment, again and again, may get through. nginx looks and opens in one.",
  }),
  outputBuffers: directive({
    name: "output_buffers",
    contexts: HTTP_SERVER_LOCATION,
    type: buffers,
    default: "2 64k",
    doc:
      "How many buffers a file passes through on its way to one client, and their size. nginx has " +
      "32k, and needs none where `sendfile` is on.",
  }),
} satisfies Table;

export const typesDirectives = {
  types: directive({
    name: "types",
    contexts: HTTP_SERVER_LOCATION,
    type: types,
    example: {
      yaml: '{ text/html: "html htm", application/javascript: [js, mjs] }',
      nginx: "types { text/html html htm; application/javascript js mjs; }",
    },
    doc:
      "Media types by the endings of names. Where it is set it replaces all of the level around it. " +
      "Where nothing is set the usual ones of the web are known; nginx knows three then (`html`, " +
      "`gif`, `jpg`) and says `text/plain` of a stylesheet.",
  }),
  defaultType: directive({
    name: "default_type",
    contexts: HTTP_SERVER_LOCATION,
    type: template,
    default: "text/plain",
    example: { yaml: "application/octet-stream", nginx: "application/octet-stream" },
    doc: "The media type of what `types` does not know.",
  }),
} satisfies Table;
