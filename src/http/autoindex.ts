/**
 * `autoindex`: a folder's files as a page, or as data.
 *
 * @module
 */
import { byteText } from "./field_text.ts";
import type { AutoindexConf } from "./static_conf.ts";

/** A file of a folder. */
export interface Listed {
  readonly name: string;
  readonly kind: "directory" | "file" | "other";
  readonly sizeBytes: number;
  readonly modifiedMs: number;
}

/** How a listing is written. */
export interface Listing {
  readonly contentType: string;
  readonly head: string;
  /** One file; `isFirst` is for what stands between two. */
  line(file: Listed, isFirst: boolean): string;
  readonly tail: string;
}

/** Columns of a name on a page; a longer one is cut. */
const NAME_COLUMNS = 50;
const CUT_NAME_COLUMNS = NAME_COLUMNS - 3;
const CRLF = "\r\n";

/** @param callback Of `jsonp`: the name of a function; empty for plain JSON. */
export function listingOf(conf: AutoindexConf, path: string, callback: string): Listing {
  switch (conf.format) {
    case "html":
      return htmlListing(conf, path);
    case "xml":
      return {
        contentType: "text/xml; charset=utf-8",
        head: `<?xml version="1.0"?>${CRLF}<list>${CRLF}`,
        line: xmlLine,
        tail: `</list>${CRLF}`,
      };
    case "json":
      return jsonListing("");
    case "jsonp":
      return jsonListing(callback);
  }
}

/** Folders first, then by the bytes of the names. */
export function inOrder(a: Listed, b: Listed): number {
  const folders = Number(b.kind === "directory") - Number(a.kind === "directory");
  if (folders !== 0) return folders;
  const [first, second] = [byteText(a.name), byteText(b.name)];
  return first < second ? -1 : first > second ? 1 : 0;
}

function htmlListing({ exactSize, localtime }: AutoindexConf, path: string): Listing {
  const title = `Index of ${escapeHtml(path)}`;
  return {
    contentType: "text/html",
    head: `<html>${CRLF}<head><title>${title}</title></head>${CRLF}<body>${CRLF}` +
      `<h1>${title}</h1><hr><pre><a href="../">../</a>${CRLF}`,
    line({ name, kind, sizeBytes, modifiedMs }): string {
      const slash = kind === "directory" ? "/" : "";
      const shown = shortened(name + slash);
      const columns = [...shown].length;
      const text = columns < [...name + slash].length
        ? `${escapeHtml(shown.slice(0, -3))}..&gt;`
        : escapeHtml(shown);
      const size = kind === "directory"
        ? "-"
        : exactSize
        ? String(sizeBytes)
        : roundSize(sizeBytes);
      return `<a href="${escapeComponent(name)}${slash}">${text}</a>` +
        " ".repeat(NAME_COLUMNS - columns) +
        ` ${pageTime(modifiedMs, localtime)} ${size.padStart(exactSize ? 19 : 7)}${CRLF}`;
    },
    tail: `</pre><hr></body>${CRLF}</html>${CRLF}`,
  };
}

/** A name that fits; one that does not ends in `..>`. */
function shortened(name: string): string {
  const characters = [...name];
  if (characters.length <= NAME_COLUMNS) return name;
  return characters.slice(0, CUT_NAME_COLUMNS).join("") + "..>";
}

const KILO = 1_024;
const MEGA = 1_048_576;
const GIGA = 1_073_741_824;

function roundSize(bytes: number): string {
  if (bytes > GIGA - 1) return `${Math.floor(bytes / GIGA + 0.5)}G`;
  if (bytes > MEGA - 1) return `${Math.floor(bytes / MEGA + 0.5)}M`;
  return bytes > 9_999 ? `${Math.floor(bytes / KILO + 0.5)}K` : String(bytes);
}

const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/** `22-Nov-2026 08:23`. */
function pageTime(ms: number, isLocal: boolean): string {
  const date = new Date(ms);
  const [day, month, year, hour, minute] = isLocal
    ? [date.getDate(), date.getMonth(), date.getFullYear(), date.getHours(), date.getMinutes()]
    : [
      date.getUTCDate(),
      date.getUTCMonth(),
      date.getUTCFullYear(),
      date.getUTCHours(),
      date.getUTCMinutes(),
    ];
  const two = (value: number) => String(value).padStart(2, "0");
  return `${two(day)}-${MONTHS[month]}-${year} ${two(hour)}:${two(minute)}`;
}

function jsonListing(callback: string): Listing {
  const isCall = callback !== "";
  return {
    contentType: isCall ? "application/javascript" : "application/json",
    head: isCall ? `/* callback */${CRLF}${callback}([` : "[",
    line({ name, kind, sizeBytes, modifiedMs }, isFirst): string {
      const size = kind === "file" ? `, "size":${sizeBytes}` : "";
      const time = new Date(modifiedMs).toUTCString();
      return `${isFirst ? "" : ","}${CRLF}{ "name":${JSON.stringify(name)}, ` +
        `"type":"${kind}", "mtime":"${time}"${size} }`;
    },
    tail: isCall ? `${CRLF}]);` : `${CRLF}]`,
  };
}

function xmlLine({ name, kind, sizeBytes, modifiedMs }: Listed): string {
  const size = kind === "file" ? ` size="${sizeBytes}"` : "";
  const time = new Date(modifiedMs).toISOString().replace(/\.\d+Z$/, "Z");
  return `<${kind} mtime="${time}"${size}>${escapeHtml(name)}</${kind}>${CRLF}`;
}

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

/** All but RFC 3986's unreserved characters. */
function escapeComponent(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (unit) => "%" + unit.charCodeAt(0).toString(16).toUpperCase(),
  );
}
