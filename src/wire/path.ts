/**
 * The path of a request target, as locations are matched against it.
 *
 * @module
 */
import { BadMessage } from "./bad_message.ts";

const SLASH = 0x2f;
const PERCENT = 0x25;

/**
 * Decodes `%XX`, merges slashes and resolves `.` and `..` (RFC 3986, 6.2.2), as nginx
 * does before it looks for a location. The result has one byte of the path a code unit.
 *
 * @param mergesSlashes Whether `//` is as good as `/` (`merge_slashes`).
 * @param path Starts with a slash; still encoded, without the query.
 * @throws {BadMessage} A broken escape, a NUL, or a `..` above the root.
 */
export function normalizePath(path: string, mergesSlashes = true): string {
  const segments: string[] = [];
  let segment = "";
  let endsOpen = true; // whether the path ends in a slash, or in a "." or ".."
  const units = decode(path);
  for (let at = 1; at <= units.length; at++) {
    const unit = at === units.length ? SLASH : units[at]!;
    if (unit !== SLASH) {
      segment += String.fromCharCode(unit);
      continue;
    }
    const isLast = at === units.length;
    if (segment === "..") {
      if (segments.pop() === undefined) {
        throw new BadMessage(400, "a path that leads above the root");
      }
      endsOpen = true;
    } else if (segment === "." || (segment === "" && (mergesSlashes || isLast))) {
      endsOpen = true;
    } else {
      segments.push(segment);
      endsOpen = !isLast;
    }
    segment = "";
  }
  const joined = "/" + segments.join("/");
  return endsOpen && segments.length > 0 ? joined + "/" : joined;
}

/** Escapes what a path may not hold as it is: nginx's `NGX_ESCAPE_URI`. */
export function escapePath(path: string): string {
  return path.replace(
    // deno-lint-ignore no-control-regex -- controls are just what has to be escaped
    /[\x00-\x20"#%<>?\\^`{|}\x7f-\xff]/g,
    (unit) => "%" + unit.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0"),
  );
}

/** Escapes what a query may not hold as it is; what is escaped already stays. */
export function escapeArgs(args: string): string {
  return args.replace(
    // deno-lint-ignore no-control-regex -- controls are just what has to be escaped
    /[\x00-\x20#\x7f-\xff]/g,
    (unit) => "%" + unit.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0"),
  );
}

function decode(path: string): number[] {
  const units: number[] = [];
  for (let at = 0; at < path.length; at++) {
    const unit = path.charCodeAt(at);
    if (unit !== PERCENT) {
      units.push(unit);
      continue;
    }
    const byte = /^[0-9A-Fa-f]{2}$/.test(path.slice(at + 1, at + 3))
      ? parseInt(path.slice(at + 1, at + 3), 16)
      : -1;
    if (byte < 0) throw new BadMessage(400, "a broken escape in the path");
    if (byte === 0) throw new BadMessage(400, "a NUL in the path");
    units.push(byte);
    at += 2;
  }
  return units;
}
