/**
 * What a process is when it starts and cannot change: its user, and how many files it may
 * open. nginx sets both.
 *
 * @module
 */
import type { SluiceConf } from "../http/conf.ts";

/** A configuration that asks for what the process is not. */
export class WrongProcess extends Error {
  override readonly name = "WrongProcess";
}

/** What can be seen of a process. Undefined: it cannot. */
export interface ProcessFacts {
  readonly userId: number | undefined;
  readonly openFilesMax: number | undefined;
}

/**
 * Looks whether the process is what the configuration asks for. Returns warnings.
 *
 * @throws {WrongProcess}
 */
export function checkProcess(conf: SluiceConf, facts: ProcessFacts): readonly string[] {
  return [...checkUser(conf, facts), ...checkOpenFiles(conf, facts)];
}

function checkUser({ user }: SluiceConf, { userId }: ProcessFacts): readonly string[] {
  if (user === undefined || (userId === 0 && /^root\b/.test(user))) return [];
  if (userId === 0) {
    throw new WrongProcess(
      `Cannot become user "${user}": a process in Deno keeps its user. Start it as that one ` +
        "(User= in a unit of systemd, USER in a Dockerfile, setpriv(1)), with " +
        "CAP_NET_BIND_SERVICE for ports below 1024",
    );
  }
  return [
    'the "user" directive makes sense only if the process runs with super-user privileges, ignored',
  ];
}

function checkOpenFiles(
  { openFiles, workerConnections }: SluiceConf,
  { openFilesMax }: ProcessFacts,
): readonly string[] {
  if (openFilesMax === undefined) {
    if (openFiles === undefined) return [];
    return [`worker_rlimit_nofile ${openFiles}: the limit of open files cannot be seen without -A`];
  }
  if (openFiles !== undefined && openFiles > openFilesMax) {
    throw new WrongProcess(
      `Cannot set worker_rlimit_nofile to ${openFiles}: the process may open ${openFilesMax} files ` +
        "and cannot change that. Start it with more (LimitNOFILE= in a unit of systemd, ulimit -n)",
    );
  }
  if (workerConnections <= openFilesMax) return [];
  return [
    `${workerConnections} worker_connections exceed open file resource limit: ${openFilesMax}`,
  ];
}

/** Of this process. */
export function processFacts(): ProcessFacts {
  return { userId: tried(() => Deno.uid()) ?? undefined, openFilesMax: tried(openFilesMax) };
}

function openFilesMax(): number | undefined {
  const limits = Deno.readTextFileSync("/proc/self/limits");
  const [, soft] = /^Max open files\s+(\d+|unlimited)/m.exec(limits) ?? [];
  return soft === undefined ? undefined : soft === "unlimited" ? Infinity : Number(soft);
}

/** Undefined where the permission is missing, or the system has no such thing. */
function tried<Value>(look: () => Value): Value | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
