/**
 * What the program does: the commands behind the command line.
 *
 * @module
 */
import { resolve } from "node:path";
import { ConfigError, convertConf } from "../config/mod.ts";
import type { SluiceConf } from "../http/conf.ts";
import { type AdminPlace, placeAt, placeOf } from "./ask_admin.ts";
import {
  type Command,
  type ConfigSource,
  HELP,
  parseCommandLine,
  UsageError,
} from "./command_line.ts";
import {
  DEFAULT_CONFIG_NAME,
  DEFAULT_LISTEN,
  defaultConfig,
  thingsToTry,
} from "./default_config.ts";
import { type DemoUpstream, startDemoUpstream } from "./demo_upstream.ts";
import { CannotUsePrefix, explain } from "./explain.ts";
import { Life, type LifeOptions, logStarts } from "./life.ts";
import { type LifeRequestKind, type LifeRequests, SIGNAL_OF } from "./life_requests.ts";
import { loadConf, type LoadedConf, readConf } from "./load_conf.ts";
import { type Need, needsOf } from "./needs.ts";
import { checkPermissions, flagsOf } from "./permissions.ts";
import { Places } from "./places.ts";
import { CannotUsePid, checkPidFile, runningPid } from "./pid_file.ts";
import { checkProcess, type ProcessFacts } from "./process_limits.ts";
import type { RunningServer, StartServer } from "./running_server.ts";
import { logStartFailure } from "./start_failure.ts";
import { printStatus, terminal, watchStatus } from "./watch_status.ts";
import { loadTlsClients } from "./tls_files.ts";

/** What the commands are given, so that a test can give something else. */
export interface Program {
  readonly version: string;
  readonly startServer: StartServer;
  readonly readFile: (path: string) => Promise<string>;
  readonly startDemoUpstream?: () => Promise<DemoUpstream>;
  readonly requests: LifeRequests;
  /** Whether the process has a permission. */
  readonly isGranted: (need: Need) => boolean;
  readonly facts: ProcessFacts;
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
  let command: Command | undefined;
  try {
    command = parseCommandLine(args);
    await carryOut(command, program);
    return 0;
  } catch (error) {
    const explanation = explain(error);
    if (explanation === undefined) throw error;
    program.err(explanation);
    if (command?.name === "check" || command?.name === "signal") {
      logStartFailure(error, command.errorLog, []);
    }
    if (command?.name === "check" && command.isNginxTest) {
      program.err(`sluice: configuration file ${nameOf(command.source)} test failed`);
    }
    return error instanceof UsageError ? 2 : 1;
  }
}

function carryOut(command: Command, program: Program): void | Promise<void> {
  if ("source" in command) enterPrefix(command.source);
  switch (command.name) {
    case "help":
      return program.out(HELP.trimEnd());
    case "version":
      return program.out(`sluice ${program.version}`);
    case "check":
      return check(command, program);
    case "convert":
      return convert(command.configFile, program);
    case "permissions":
      return permissions(command, program);
    case "status":
    case "top":
      return status(command, program);
    case "signal":
      return signal(command.signal, command.source, program);
    case "run":
      return command.source.configFile === undefined
        ? runDefault(command, program)
        : runFile(command, program);
  }
}

/** All relative paths start from there, as in nginx. */
function enterPrefix({ prefix }: ConfigSource): void {
  if (prefix === undefined) return;
  try {
    Deno.chdir(prefix);
  } catch (error) {
    throw new CannotUsePrefix(prefix, error);
  }
}

/** What messages call it. */
function nameOf({ configFile }: ConfigSource): string {
  return configFile ?? DEFAULT_CONFIG_NAME;
}

async function check(
  { source, isNginxTest, dumps, isQuiet }: Command & { readonly name: "check" },
  program: Program,
): Promise<void> {
  // The demo upstream does not have to run for that.
  const { conf, sources } = source.configFile === undefined
    ? readConf(defaultConfig(DEFAULT_LISTEN, ["127.0.0.1:1"]), DEFAULT_CONFIG_NAME, source.globals)
    : await loadConf(source.configFile, program.readFile, source.globals);
  loadTlsClients(conf);
  if (dumps) {
    for (const { fileName, text } of sources) {
      program.out(`# configuration file ${fileName}:\n${text}`);
    }
  }
  if (isQuiet) return;
  const name = nameOf(source);
  if (isNginxTest) {
    program.err(`sluice: the configuration file ${name} syntax is ok`);
    return program.err(`sluice: configuration file ${name} test is successful`);
  }
  program.out(
    `sluice: ${source.configFile === undefined ? name : `the configuration ${name}`} is fine`,
  );
}

/** Prints a configuration in the other syntax. */
async function convert(configFile: string, program: Program): Promise<void> {
  program.out(convertConf(await loadConf(configFile, program.readFile, undefined)).trimEnd());
}

/** Asks the admin listener of a process that runs. */
async function status(
  { name, source, admin, isJson }: Command & { readonly name: "status" | "top" },
  program: Program,
): Promise<void> {
  const place = admin === undefined ? await configuredPlace(source, program) : placeAt(admin);
  if (place === undefined) {
    throw new UsageError(`Cannot ask "${admin}": need an address such as 127.0.0.1:9090`);
  }
  if (name === "status") return await printStatus(place, isJson, program.out);
  await watchStatus(place, terminal(), program.requests.next());
}

async function configuredPlace(
  { configFile = "", globals }: ConfigSource,
  { readFile }: Program,
): Promise<AdminPlace> {
  const { conf } = await loadConf(configFile, readFile, globals);
  if (conf.admin !== undefined) return placeOf(conf.admin);
  throw new UsageError(`Cannot ask: ${configFile} has no admin; name one with --admin ADDRESS`);
}

/** Asks the process that serves for something. */
async function signal(
  kind: LifeRequestKind,
  { configFile, globals, pidFile }: ConfigSource,
  { readFile }: Program,
): Promise<void> {
  // As nginx: a reload of a configuration that is wrong is refused here, and by the process itself.
  const conf = configFile === undefined
    ? undefined
    : (await loadConf(configFile, readFile, globals)).conf;
  const path = pidFile ?? conf?.pid;
  if (path === undefined) {
    throw new UsageError(
      `Cannot ${kind}: ${configFile} names no pid file: need pid there, or --pid FILE`,
    );
  }
  const pid = runningPid(path);
  if (pid === undefined) throw new CannotUsePid(path, "no process that has written it is running");
  try {
    Deno.kill(Number(pid), SIGNAL_OF[kind]);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
    const name = SIGNAL_OF[kind].slice("SIG".length);
    throw new CannotUsePid(
      path,
      `no permission to send a signal: need --allow-run, or kill -${name} ${pid}`,
    );
  }
}

async function runFile(
  { source, errorLog }: Command & { readonly name: "run" },
  program: Program,
): Promise<void> {
  const path = source.configFile ?? "";
  const load = async (): Promise<SluiceConf> =>
    granted(await loadConf(path, program.readFile, source.globals), source, program);
  let conf: SluiceConf | undefined;
  let life: Life;
  try {
    conf = await load();
    life = await start(conf, load, source, program);
  } catch (error) {
    logStartFailure(
      error,
      errorLog,
      error instanceof ConfigError ? error.errorLogs : conf?.errorLogs ?? [],
    );
    throw error;
  }
  await life.live(program.requests);
}

/**
 * A configuration for which the process has all permissions.
 *
 * @throws {MissingPermissions}
 */
function granted(loaded: LoadedConf, source: ConfigSource, { isGranted }: Program): SluiceConf {
  checkPermissions(needsBy(loaded, source), new Places(loaded), isGranted);
  return loaded.conf;
}

function needsBy({ conf, paths }: LoadedConf, { pidFile, prefix }: ConfigSource): readonly Need[] {
  const files = prefix === undefined ? paths : [prefix, ...paths];
  return needsOf(conf, { files, pidFile: pidFile ?? conf.pid });
}

/** Prints the flags of `deno run` for a configuration, and why it needs all of a kind. */
async function permissions(
  { source }: Command & { readonly name: "permissions" },
  program: Program,
): Promise<void> {
  const loaded = await loadConf(source.configFile, program.readFile, source.globals);
  const needs = needsBy(loaded, source);
  const places = new Places(loaded);
  for (const need of needs) {
    if (need.what !== "") continue;
    program.err(`sluice: ${flagsOf([need])[0]} to ${need.doing} (${places.placeOf(need)})`);
  }
  program.out(flagsOf(needs.map(absolute)).join(" "));
}

/** Where the process that is started later stands is not known. */
function absolute(need: Need): Need {
  const isPath = need.flag === "read" || need.flag === "write";
  return isPath && need.what !== "" ? { ...need, what: resolve(need.what) } : need;
}

async function runDefault(
  { source, listen = DEFAULT_LISTEN }: Command & { readonly name: "run" },
  program: Program,
): Promise<void> {
  const demo = await (program.startDemoUpstream ?? startDemoUpstream)();
  try {
    const read = (): SluiceConf =>
      granted(
        readConf(defaultConfig(listen, demo.addresses), DEFAULT_CONFIG_NAME, source.globals),
        source,
        program,
      );
    const life = await start(read(), () => Promise.resolve(read()), source, program);
    const [address] = life.server.addresses;
    if (address !== undefined) {
      program.err("sluice: in front of a demo upstream of two peers; try, in another terminal:");
      for (const line of thingsToTry(address)) program.err(`  ${line}`);
    }
    await life.live(program.requests);
  } finally {
    await demo.stop();
  }
}

async function start(
  conf: SluiceConf,
  load: () => Promise<SluiceConf>,
  { pidFile, configFile = "" }: ConfigSource,
  program: Program,
): Promise<Life> {
  const pidPathOf = (conf: SluiceConf): string | undefined => pidFile ?? conf.pid;
  const pidPath = pidPathOf(conf);
  if (pidPath !== undefined) checkPidFile(pidPath);
  const warnings = checkProcess(conf, program.facts);
  const server = await program.startServer(conf);
  server.log("notice", `sluice/${program.version}`);
  for (const warning of warnings) server.log("warn", warning);
  const life = await begin(server, { server, load, pidPathOf, configPath: configFile }, conf);
  logStarts(server);
  for (const address of server.addresses) program.err(`sluice: listening on ${address}`);
  if (server.adminAddress !== undefined) {
    program.err(`sluice: admin listening on ${server.adminAddress}`);
  }
  return life;
}

/** @throws {CannotUsePid} Nothing listens any more then. */
async function begin(server: RunningServer, options: LifeOptions, conf: SluiceConf): Promise<Life> {
  try {
    return new Life(options, conf);
  } catch (error) {
    await server.stop();
    throw error;
  }
}
