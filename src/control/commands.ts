/**
 * What the program does: the commands behind the command line.
 *
 * @module
 */
import { readConf as readAnyConf } from "../config/mod.ts";
import type { SluiceConf } from "../http/conf.ts";
import { isKnownVariable } from "../http/variables.ts";
import { configFiles } from "./config_files.ts";
import { type Command, HELP, parseCommandLine, UsageError } from "./command_line.ts";
import {
  DEFAULT_CONFIG_NAME,
  DEFAULT_LISTEN,
  defaultConfig,
  thingsToTry,
} from "./default_config.ts";
import { type DemoUpstream, startDemoUpstream } from "./demo_upstream.ts";
import { CannotRead, explain } from "./explain.ts";
import type { RunningServer, StartServer } from "./running_server.ts";
import type { StopRequests } from "./stop_requests.ts";
import { loadTlsClients } from "./tls_files.ts";

/** What the commands are given, so that a test can give something else. */
export interface Program {
  readonly version: string;
  readonly startServer: StartServer;
  readonly readFile: (path: string) => Promise<string>;
  readonly startDemoUpstream?: () => Promise<DemoUpstream>;
  readonly stopRequests: StopRequests;
  /** Prints a line of what was asked for. */
  readonly out: (line: string) => void;
  /** Prints a line for the operator. */
  readonly err: (line: string) => void;
}

/**
 * Does what the arguments ask for, to its end. Returns the exit status.
 *
 * @throws Only what is a bug.
 */
export async function runProgram(args: readonly string[], program: Program): Promise<number> {
  try {
    await carryOut(parseCommandLine(args), program);
    return 0;
  } catch (error) {
    const explanation = explain(error);
    if (explanation === undefined) throw error;
    program.err(explanation);
    return error instanceof UsageError ? 2 : 1;
  }
}

function carryOut(command: Command, program: Program): void | Promise<void> {
  switch (command.name) {
    case "help":
      return program.out(HELP.trimEnd());
    case "version":
      return program.out(`sluice ${program.version}`);
    case "check":
      return check(command.configFile, program);
    case "run":
      return command.configFile === undefined
        ? runDefault(command.listen ?? DEFAULT_LISTEN, program)
        : runFile(command.configFile, program);
  }
}

async function check(configFile: string | undefined, program: Program): Promise<void> {
  if (configFile === undefined) {
    // The demo upstream does not have to run for that.
    readConf(defaultConfig(DEFAULT_LISTEN, ["127.0.0.1:1"]), DEFAULT_CONFIG_NAME);
    return program.out("sluice: the embedded configuration is fine");
  }
  loadTlsClients(readConf(await readFile(configFile, program), configFile));
  program.out(`sluice: the configuration ${configFile} is fine`);
}

async function runFile(configFile: string, program: Program): Promise<void> {
  const conf = readConf(await readFile(configFile, program), configFile);
  await serve(await start(conf, program), program);
}

async function runDefault(listen: string, program: Program): Promise<void> {
  const demo = await (program.startDemoUpstream ?? startDemoUpstream)();
  try {
    const conf = readConf(defaultConfig(listen, demo.addresses), DEFAULT_CONFIG_NAME);
    const server = await start(conf, program);
    const [address] = server.addresses;
    if (address !== undefined) {
      program.err("sluice: in front of a demo upstream of two peers; try, in another terminal:");
      for (const line of thingsToTry(address)) program.err(`  ${line}`);
    }
    await serve(server, program);
  } finally {
    await demo.stop();
  }
}

async function start(conf: SluiceConf, program: Program): Promise<RunningServer> {
  const server = await program.startServer(conf);
  for (const address of server.addresses) program.err(`sluice: listening on ${address}`);
  return server;
}

/** Waits until somebody asks for the end. Asking again is being in a greater hurry. */
async function serve(server: RunningServer, { stopRequests }: Program): Promise<void> {
  if (await stopRequests.next() === "drain") {
    const ending = await either(server.shutdown(), stopRequests.next());
    if (ending === undefined) return;
  }
  await either(server.stop(), stopRequests.next());
}

/** What the first of two to settle gives. */
function either<A, B>(one: Promise<A>, other: Promise<B>): Promise<A | B> {
  const { promise, resolve, reject } = Promise.withResolvers<A | B>();
  one.then(resolve, reject);
  other.then(resolve, reject);
  return promise;
}

/** @throws {ConfigError} */
function readConf(text: string, fileName: string): SluiceConf {
  return readAnyConf(text, fileName, { isKnownVariable, files: configFiles }).conf;
}

/** @throws {CannotRead} */
async function readFile(path: string, program: Program): Promise<string> {
  try {
    return await program.readFile(path);
  } catch (error) {
    throw new CannotRead(path, error);
  }
}
