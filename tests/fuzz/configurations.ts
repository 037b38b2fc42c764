/**
 * Configurations with something wrong about them, in both syntaxes: each is read, or refused with
 * a problem that names a place in it. What is read can be converted, and an nginx.conf says the
 * same then.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { ConfigError, convertConf, readConf } from "../../src/config/mod.ts";
import { isKnownVariable } from "../../src/http/variables.ts";
import { Random } from "../support/random.ts";
import { Found } from "./fuzzers.ts";

/** The folders of configurations that are good. */
const FOLDERS = ["../conformance/configs/", "../../deploy/examples/"] as const;

/** Of those that are read: converting takes as long as reading. */
const CONVERTED = 0.2;

const SNIPPETS = [
  ...["\n", " ", "  ", "\t", ":", ": ", "- ", "[", "]", "{", "}", ",", "'", '"', "#", "&a ", "*a"],
  ...["!!int ", "|", ">-", "$", "${", "\\", "\u{1F600}", "~", "null", "1e9", "0", "-1", "=", ";"],
  ...["__proto__", "constructor", "toString: 1", "<<: ", "? ", "---\n", "...", "%", "@", "`", "\0"],
  ...["on", "off", "k", "99999999999999999999", "1h 1m", "include x;", "default", "(", "*", "^~ "],
] as const;

interface Good {
  readonly name: string;
  readonly text: string;
}

/** The configurations of the repository. */
export function goodConfigurations(): readonly Good[] {
  return FOLDERS.flatMap((folder) => {
    const url = new URL(folder, import.meta.url);
    return Array.from(Deno.readDirSync(url), ({ name }) => name).sort().map((name) => ({
      name: name.endsWith(".conf") ? "nginx.conf" : "sluice.yaml",
      text: Deno.readTextFileSync(new URL(name, url)),
    }));
  });
}

/**
 * Tries configurations `from` to `from + count - 1`. Number n depends on the seed and n only.
 *
 * @returns How often each verdict came.
 * @throws {Found}
 */
export function tryConfigurations(
  seed: number,
  from: number,
  count: number,
): ReadonlyMap<string, number> {
  const good = goodConfigurations();
  const verdicts = new Map<string, number>();
  for (let number = from; number < from + count; number++) {
    const random = new Random(seed ^ Math.imul(number, 0x9e37_79b1));
    const { name, text } = random.pick(good as readonly [Good, ...Good[]]);
    const { text: other } = random.pick(good as readonly [Good, ...Good[]]);
    const mutated = mutate(random, text, other);
    let verdict: string;
    try {
      verdict = `${name}: ${tryOne(mutated, name, random)}`;
    } catch (cause) {
      const what = cause instanceof Error ? cause.message : String(cause);
      const again =
        `again: deno task fuzz --only configurations --seed ${seed} --from ${number} --count 1`;
      throw new Found(`${what}\n${mutated}\n${again}`, { cause });
    }
    verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
  }
  return verdicts;
}

function tryOne(text: string, name: string, random: Random): string {
  let read;
  try {
    read = readConf(text, name, { isKnownVariable });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const lines = text.split("\n");
    assert(error.problems.length > 0, "refused without a problem");
    for (const { line, column, sourceLine, message } of error.problems) {
      assertEquals(lines[line - 1]?.replace(/\r$/, ""), sourceLine, message);
      assert(column >= 1 && column <= [...sourceLine].length + 1, `${line}:${column} ${message}`);
    }
    error.format();
    return "refused";
  }
  if (!random.chance(CONVERTED)) return "read";
  const isNginx = name === "nginx.conf";
  const converted = convertConf(read);
  const again = readConf(converted, isNginx ? "sluice.yaml" : "nginx.conf", { isKnownVariable });
  // The other way round it is more: an nginx.conf serves files where it says nothing else.
  if (!isNginx) return "read, and converted";
  assertEquals(again.conf, read.conf, converted);
  return "read, and the same when converted";
}

/** A few cuts, copies, moves and insertions; now and then of a piece of another one. */
function mutate(random: Random, text: string, other: string): string {
  for (let count = random.pick([0, 1, 1, 2, 3, 6]); count > 0; count--) {
    const from = random.integer(0, text.length);
    const to = Math.min(text.length, from + random.integer(0, random.pick([3, 12, 80])));
    const at = random.integer(0, text.length);
    switch (random.integer(0, 5)) {
      case 0:
        text = text.slice(0, from) + text.slice(to);
        break;
      case 1:
        text = text.slice(0, at) + text.slice(from, to) + text.slice(at);
        break;
      case 2:
        text = text.slice(0, from) + random.pick(SNIPPETS) + text.slice(to);
        break;
      case 3: {
        const start = random.integer(0, other.length);
        const piece = other.slice(start, start + random.integer(1, 60));
        text = text.slice(0, at) + piece + text.slice(at);
        break;
      }
      case 4: // a number changed
        text = text.slice(0, from) +
          text.slice(from).replace(/\d+/, () => String(random.pick([0, 1, 7, 65_536, 1e12])));
        break;
      default:
        text = text.slice(0, at) + random.pick(SNIPPETS) + text.slice(at);
    }
  }
  return text;
}
