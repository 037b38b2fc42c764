/**
 * Errors that are nobody's bug, in a line for a person: a port in use, a file that
 * is missing, a permission that was not given.
 *
 * @module
 */
import { ConfigError } from "../config/mod.ts";
import { UsageError } from "./command_line.ts";
import { MissingPermissions } from "./permissions.ts";
import { CannotUsePid } from "./pid_file.ts";
import { WrongProcess } from "./process_limits.ts";
import { CannotListen, ShuttingDown } from "./running_server.ts";

/** A file that cannot be read. `cause` is what the system said. */
export class CannotRead extends Error {
  override readonly name = "CannotRead";

  constructor(readonly path: string, cause: unknown) {
    super(`Cannot read ${path}`, { cause });
  }
}

/** The folder behind `-p`. `cause` is what the system said. */
export class CannotUsePrefix extends Error {
  override readonly name = "CannotUsePrefix";

  constructor(readonly prefix: string, cause: unknown) {
    super(`Cannot use -p ${prefix}`, { cause });
  }
}

/** The admin listener does not answer, or answers no. The message is for a person. */
export class CannotAsk extends Error {
  override readonly name = "CannotAsk";
}

/** A file that a directive names and that is not what the directive needs. */
export class CannotUseFile extends Error {
  override readonly name = "CannotUseFile";

  /** @param why What the system said of it, or what is wrong with what is in it. */
  constructor(readonly directive: string, readonly path: string, why: unknown) {
    super(`Cannot set ${directive} to ${JSON.stringify(path)}`, { cause: why });
  }
}

/**
 * What to tell the user: one line, or for a configuration all that is wrong with
 * it. `undefined` for an error that is not expected: a bug, to be thrown on.
 */
export function explain(error: unknown): string | undefined {
  if (error instanceof ConfigError) return error.format();
  if (error instanceof UsageError) return `sluice: ${error.message} (--help tells more)`;
  if (error instanceof CannotListen) {
    return `sluice: ${error.message}: ${reasonOfListen(error)}`;
  }
  if (
    error instanceof CannotRead ||
    error instanceof CannotUseFile || error instanceof CannotUsePid ||
    error instanceof CannotUsePrefix
  ) {
    return `sluice: ${error.message}: ${reasonOf(error.cause)}`;
  }
  if (error instanceof MissingPermissions) {
    return error.message.split("\n").map((line) => `sluice: ${line}`).join("\n");
  }
  if (error instanceof WrongProcess) return `sluice: ${error.message}`;
  if (error instanceof CannotAsk) return `sluice: ${error.message}`;
  if (error instanceof ShuttingDown) return `sluice: ${error.message}`;
  // Not by us, so its message names what it was about: a log file, an address.
  if (isOfSystem(error)) return `sluice: Cannot start: ${error.message}`;
  return undefined;
}

/** The same for the error log: a line for each problem, without the text around it. */
export function logLines(error: unknown): readonly string[] {
  if (error instanceof ConfigError) return error.message.split("\n");
  const explanation = explain(error);
  if (explanation !== undefined) return explanation.replace(/^sluice: /gm, "").split("\n");
  return [error instanceof Error ? error.stack ?? error.message : String(error)];
}

/** What the world may answer to a program that does everything right. */
const OF_SYSTEM = [
  Deno.errors.AddrInUse,
  Deno.errors.AddrNotAvailable,
  Deno.errors.FilesystemLoop,
  Deno.errors.IsADirectory,
  Deno.errors.NotADirectory,
  Deno.errors.NotCapable,
  Deno.errors.NotFound,
  Deno.errors.PermissionDenied,
] as const;

function isOfSystem(error: unknown): error is Error {
  if (OF_SYSTEM.some((ErrorClass) => error instanceof ErrorClass)) return true;
  // EMFILE, ENOSPC and their like, which Deno has no class for. ERR_… are Node's words for bugs.
  return error instanceof Error && "code" in error && typeof error.code === "string" &&
    /^E[A-Z0-9]+$/.test(error.code);
}

/** What the system says of an address. */
function reasonOfListen({ address, cause }: CannotListen): string {
  const isThere = cause instanceof Deno.errors.AddrInUse && address.startsWith("unix:");
  return isThere
    ? "there is a file already: another program listens there, or one that was killed has left it"
    : reasonOf(cause);
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return REASONS.find(([ErrorClass]) => cause instanceof ErrorClass)?.[1](cause) ?? cause.message;
}

/** In words of ours where the system's would not help; Deno's own name the flag that is missing. */
const REASONS: readonly (readonly [new () => Error, (cause: Error) => string])[] = [
  [Deno.errors.NotCapable, ({ message }) => `no permission: ${message}`],
  [Deno.errors.AddrInUse, () => "another program listens there already"],
  [Deno.errors.AddrNotAvailable, () => "this machine does not have this address"],
  [Deno.errors.NotFound, () => "there is no such file or folder"],
  [Deno.errors.IsADirectory, () => "it is a directory"],
];
