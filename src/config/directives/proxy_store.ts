/** Directives about keeping responses as files. @module */
import { type ArgumentType, directive, HTTP_SERVER_LOCATION, type Table } from "../directive.ts";
import { oneSwitch } from "../nginx_form.ts";
import { wordsOf } from "../node.ts";
import { template } from "../types.ts";

const EXPECTED_PATH = 'off, on, or a path with a folder of its own such as "/data/www$uri"';
const EXPECTED_ACCESS = 'user, group and all, each with r or rw, such as "user:rw group:r"';

const storePath: ArgumentType<string> = {
  label: "path with $variables | on | off",
  expected: EXPECTED_PATH,
  nginx: oneSwitch,
  read(node, reading): string | undefined {
    if (node.kind !== "scalar") return reading.refuse(node, EXPECTED_PATH);
    const { text } = node;
    if (text === "off" || text === "false") return "off";
    if (text === "on" || text === "true") {
      return "on";
    }
    if (!/^\/[^$]/.test(text)) return reading.refuse(node, EXPECTED_PATH);
    return template.read(node, reading);
  },
};

const SHIFTS: Readonly<Record<string, number>> = { user: 6, group: 3, all: 0 };

/** Permission bits; the user can always write, as in nginx. */
const access: ArgumentType<number> = {
  label: "user:rw group:rw all:r",
  expected: EXPECTED_ACCESS,
  read(node, reading): number | undefined {
    const words = wordsOf(node);
    if (words === undefined || words.length === 0) return reading.refuse(node, EXPECTED_ACCESS);
    let mode = 0o600;
    for (const { text, span } of words) {
      const [, who = "", right = ""] = /^(user|group|all):(rw?)$/.exec(text) ?? [];
      const shift = SHIFTS[who];
      if (shift === undefined) {
        return reading.refusePart(span, text, `need ${EXPECTED_ACCESS}`);
      }
      mode |= (right === "rw" ? 6 : 4) << shift;
    }
    return mode;
  },
};

export const proxyStoreDirectives = {
  store: directive({
    name: "proxy_store",
    yaml: "proxy.store",
    contexts: HTTP_SERVER_LOCATION,
    type: storePath,
    default: "off",
    example: { yaml: "/data/www$uri", nginx: "/data/www$uri" },
    doc:
      "File that a response is kept in as well, once all of it has come: that of `root` or `alias` " +
      "for `on`. Kept are those of status 200 " +
      "to GET, with `Last-Modified` as the file's time. It is fetched to its end though the client " +
      "leaves. Written to a file in `temp_path` first, which then takes its place at once. A path " +
      "with `..` is never stored (nginx follows it), nor is the answer to POST (in nginx it is); " +
      "responses with `buffering` off are (in nginx they are not). What a proxy that was killed was " +
      "writing is removed by the next one that starts.",
  }),
  storeMode: directive({
    name: "proxy_store_access",
    yaml: "proxy.store_access",
    contexts: HTTP_SERVER_LOCATION,
    type: access,
    default: "user:rw",
    example: { yaml: "user:rw group:rw all:r", nginx: "user:rw group:rw all:r" },
    doc:
      "Who may read and write the files of `store`. Folders that are made for them can also be " +
      "searched by those who may read.",
  }),
} satisfies Table;
