import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  type Command,
  HELP,
  parseCommandLine,
  UsageError,
} from "../../../src/control/command_line.ts";

const NOTHING = { configFile: undefined, listen: undefined };

for (
  const [line, expected] of [
    ["run", { name: "run", ...NOTHING }],
    ["run -c a.yaml", { name: "run", ...NOTHING, configFile: "a.yaml" }],
    ["-c a.yaml run", { name: "run", ...NOTHING, configFile: "a.yaml" }],
    ["run --config=a=b.yaml", { name: "run", ...NOTHING, configFile: "a=b.yaml" }],
    ["run --listen 8081", { name: "run", ...NOTHING, listen: "8081" }],
    ["run --listen=[::1]:80", { name: "run", ...NOTHING, listen: "[::1]:80" }],
    ["check", { name: "check", configFile: undefined }],
    ["check -c a.yaml", { name: "check", configFile: "a.yaml" }],
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
    ["", "need a command, run or check"],
    ["rnu", 'Cannot do "rnu": there is no such command; did you mean run?'],
    ["constructor", 'Cannot do "constructor"'],
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
  for (const word of ["run", "check", "-c", "--config", "--listen", "--help", "--version"]) {
    assertStringIncludes(HELP, word);
  }
});
