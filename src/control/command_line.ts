/**
 * The command line: its words, and what is said about wrong ones.
 *
 * @module
 */
import { nearestName } from "../config/nearest.ts";
import type { LifeRequestKind } from "./life_requests.ts";

/** Which configuration it is about. */
export interface ConfigSource {
  /** Without one it is the embedded configuration. */
  readonly configFile: string | undefined;
  /** `-p`: the folder that relative paths start from. */
  readonly prefix: string | undefined;
  /** `-g`: statements of nginx.conf that count as standing before it. */
  readonly globals: string | undefined;
  /** `--pid`: in place of the one that the configuration names. */
  readonly pidFile: string | undefined;
}

/** What the command line asks for. */
export type Command =
  | { readonly name: "help" }
  | { readonly name: "version" }
  | {
    readonly name: "run";
    readonly source: ConfigSource;
    /** Where the embedded configuration listens. */
    readonly listen: string | undefined;
    /** `-e`: where errors go that come before the configuration's own log is known. */
    readonly errorLog: string | undefined;
  }
  | {
    readonly name: "check";
    readonly source: ConfigSource;
    /** `-t`: in nginx's words, on stderr. */
    readonly isNginxTest: boolean;
    /** `-T`: the files are printed too, with all that they include. */
    readonly dumps: boolean;
    /** `-q`: nothing is said of a right one. */
    readonly isQuiet: boolean;
    /** `-e`. */
    readonly errorLog: string | undefined;
  }
  | {
    readonly name: "convert";
    /** Printed in the syntax that it is not in. */
    readonly configFile: string;
  }
  | {
    readonly name: "permissions";
    readonly source: ConfigSource & { readonly configFile: string };
  }
  | {
    readonly name: "status" | "top";
    readonly source: ConfigSource;
    /** `--admin`: in place of the configuration's. */
    readonly admin: string | undefined;
    readonly isJson: boolean;
  }
  | {
    readonly name: "signal";
    readonly signal: LifeRequestKind;
    readonly source: ConfigSource;
    /** `-e`. */
    readonly errorLog: string | undefined;
  };

export const HELP = `Sluice, an edge reverse proxy

Usage:
  main.ts run [-c FILE] [--listen ADDRESS]   serve, in the foreground
  main.ts check [-c FILE]                    say whether a configuration is right
  main.ts convert FILE                       print nginx.conf as YAML, or YAML as nginx.conf
  main.ts permissions -c FILE                print the flags of deno run that it needs
  main.ts status -c FILE | --admin ADDRESS   print what its admin listener tells; --json: all of it
  main.ts top -c FILE | --admin ADDRESS      the same, every second
  main.ts reload -c FILE                     have the process that serves read it again
  main.ts reopen -c FILE                     have it open its log files again
  main.ts quit -c FILE                       end it when all that runs is finished
  main.ts stop -c FILE                       end it at once

Flags:
  -c, --config FILE    the configuration, YAML or nginx.conf; without it a proxy in front of a
                       built-in demo upstream
  --listen ADDRESS     where the built-in one listens, such as 8081 or 0.0.0.0:80
                       (127.0.0.1:8080)
  -p PREFIX            the folder that relative paths start from
  -g DIRECTIVES        what counts as standing before the configuration, as nginx.conf has
                       it: "pid /run/sluice.pid; worker_shutdown_timeout 30s;"
  --admin ADDRESS      the admin listener of status and top, such as 9090 or unix:/run/admin
  --pid FILE           the pid file, in place of the configuration's
  -e FILE              where errors of the start, of a check and of a signal go too: a log file
  -q                   check: say nothing of a right one
  -h, -?, --help       this text
  -v, -V, --version    the version

As nginx has it, without a command:
  -c FILE              run
  -t                   check, in nginx's words
  -T                   the same, and print the files with all that they include
  -s SIGNAL            stop, quit, reload or reopen

Signals: SIGINT and SIGTERM stop at once, SIGQUIT finishes what runs, SIGHUP reloads,
SIGUSR2 opens the logs again.
Exit status: 0 after a clean stop or for a right configuration, 1 for an error,
2 for a wrong command line.
`;

/** A command line that cannot be understood. The message is for a person. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

type FlagName =
  | "-c"
  | "-e"
  | "-g"
  | "-p"
  | "-q"
  | "-s"
  | "-t"
  | "-T"
  | "--admin"
  | "--json"
  | "--listen"
  | "--pid"
  | "--help"
  | "--version";
type CommandName =
  | "run"
  | "check"
  | "convert"
  | "permissions"
  | "status"
  | "top"
  | LifeRequestKind;

/** Flags by every spelling. */
const FLAGS: ReadonlyMap<string, FlagName> = new Map<string, FlagName>([
  ["-c", "-c"],
  ["--config", "-c"],
  ["-e", "-e"],
  ["-g", "-g"],
  ["-p", "-p"],
  ["-q", "-q"],
  ["-s", "-s"],
  ["-t", "-t"],
  ["-T", "-T"],
  ["--admin", "--admin"],
  ["--json", "--json"],
  ["--listen", "--listen"],
  ["--pid", "--pid"],
  ["-?", "--help"],
  ["-h", "--help"],
  ["--help", "--help"],
  ["-v", "--version"],
  ["-V", "--version"],
  ["--version", "--version"],
]);

/** What follows a flag; the others stand alone. */
const VALUES: Readonly<Partial<Record<FlagName, string>>> = {
  "-c": "FILE",
  "-e": "FILE",
  "-g": "DIRECTIVES",
  "-p": "PREFIX",
  "-s": "SIGNAL",
  "--admin": "ADDRESS",
  "--listen": "ADDRESS",
  "--pid": "FILE",
};

const SOURCE: readonly FlagName[] = ["-c", "-g", "-p", "--pid"];
const COMMANDS: Readonly<Record<CommandName, readonly FlagName[]>> = {
  run: [...SOURCE, "-e", "--listen"],
  check: [...SOURCE, "-e", "-q", "-t", "-T"],
  convert: ["-c"],
  permissions: SOURCE,
  status: [...SOURCE, "--admin", "--json"],
  top: [...SOURCE, "--admin"],
  reload: [...SOURCE, "-e", "-s"],
  reopen: [...SOURCE, "-e", "-s"],
  quit: [...SOURCE, "-e", "-s"],
  stop: [...SOURCE, "-e", "-s"],
};
const SIGNALS: readonly LifeRequestKind[] = ["stop", "quit", "reload", "reopen"];

/**
 * Reads the arguments of the program.
 *
 * @throws {UsageError}
 */
export function parseCommandLine(args: readonly string[]): Command {
  const { words, flags } = sort(args);
  if (flags.has("--help")) return { name: "help" };
  if (flags.has("--version")) return { name: "version" };
  const name = commandOf(words, flags);
  for (const flag of flags.keys()) {
    if (!COMMANDS[name].includes(flag)) throw new UsageError(`Cannot use ${flag} with ${name}`);
  }
  if (name === "convert") {
    const configFile = flags.get("-c") ?? words[1];
    if (configFile !== undefined) return { name, configFile };
    throw new UsageError("Cannot convert: need a configuration file after it");
  }
  const source: ConfigSource = {
    configFile: flags.get("-c"),
    prefix: flags.get("-p"),
    globals: flags.get("-g"),
    pidFile: flags.get("--pid"),
  };
  if (name === "check") {
    return {
      name,
      source,
      isNginxTest: flags.has("-t") || flags.has("-T"),
      dumps: flags.has("-T"),
      isQuiet: flags.has("-q"),
      errorLog: flags.get("-e"),
    };
  }
  if (name === "permissions") {
    const { configFile } = source;
    if (configFile === undefined) throw new UsageError("Cannot tell permissions: need -c FILE");
    return { name, source: { ...source, configFile } };
  }
  if (name === "status" || name === "top") {
    const admin = flags.get("--admin");
    if (admin === undefined && source.configFile === undefined) {
      throw new UsageError(`Cannot tell ${name}: need -c FILE, or --admin ADDRESS`);
    }
    return { name, source, admin, isJson: flags.has("--json") };
  }
  if (name !== "run") {
    if (source.configFile !== undefined || source.pidFile !== undefined) {
      return { name: "signal", signal: name, source, errorLog: flags.get("-e") };
    }
    throw new UsageError(
      `Cannot ${name}: need -c FILE, whose pid file names the process, or --pid FILE`,
    );
  }
  const listen = flags.get("--listen");
  if (source.configFile !== undefined && listen !== undefined) {
    throw new UsageError(
      "Cannot use --listen with -c: a configuration file says itself where to listen",
    );
  }
  return { name, source, listen, errorLog: flags.get("-e") };
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
    for (const { spelling, attached } of flagsIn(arg)) {
      const flag = flagOf(spelling);
      if (flags.has(flag)) throw new UsageError(`Cannot use ${spelling} twice`);
      const what = VALUES[flag];
      if (what === undefined) {
        if (attached !== undefined) {
          throw new UsageError(`Cannot use ${arg}: ${spelling} takes no value`);
        }
        flags.set(flag, "");
        continue;
      }
      const value = attached ?? args[++index];
      if (value === undefined || value === "" || (attached === undefined && value[0] === "-")) {
        throw new UsageError(`Cannot use ${spelling}: need ${what} after it`);
      }
      flags.set(flag, value);
    }
  }
  return { words, flags };
}

/**
 * The flags of one argument: `--pid=FILE`; and as nginx has it, several letters behind one
 * dash, the last of them perhaps with its value (`-tc FILE`, `-cFILE`).
 */
function flagsIn(arg: string): { spelling: string; attached: string | undefined }[] {
  if (arg.startsWith("--")) {
    const equals = arg.indexOf("=");
    if (equals < 0) return [{ spelling: arg, attached: undefined }];
    return [{ spelling: arg.slice(0, equals), attached: arg.slice(equals + 1) }];
  }
  const found: { spelling: string; attached: string | undefined }[] = [];
  const letters = arg.slice(1);
  for (let at = 0; at < letters.length; at++) {
    const spelling = `-${letters[at]}`;
    const rest = letters.slice(at + 1);
    const takesValue = VALUES[flagOf(spelling)] !== undefined;
    found.push({ spelling, attached: takesValue && rest !== "" ? rest : undefined });
    if (takesValue) break;
  }
  return found.length === 0 ? [{ spelling: arg, attached: undefined }] : found;
}

function flagOf(spelling: string): FlagName {
  const flag = FLAGS.get(spelling);
  if (flag !== undefined) return flag;
  throw new UsageError(
    `Cannot use ${spelling}: there is no such flag${didYouMean(spelling, FLAGS.keys())}`,
  );
}

function commandOf(
  [word, ...more]: readonly string[],
  flags: ReadonlyMap<FlagName, string>,
): CommandName {
  if (word === undefined) return commandOfFlags(flags);
  if (!isCommand(word)) {
    const hint = didYouMean(word, Object.keys(COMMANDS));
    throw new UsageError(`Cannot do "${word}": there is no such command${hint}`);
  }
  // The file that is converted needs no flag.
  const [extra] = word === "convert" && !flags.has("-c") ? more.slice(1) : more;
  if (extra !== undefined) {
    throw new UsageError(`Cannot use "${extra}" after ${word}: a configuration file follows -c`);
  }
  for (const flag of ["-s", "-t", "-T"] as const) {
    if (flags.has(flag)) throw new UsageError(`Cannot use ${flag} with ${word}`);
  }
  return word;
}

/** What nginx does with these flags. */
function commandOfFlags(flags: ReadonlyMap<FlagName, string>): CommandName {
  if (flags.has("-t") || flags.has("-T")) return "check";
  const signal = flags.get("-s");
  if (signal !== undefined) {
    const kind = SIGNALS.find((kind) => kind === signal);
    if (kind !== undefined) return kind;
    throw new UsageError(`Cannot send ${signal}: need -s ${SIGNALS.join(", ")}`);
  }
  if (flags.has("-c")) return "run";
  throw new UsageError(`Cannot start: need a command, ${Object.keys(COMMANDS).join(", ")}`);
}

function isCommand(word: string): word is CommandName {
  return Object.hasOwn(COMMANDS, word);
}

function didYouMean(name: string, candidates: Iterable<string>): string {
  const nearest = nearestName(name, candidates);
  return nearest === undefined ? "" : `; did you mean ${nearest}?`;
}
