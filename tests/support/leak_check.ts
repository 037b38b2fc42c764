/**
 * The end of every test: nothing is held. Pools, deadlines, connections and temp
 * files tell what they still hold, as words a person can follow to the holder.
 *
 * @module
 */

/** Something that lends things out and can tell what has not come back. */
export interface Countable {
  /** What it is, for the message: "slab pool". */
  readonly name: string;
  /** One line for each thing still held: "16k cell held by processHeader()". Empty when all is back. */
  outstanding(): readonly string[];
}

/** Thrown when a test ends while something is still held. */
export class StillHeld extends Error {
  override readonly name = "StillHeld";
}

/** How many lines of one countable a message shows. */
const LINES_SHOWN = 20;

/** @throws {StillHeld} When any of them still holds something; the message lists all. */
export function assertNothingHeld(...countables: readonly Countable[]): void {
  const held: string[] = [];
  for (const { name, lines } of countables.map(look)) {
    if (lines.length === 0) continue;
    held.push(`${name} still holds ${lines.length}:`);
    held.push(...lines.slice(0, LINES_SHOWN).map((line) => `  ${line}`));
    if (lines.length > LINES_SHOWN) held.push(`  … and ${lines.length - LINES_SHOWN} more`);
  }
  if (held.length > 0) throw new StillHeld(held.join("\n"));
}

/** Collects what a test wants checked at its end. */
export type Watch = <T extends Countable>(countable: T) => T;

/** What a test can ask of {@linkcode leakTest}; everything else stays as it is everywhere. */
export interface LeakTestOptions {
  readonly ignore?: boolean;
  /** Longest run, in ms. @default {30_000} */
  readonly timeoutMs?: number;
  /** Deno's permissions for this test. @default {"inherit"} */
  readonly permissions?: Deno.PermissionOptions;
}

/**
 * Registers a test that ends with nothing held: all that was watched, and by
 * Deno's own sanitizers every timer, socket and file.
 *
 * A failing body is reported as it is; the leak that it may have caused is not,
 * because the first failure is the one to look at.
 *
 * ```ts
 * leakTest("a released cell is free again", (watch) => {
 *   const pool = watch(new SlabPool(conf));
 *   pool.acquire("1k")?.release();
 * });
 * ```
 */
export function leakTest(
  name: string,
  body: (watch: Watch, context: Deno.TestContext) => void | Promise<void>,
  options: LeakTestOptions = {},
): void {
  Deno.test({
    name,
    ignore: options.ignore ?? false,
    permissions: options.permissions ?? "inherit",
    timeout: options.timeoutMs ?? 30_000,
    sanitizeOps: true,
    sanitizeResources: true,
    fn: (context) => withNothingHeld((watch) => body(watch, context)),
  });
}

/** Runs `body` and then asserts that what it watched holds nothing. */
export async function withNothingHeld(body: (watch: Watch) => void | Promise<void>): Promise<void> {
  const watched: Countable[] = [];
  await body((countable) => {
    watched.push(countable);
    return countable;
  });
  assertNothingHeld(...watched);
}

/** A {@linkcode Countable} from two functions, for things that do not implement it themselves. */
export function counting(name: string, outstanding: () => readonly string[]): Countable {
  return { name, outstanding };
}

function look(countable: Countable): { name: string; lines: readonly string[] } {
  return { name: countable.name, lines: countable.outstanding() };
}
