import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  type Command,
  HELP,
  parseCommandLine,
  UsageError,
} from "../../../src/control/command_line.ts";

const EMBEDDED = {
  configFile: undefined,
  prefix: undefined,
  globals: undefined,
  pidFile: undefined,
};
const A = { ...EMBEDDED, configFile: "a.yaml" };
const RUN = { name: "run", source: EMBEDDED, listen: undefined, errorLog: undefined } as const;
const CHECK = {
  name: "check",
  source: EMBEDDED,
  isNginxTest: false,
  dumps: false,
  isQuiet: false,
  errorLog: undefined,
} as const;

const SIGNAL = { name: "signal", errorLog: undefined } as const;

for (
  const [line, expected] of [
    ["run", RUN],
    ["run -c a.yaml", { ...RUN, source: A }],
    ["-c a.yaml run", { ...RUN, source: A }],
    ["-c a.yaml", { ...RUN, source: A }],
    ["-ca.yaml", { ...RUN, source: A }],
    ["run --config=a=b.yaml", { ...RUN, source: { ...EMBEDDED, configFile: "a=b.yaml" } }],
    ["run --listen 8081", { ...RUN, listen: "8081" }],
    ["run --listen=[::1]:80", { ...RUN, listen: "[::1]:80" }],
    ["run -p /srv -c a.yaml", { ...RUN, source: { ...A, prefix: "/srv" } }],
    ["-e err.log -c a.yaml", { ...RUN, source: A, errorLog: "err.log" }],
    ["check", CHECK],
    ["check -c a.yaml -q", { ...CHECK, source: A, isQuiet: true }],
    ["-t -c a.yaml", { ...CHECK, source: A, isNginxTest: true }],
    ["-T -c a.yaml", { ...CHECK, source: A, isNginxTest: true, dumps: true }],
    ["-tqc a.yaml", { ...CHECK, source: A, isNginxTest: true, isQuiet: true }],
    ["-t -e err.log -c a.yaml", { ...CHECK, source: A, isNginxTest: true, errorLog: "err.log" }],
    ["-s stop -e e -c a.yaml", { ...SIGNAL, signal: "stop", source: A, errorLog: "e" }],
    ["convert a.conf", { name: "convert", configFile: "a.conf" }],
    ["convert -c a.conf", { name: "convert", configFile: "a.conf" }],
    ["permissions -c a.yaml", { name: "permissions", source: A }],
    ["-s reload -c a.yaml", { ...SIGNAL, signal: "reload", source: A }],
    ["-squit -c a.yaml", { ...SIGNAL, signal: "quit", source: A }],
    ["reopen --pid x.pid", {
      ...SIGNAL,
      signal: "reopen",
      source: { ...EMBEDDED, pidFile: "x.pid" },
    }],
    ["-?", { name: "help" }],
    ["-v", { name: "version" }],
    ["--help", { name: "help" }],
    ["run -h", { name: "help" }],
    ["--version", { name: "version" }],
    ["-V", { name: "version" }],
  ] as const satisfies readonly (readonly [string, Command])[]
) {
  Deno.test(`command line: ${line}`, () => {
    assertEquals<Command>(parseCommandLine(line.split(" ")), expected);
  });
}

for (
  const [line, message] of [
    ["", "need a command, run, check, convert, permissions, status, top, reload"],
    ["-q", "need a command, run, check, convert, permissions, status, top, reload"],
    ["-s reolad -c a", "Cannot send reolad: need -s stop, quit, reload, reopen"],
    ["-s", "Cannot use -s: need SIGNAL after it"],
    ["reload", "Cannot reload: need -c FILE, whose pid file names the process, or --pid FILE"],
    ["reload -s stop -c a", "Cannot use -s with reload"],
    ["permissions", "Cannot tell permissions: need -c FILE"],
    ["check -t", "Cannot use -t with check"],
    ["-tx", "Cannot use -x: there is no such flag"],
    ["-", "Cannot use -: there is no such flag"],
    ["run -q", "Cannot use -q with run"],
    ["rnu", 'Cannot do "rnu": there is no such command; did you mean run?'],
    ["constructor", 'Cannot do "constructor"'],
    ["convert", "Cannot convert: need a configuration file after it"],
    ["convert a b", 'Cannot use "b" after convert'],
    ["convert a -p x", "Cannot use -p with convert"],
    ["run a.yaml", 'Cannot use "a.yaml" after run: a configuration file follows -c'],
    ["run --lisen 80", "Cannot use --lisen: there is no such flag; did you mean --listen?"],
    ["run --confg=a", "Cannot use --confg: there is no such flag; did you mean --config?"],
    ["run -c", "Cannot use -c: need FILE after it"],
    ["run -c --listen 80", "Cannot use -c: need FILE after it"],
    ["run --listen=", "Cannot use --listen: need ADDRESS after it"],
    ["run -c a -c b", "Cannot use -c twice"],
    ["run -c a --config b", "Cannot use --config twice"],
    ["run -c a --listen 80", "Cannot use --listen with -c"],
    ["check --listen 80", "Cannot use --listen with check"],
    ["--help=1", "Cannot use --help=1: --help takes no value"],
  ] as const
) {
  Deno.test(`command line: "${line}" is refused with a reason`, () => {
    const args = line === "" ? [] : line.split(" ");
    const error = assertThrows(() => parseCommandLine(args), UsageError);
    assertStringIncludes(error.message, message);
  });
}

Deno.test("command line: the help names every flag and command", () => {
  for (
    const word of [
      ...["run", "check", "permissions", "reload", "reopen", "quit", "stop"],
      ...["-c", "--config", "--listen", "-p", "-g", "--pid", "-e", "-q", "-t", "-T", "-s"],
      ...["-h", "-?", "--help", "-v", "-V", "--version"],
    ]
  ) {
    assertStringIncludes(HELP, word);
  }
});
