/**
 * The command line: its words, and what is said about wrong ones.
 *
 * @module
 */
import { nearestName } from "../config/nearest.ts";

/** What the command line asks for. */
export type Command =
  | { readonly name: "help" }
  | { readonly name: "version" }
  | {
    readonly name: "run";
    /** Without one the embedded configuration runs. */
    readonly configFile: string | undefined;
    /** Where the embedded configuration listens. */
    readonly listen: string | undefined;
  }
  | { readonly name: "check"; readonly configFile: string | undefined };

export const HELP = `Sluice, an edge reverse proxy

Usage:
  main.ts run [-c FILE] [--listen ADDRESS]   serve until SIGINT, SIGTERM or SIGQUIT
  main.ts check [-c FILE]                    say whether a configuration is right

Flags:
  -c, --config FILE    the configuration, in YAML; without it a proxy in front of a
                       built-in demo upstream
  --listen ADDRESS     where the built-in one listens, such as 8081 or 0.0.0.0:80
                       (127.0.0.1:8080)
  -h, --help           this text
  -V, --version        the version

Signals: SIGINT and SIGTERM stop at once, SIGQUIT finishes what runs.
Exit status: 0 after a clean stop or for a right configuration, 1 for an error,
2 for a wrong command line.
`;

/** A command line that cannot be understood. The message is for a person. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

type FlagName = "-c" | "--listen" | "--help" | "--version";
type CommandName = "run" | "check";

/** Flags by every spelling. */
const FLAGS: ReadonlyMap<string, FlagName> = new Map<string, FlagName>([
  ["-c", "-c"],
  ["--config", "-c"],
  ["--listen", "--listen"],
  ["-h", "--help"],
  ["--help", "--help"],
  ["-V", "--version"],
  ["--version", "--version"],
]);

/** What follows a flag; the others stand alone. */
const VALUES: Readonly<Partial<Record<FlagName, string>>> = { "-c": "FILE", "--listen": "ADDRESS" };

const COMMANDS: Readonly<Record<CommandName, readonly FlagName[]>> = {
  run: ["-c", "--listen"],
  check: ["-c"],
};

/**
 * Reads the arguments of the program.
 *
 * @throws {UsageError}
 */
export function parseCommandLine(args: readonly string[]): Command {
  const { words, flags } = sort(args);
  if (flags.has("--help")) return { name: "help" };
  if (flags.has("--version")) return { name: "version" };
  const name = commandOf(words);
  for (const flag of flags.keys()) {
    if (!COMMANDS[name].includes(flag)) throw new UsageError(`Cannot use ${flag} with ${name}`);
  }
  const configFile = flags.get("-c");
  if (name === "check") return { name, configFile };
  const listen = flags.get("--listen");
  if (configFile !== undefined && listen !== undefined) {
    throw new UsageError(
      "Cannot use --listen with -c: a configuration file says itself where to listen",
    );
  }
  return { name, configFile, listen };
}

/** Tells words from flags, and flags from their values. */
function sort(args: readonly string[]): { words: string[]; flags: Map<FlagName, string> } {
  const words: string[] = [];
  const flags = new Map<FlagName, string>();
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] ?? "";
    if (!arg.startsWith("-")) {
      words.push(arg);
      continue;
    }
    const equals = arg.startsWith("--") ? arg.indexOf("=") : -1;
    const spelling = equals < 0 ? arg : arg.slice(0, equals);
    const flag = flagOf(spelling);
    if (flags.has(flag)) throw new UsageError(`Cannot use ${spelling} twice`);
    const what = VALUES[flag];
    if (what === undefined) {
      if (equals >= 0) throw new UsageError(`Cannot use ${arg}: ${spelling} takes no value`);
      flags.set(flag, "");
      continue;
    }
    const value = equals < 0 ? args[++index] : arg.slice(equals + 1);
    if (value === undefined || value === "" || (equals < 0 && value.startsWith("-"))) {
      throw new UsageError(`Cannot use ${spelling}: need ${what} after it`);
    }
    flags.set(flag, value);
  }
  return { words, flags };
}

function flagOf(spelling: string): FlagName {
  const flag = FLAGS.get(spelling);
  if (flag !== undefined) return flag;
  throw new UsageError(
    `Cannot use ${spelling}: there is no such flag${didYouMean(spelling, FLAGS.keys())}`,
  );
}

function commandOf([word, extra]: readonly string[]): CommandName {
  if (word === undefined) throw new UsageError("Cannot start: need a command, run or check");
  if (!isCommand(word)) {
    const hint = didYouMean(word, Object.keys(COMMANDS));
    throw new UsageError(`Cannot do "${word}": there is no such command${hint}`);
  }
  if (extra !== undefined) {
    throw new UsageError(`Cannot use "${extra}" after ${word}: a configuration file follows -c`);
  }
  return word;
}

function isCommand(word: string): word is CommandName {
  return Object.hasOwn(COMMANDS, word);
}

function didYouMean(name: string, candidates: Iterable<string>): string {
  const nearest = nearestName(name, candidates);
  return nearest === undefined ? "" : `; did you mean ${nearest}?`;
}
