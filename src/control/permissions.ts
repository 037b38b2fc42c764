/**
 * Deno's permissions: the flags for what a configuration needs, and what is missing of them.
 *
 * @module
 */
import type { Need } from "./needs.ts";
import type { Places } from "./places.ts";

/** A permission that was not given, and which directive needs it: one line for each. */
export class MissingPermissions extends Error {
  override readonly name = "MissingPermissions";
}

/** The order of the flags. */
const FLAGS: readonly Need["flag"][] = ["net", "read", "write", "sys"];

/** The flags of `deno run` that grant what is needed, and nothing else. */
export function flagsOf(needs: readonly Need[]): readonly string[] {
  return FLAGS.flatMap((flag) => {
    const whats = needs.filter((need) => need.flag === flag).map(({ what }) => what);
    if (whats.length === 0) return [];
    if (whats.includes("")) return [`--allow-${flag}`];
    const least = whats.filter((what) => !whats.some((other) => isWithin(what, other, flag)));
    return [`--allow-${flag}=${least.map((what) => what.replaceAll(",", ",,")).join(",")}`];
  });
}

/** Whether another grant has it already: a host all of its ports, a folder all that is in it. */
function isWithin(what: string, other: string, flag: Need["flag"]): boolean {
  if (what === other) return false;
  if (flag === "net") return what.startsWith(`${other}:`);
  return flag !== "sys" && what.startsWith(other.endsWith("/") ? other : `${other}/`);
}

/**
 * Looks whether the process has all that it needs.
 *
 * @param places Where the directives stand.
 * @param isGranted {@linkcode isGranted}, or a test's.
 * @throws {MissingPermissions}
 */
export function checkPermissions(
  needs: readonly Need[],
  places: Places,
  isGranted: (need: Need) => boolean,
): void {
  const lines = needs.filter((need) => !isGranted(need)).map((need) => {
    const place = places.placeOf(need);
    const why = place === "" ? "" : ` (${place})`;
    return `Cannot ${need.doing}${why}: needs ${flagsOf([need])[0]}`;
  });
  if (lines.length > 0) throw new MissingPermissions(lines.join("\n"));
}

/** Whether this process has a permission. */
export function isGranted({ flag, what }: Need): boolean {
  return Deno.permissions.querySync(descriptorOf(flag, what)).state === "granted";
}

function descriptorOf(flag: Need["flag"], what: string): Deno.PermissionDescriptor {
  switch (flag) {
    case "net":
      return what === "" ? { name: "net" } : { name: "net", host: what };
    case "read":
    case "write":
      return what === "" ? { name: flag } : { name: flag, path: what };
    case "sys":
      return { name: "sys", kind: "hostname" };
  }
}
