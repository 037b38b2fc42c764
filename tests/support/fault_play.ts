/**
 * Plays a scene: a server in this process, clients and peers of a script, and one operation
 * of the system that fails. Time moves when nothing else does.
 *
 * @module
 */
import { gunzipSync } from "node:zlib";
import { readYaml } from "../../src/config/mod.ts";
import { openServer, type ThreadServer } from "../../src/control/server.ts";
import { alone } from "../../src/control/thread.ts";
import { isKnownVariable } from "../../src/http/variables.ts";
import { type Fault, type FaultKind, type FaultyConn, FaultySystem } from "./faulty_system.ts";
import type { Saying } from "./dns_server.ts";
import { settled } from "./manual_clock.ts";
import { tempDir } from "./program.ts";
import {
  assertQuiet,
  CLOSED,
  latin1Bytes,
  type ReadStep,
  type TestContext,
  testContext,
  type WriteStep,
} from "./scripted_transport.ts";

/** Where a scene's server listens. */
export const ADDRESS = "192.0.2.9:80";
/** Peers' addresses. */
export const [A, B, C] = ["192.0.2.11:80", "192.0.2.12:80", "192.0.2.13:80"] as const;

/** What a client says, and how it knows that it may go on. */
export interface Turn {
  readonly say: readonly ReadStep[];
  /** @default {one whole response} */
  readonly isAnswered?: (text: string) => boolean;
  /** Of the response that a turn without a fault has. @default {"200"} */
  readonly status?: string;
  /** The body of that one. @default {BODY} */
  readonly body?: string;
}

export interface Scene {
  /** A configuration without logs; `DIR` is a folder of its own. */
  readonly conf: string;
  readonly turns: readonly Turn[];
  /** How much the client takes at a time; all. */
  readonly takes?: readonly WriteStep[];
  readonly peers?: Readonly<Record<string, PeerScript>>;
  readonly names?: Readonly<Record<string, Saying>>;
  /** Files that are there, by their names in `DIR`. */
  readonly files?: Readonly<Record<string, string>>;
  /** Files that may be there at the end besides, whole: name and text. */
  readonly stored?: Readonly<Record<string, string>>;
  /** No peer but one may see any of the request: it is not idempotent. */
  readonly isOnce?: boolean;
  /** The body that every whole request has. */
  readonly requestBody?: string;
  /** Before this turn, or while it is under way, the configuration is put in force again. */
  readonly reloads?: readonly ["before" | "in", turn: number];
}

/** What a peer says to each whole request; or what it does when something comes. */
export type PeerScript = readonly ReadStep[] | ((conn: FaultyConn) => void);

/** What a client's body is unless a turn says otherwise. */
export const BODY = "0123456789".repeat(30);

export interface Played {
  /** As the table has it. */
  readonly outcome: string;
  /** What the client got of each turn. */
  readonly clientSays: readonly string[];
  /** How many operations there were. */
  readonly counts: ReadonlyMap<FaultKind, number>;
  readonly hasFailed: boolean;
  /** For messages. */
  readonly story: string;
}

/** A name that could not be resolved, and a peer that failed, are asked again by then. */
const FORGOTTEN_AFTER_MS = 15_000;

/** More than any scene takes, in ms of its clock. */
const SCENE_MS = 3_600_000;

/**
 * Plays it, and then once more with another client, who has to get what is good: nothing may be
 * stuck behind a fault that is over.
 *
 * @param good What a client gets without a fault. @default {What the first client got.}
 * @throws {Error} What must not be: a hang, something that is held still, a mark of a bug.
 */
export async function play(
  scene: Scene,
  fault?: Fault,
  good?: readonly string[],
): Promise<Played> {
  await using dir = await tempDir();
  for (const name of ["temp", "www"]) Deno.mkdirSync(`${dir.path}/${name}`);
  for (const [name, text] of Object.entries(scene.files ?? {})) {
    Deno.writeTextFileSync(`${dir.path}/${name}`, text);
  }
  const requests: SeenRequest[] = [];
  const peers = Object.fromEntries(
    Object.entries(scene.peers ?? {}).map(([address, script]) => [
      address,
      typeof script === "function" ? script : (conn: FaultyConn) => answer(conn, script, requests),
    ]),
  );
  using system = new FaultySystem(dir.path, peers, scene.names ?? {}, fault);
  const context = testContext({ pool: system.pool });
  const stage = new Stage(system, context);
  const conf = readYaml(confOf(scene, dir.path), "test.yaml", { isKnownVariable });
  let server: ThreadServer | undefined;
  const starting = openServer(conf, {}, alone(), { context, close() {} })
    .then((opened) => server = opened, (error: unknown) => error);
  let clientSays: readonly string[] = [];
  let outcome = "";
  let counts: ReadonlyMap<FaultKind, number> = new Map();
  try {
    const started = await stage.until(starting);
    if (server === undefined) {
      if (!(started instanceof Error)) throw started;
      outcome = "no start";
    } else {
      clientSays = await visit(scene, stage, server, dir.path);
      await stage.untilResting(server);
      outcome = withLogs(clientSays, dir.path);
      counts = new Map(system.counts);
      system.recover();
      await context.clock.advance(FORGOTTEN_AFTER_MS);
      const next = await visit(scene, stage, server, dir.path);
      if (next.join() !== (good ?? clientSays).join()) throw new Error(`the next client: ${next}`);
      await stage.untilResting(server);
      checkPeers(server);
      await stage.until(server.stop());
    }
    await stage.settle();
    check(scene, stage, requests, dir.path, fault);
  } catch (error) {
    if (error instanceof Error) error.message += `\n${storyOf(stage, clientSays, dir.path)}`;
    throw error;
  }
  const isTold = system.told.length > 0;
  return {
    outcome: isTold ? `${clientSays.join("+")} !stderr` : outcome,
    clientSays,
    counts,
    hasFailed: system.hasFailed,
    story: storyOf(stage, clientSays, dir.path),
  };
}

function confOf({ conf }: Scene, dir: string): string {
  return `
log:
  access: { path: DIR/access.log, format: test, buffer: 0 }
  error: { path: DIR/error.log, level: info }
  formats: { test: "$status|$upstream_failure" }
${conf}`.replaceAll("DIR", dir);
}

/** Time, and the knowledge of when nothing moves. */
class Stage {
  readonly system: FaultySystem;
  readonly context: TestContext;

  constructor(system: FaultySystem, context: TestContext) {
    this.system = system;
    this.context = context;
  }

  async until<Result>(promise: Promise<Result>): Promise<Result> {
    let isOver = false;
    promise.then(() => isOver = true, () => isOver = true);
    await this.whileNot(() => isOver);
    return await promise;
  }

  /** Lets everything happen until `isOver`; with nothing left to happen, time moves on. */
  async whileNot(isOver: () => boolean): Promise<void> {
    const { system, context: { clock } } = this;
    const endMs = clock.nowMs() + SCENE_MS;
    while (true) {
      await this.settle();
      if (isOver()) return;
      if (system.goOn()) continue;
      const { nextAtMs } = clock;
      if (nextAtMs > endMs) throw new Error("it hangs: nothing is left that could happen");
      await clock.advance(Math.max(0, nextAtMs - clock.nowMs()));
    }
  }

  /** Lets everything happen that can without time. */
  async settle(): Promise<void> {
    const { system } = this;
    for (let quietTurns = 0; quietTurns < 4; quietTurns++) {
      const { activity } = system;
      await settled();
      if (system.isBusy || system.activity !== activity) quietTurns = -1;
    }
  }

  /** What goes on behind the clients, such as copies of requests, comes to its end. */
  untilResting(server: ThreadServer): Promise<void> {
    return this.whileNot(() => {
      const { clients, connections, idle } = server.stats();
      const { length } = this.context.deadlines.outstanding();
      return clients === 0 && connections === idle && length === idle;
    });
  }
}

/** The client's turns, one after the other. Returns what it has got of each. */
async function visit(
  scene: Scene,
  stage: Stage,
  server: ThreadServer,
  dir: string,
): Promise<readonly string[]> {
  const { turns, takes = [] } = scene;
  const conn = stage.system.dial(ADDRESS, { writes: takes }, () => {});
  const told: string[] = [];
  for (const [index, turn] of turns.entries()) {
    if (conn.isClosed) break;
    const reload = async (when: "before" | "in"): Promise<void> => {
      if (scene.reloads?.[0] !== when || scene.reloads[1] !== index) return;
      const conf = readYaml(confOf(scene, dir), "test.yaml", { isKnownVariable });
      await stage.until(server.reload(conf));
    };
    await reload("before");
    const start = conn.sent.length;
    const isAnswered = turn.isAnswered ?? isWhole;
    conn.deliver(...turn.say);
    await reload("in");
    await stage.whileNot(() => isAnswered(conn.sent.slice(start)) || conn.isClosed);
    const got = gotten(conn.sent.slice(start), turn, isAnswered);
    told.push(got);
    if (got !== (turn.status ?? "200") && turn.isAnswered !== undefined) break; // nobody upgraded
  }
  if (!conn.isClosed) conn.deliver(CLOSED);
  await stage.whileNot(() => conn.isClosed);
  return told.length === 0 ? ["none"] : told;
}

/** What became of a turn: a status, `cut`, or `none`. @throws {Error} A good one is not as it should be. */
function gotten(text: string, turn: Turn, isAnswered: (text: string) => boolean): string {
  if (text === "") return "none";
  if (!isAnswered(text)) {
    checkPart(text, turn);
    return "cut";
  }
  const final = withoutInterim(text);
  if (!final.startsWith("HTTP/1.1 ")) return final;
  const status = final.slice(9, 12);
  const { status: good = "200", body = BODY } = turn;
  if (status === good && turn.isAnswered === undefined) {
    const got = bodyOf(final);
    if (got !== body) throw new Error(`a wrong body: ${JSON.stringify(got)}`);
  }
  return status;
}

/** What has come of a good response is its beginning. @throws {Error} */
function checkPart(text: string, { status = "200", body = BODY }: Turn): void {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0 || text.slice(9, 12) !== status || /\r\nContent-Encoding: gzip\r\n/i.test(text)) {
    return;
  }
  const part = bodyOf(text);
  if (!body.startsWith(part)) throw new Error(`a wrong part of a body: ${JSON.stringify(part)}`);
}

/** A request that a peer has got whole. */
interface SeenRequest {
  readonly conn: FaultyConn;
  readonly body: string;
}

function answer(conn: FaultyConn, script: readonly ReadStep[], requests: SeenRequest[]): void {
  const text = conn.sent.slice(conn.taken);
  if (!isWhole(text)) return;
  requests.push({ conn, body: bodyOf(text) });
  conn.taken = conn.sent.length;
  conn.messages++;
  conn.deliver(...script);
}

/** Whether it is one whole message, behind interim ones. */
function isWhole(text: string): boolean {
  const final = withoutInterim(text);
  const end = final.indexOf("\r\n\r\n");
  if (end < 0) return false;
  const head = final.slice(0, end + 2);
  const body = final.slice(end + 4);
  if (/\r\nTransfer-Encoding: chunked\r\n/i.test(head)) return /(?:^|\r\n)0\r\n\r\n$/.test(body);
  const length = /\r\nContent-Length: (\d+)\r\n/i.exec(head)?.[1];
  if (length !== undefined) return body.length === Number(length);
  return !head.startsWith("HTTP/") || /^HTTP\/1\.1 (?:204|304) /.test(head);
}

function withoutInterim(text: string): string {
  return text.replace(/^(?:HTTP\/1\.1 10[^1] .*\r\n(?:.+\r\n)*\r\n)+/, "");
}

function bodyOf(message: string): string {
  const end = message.indexOf("\r\n\r\n");
  const head = message.slice(0, end + 2);
  let body = message.slice(end + 4);
  if (/\r\nTransfer-Encoding: chunked\r\n/i.test(head)) body = unchunked(body);
  if (!/\r\nContent-Encoding: gzip\r\n/i.test(head)) return body;
  return new TextDecoder().decode(gunzipSync(latin1Bytes(body)));
}

function unchunked(body: string): string {
  let data = "";
  for (let at = 0; at < body.length;) {
    const lineEnd = body.indexOf("\r\n", at);
    if (lineEnd < 0) break; // it was cut
    const size = parseInt(body.slice(at, lineEnd), 16);
    data += body.slice(lineEnd + 2, lineEnd + 2 + size);
    at = lineEnd + 4 + size;
  }
  return data;
}

const DECISIONS: Readonly<Record<string, string>> = {
  "another peer was tried": "next",
  "a fresh connection was tried": "again",
  "not tried again, the response has begun": "begun",
  "not tried again, the body was streamed and is gone": "gone",
  "not tried again, the request was sent and is not idempotent": "sent",
  "not tried again, not in next_upstream": "unnamed",
  "not tried again, no tries left": "last",
  "not tried again, the client is gone": "left",
};

/**
 * What the client got and the log's lines about it, where they say more: `cut/200(reset>begun)`.
 * `!` behind it all: the error log tells of worse than a warning.
 */
function withLogs(clientSays: readonly string[], dir: string): string {
  const lines = linesOf(`${dir}/access.log`).map((line) => {
    const [status = "", failure = ""] = line.split("|");
    if (failure === "-") return [status, ""];
    const unresolved = / could not be resolved \((\d+)/.exec(failure)?.[1];
    if (unresolved !== undefined) return [status, `(unresolved-${unresolved})`];
    const [, what = failure, decision] = /^(.*?) of \S+ while [^:]*: (.*)$/.exec(failure) ?? [];
    const why = decision === undefined ? what : `${what}>${DECISIONS[decision] ?? decision}`;
    return [status, `(${why.replaceAll(" ", "-")})`];
  });
  const all = clientSays.map((says, index) => {
    const [status = says, why = ""] = lines[index] ?? [];
    return status === says ? says + why : `${says}/${status}${why}`;
  }).join("+");
  const isBad = linesOf(`${dir}/error.log`)
    .some((line) => /\[(?:error|crit|alert|emerg)\]/.test(line));
  return isBad ? `${all} !` : all;
}

/** Nobody is counted that is not there any more. */
function checkPeers(server: ThreadServer): void {
  let inUse = 0;
  for (const group of server.groups.values()) {
    for (const { connections } of group.balancer.peers) inUse += connections;
  }
  if (inUse > 0) throw new Error(`${inUse} connections to peers are counted still`);
}

/** What must never be, whatever failed. */
function check(
  { isOnce = false, requestBody, stored = {}, files = {} }: Scene,
  { system, context }: Stage,
  requests: readonly SeenRequest[],
  dir: string,
  fault: Fault | undefined,
): void {
  assertQuiet(context);
  if (context.pool.waiting > 0) throw new Error("somebody waits for memory still");
  const held = system.outstanding();
  if (held.length > 0) throw new Error(`still open: ${held.join(", ")}`);
  const expected: Record<string, string> = { ...stored, ...files };
  for (const path of filesBelow(dir)) {
    const name = path.slice(dir.length + 1);
    if (name.endsWith(".log")) continue;
    if (fault?.kind === "path" && name.startsWith("temp/")) continue; // it could not be removed
    if (expected[name] !== Deno.readTextFileSync(path)) throw new Error(`a file is left: ${name}`);
  }
  const bugs = linesOf(`${dir}/error.log`).filter((line) => line.includes("a bug in this proxy"));
  if (bugs.length > 0) throw new Error(bugs.join("\n"));
  if (requestBody !== undefined) {
    for (const { body } of requests) {
      if (body !== requestBody) throw new Error(`a peer got a wrong body: ${JSON.stringify(body)}`);
    }
  }
  const reached =
    system.conns.filter(({ side, sent, isFirst }) => side === "peer" && sent !== "" && isFirst)
      .length;
  if (isOnce && reached > 1) throw new Error(`what must be sent once was sent ${reached} times`);
}

function storyOf({ system }: Stage, clientSays: readonly string[], dir: string): string {
  return [
    clientSays.join("+"),
    ...system.conns.map(({ side, sent }) => `${side}: ${JSON.stringify(sent.slice(0, 600))}`),
    ...linesOf(`${dir}/access.log`),
    ...linesOf(`${dir}/error.log`),
    ...system.told,
  ].join("\n  ");
}

function filesBelow(folder: string): string[] {
  return Array.from(Deno.readDirSync(folder)).flatMap(({ name, isDirectory }) =>
    isDirectory ? filesBelow(`${folder}/${name}`) : [`${folder}/${name}`]
  );
}

function linesOf(path: string): string[] {
  try {
    return Deno.readTextFileSync(path).split("\n").filter((line) => line !== "");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
