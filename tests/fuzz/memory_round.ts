/**
 * One round in memory: many clients, each with a message, on a network whose operations end in
 * random order, through a program that is opened for it and closed behind it.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { MemoryConn, type MemoryNet, type OnConnect } from "../support/memory_net.ts";
import { MemorySluice } from "../support/memory_sluice.ts";
import type { Random } from "../support/random.ts";
import type { Difference } from "./comparison.ts";
import { type LlhttpMessage, LlhttpReader } from "./llhttp.ts";
import { type PlainMessage, readPlainResponses } from "./plain_reader.ts";

/** What came of one round. */
export interface MemoryOutcome {
  readonly differences: readonly Difference[];
  /** How often what happened. */
  readonly verdicts: ReadonlyMap<string, number>;
}

/** A client and what it sends. */
export interface Sending {
  readonly text: string;
  /** Number of the listener that it goes to. */
  readonly way: number;
}

/** Clients at a time. */
const AT_A_TIME = 64;

/** Of the clients that end their direction at once, not only when all is still. */
const ENDS_AT_ONCE = 0.8;
/** Longer than any deadline of the configurations. */
const LONG_MS = 200_000;
/** What is longer comes in one piece: crumbs take a turn each. */
const CUT_UP_TO = 400;

/** A client on its way. */
interface Played {
  readonly conn: MemoryConn;
  /** All that it was sent. */
  received: string;
  hasFinished: boolean;
  isOver: boolean;
}

export interface MemoryRoundOptions {
  readonly yaml: string;
  readonly logFormat: string;
  readonly net: MemoryNet;
  readonly random: Random;
  readonly onConnect: OnConnect;
  /** Called when all is still: whether anybody else than clients has something to do. */
  readonly onStill?: () => boolean;
}

/** What a round leaves behind. */
export interface PlayedRound {
  /** What each client was sent. */
  readonly received: readonly string[];
  /** Of the access log. The port of a client is its number, counted from 1. */
  readonly lines: readonly string[];
}

/** Plays all clients. @throws {Error} When something hangs or leaks, or a bug was logged. */
export async function playRound(
  sendings: readonly Sending[],
  options: MemoryRoundOptions,
): Promise<PlayedRound> {
  const { yaml, net, onConnect, logFormat } = options;
  const sluice = await MemorySluice.open({ yaml, net, onConnect, logFormat });
  const round = new Round(sendings, options, sluice);
  await round.run();
  while (!net.isStill) await net.turn();
  const { excess } = sluice;
  const held = await sluice.stop(net);
  const bugs = sluice.takeErrorLines().filter((line) => line.includes("a bug in this proxy"));
  if (bugs.length > 0) {
    throw new Error(`the error log tells of a bug:\n${bugs.slice(0, 3).join("\n")}`);
  }
  if (excess !== "") throw new Error(`held when all was over: ${excess}`);
  if (held.length > 0) throw new Error(`held at the end: ${held.join("\n")}`);
  return { received: round.all.map(({ received }) => received), lines: sluice.takeAccessLines() };
}

class Round {
  readonly all: Played[] = [];
  readonly #sendings: readonly Sending[];
  readonly #options: MemoryRoundOptions;
  readonly #sluice: MemorySluice;
  readonly #active = new Set<Played>();

  constructor(sendings: readonly Sending[], options: MemoryRoundOptions, sluice: MemorySluice) {
    this.#sendings = sendings;
    this.#options = options;
    this.#sluice = sluice;
  }

  async run(): Promise<void> {
    const { net } = this.#options;
    while (true) {
      while (this.#active.size < AT_A_TIME && this.all.length < this.#sendings.length) {
        this.#start(this.#sendings[this.all.length]!);
      }
      if (this.#active.size === 0) return;
      if (net.isStill) await this.#goOn();
      await net.turn();
      for (const one of this.#active) if (one.isOver) this.#active.delete(one);
    }
  }

  #start({ text, way }: Sending): void {
    const { net, random } = this.#options;
    const conn = new MemoryConn(net);
    const played: Played = {
      conn,
      received: "",
      hasFinished: random.chance(ENDS_AT_ONCE),
      isOver: false,
    };
    deliverInPieces(conn, text, random);
    conn.onSent = (sent) => played.received += latin1(sent);
    conn.onEnd = () => finish(played);
    if (played.hasFinished) conn.finish();
    this.all.push(played);
    this.#active.add(played);
    this.#sluice.accept(conn, way, this.all.length, () => played.isOver = true);
  }

  /** All is still: clients end their direction, then time passes, then something hangs. */
  async #goOn(): Promise<void> {
    const unfinished = [...this.#active].filter(({ hasFinished }) => !hasFinished);
    unfinished.forEach(finish);
    if (this.#options.onStill?.() || unfinished.length > 0) return;
    await this.#sluice.clock.advance(LONG_MS);
    const hanging = [...this.#active].filter(({ isOver }) => !isOver);
    if (!this.#options.net.isStill || hanging.length < this.#active.size) return;
    const told = hanging.slice(0, 3).map((one) => {
      const number = this.all.indexOf(one);
      return `\n${number}: ${JSON.stringify(this.#sendings[number])}`;
    });
    throw new Error(`${hanging.length} clients hang:${told.join("")}`);
  }
}

function finish(played: Played): void {
  if (played.hasFinished) return;
  played.hasFinished = true;
  played.conn.finish();
}

/** Sends a text of one character a byte, in pieces of a size that `random` says. */
export function deliverInPieces(conn: MemoryConn, text: string, random: Random): void {
  const bytes = bytesOf(text);
  const largest = random.pick([7, 40, 1_000, 100_000]);
  if (bytes.length > CUT_UP_TO || largest >= bytes.length) return conn.deliver(bytes);
  let at = 0;
  for (const size of random.pieces(bytes.length, largest)) {
    conn.deliver(bytes.subarray(at, at += size));
  }
}

/** Answers of which both readers say the same. */
export interface Answers {
  /** Final ones. */
  readonly answers: readonly LlhttpMessage[];
  /** What is wrong, if anything is. */
  readonly problem: string;
  /** Whether what follows them was cut. */
  readonly isCut: boolean;
}

/** Reads what a client was sent. @param methodOf What it asked for with a number, from 0. */
export function readAnswers(
  text: string,
  methodOf: (answer: number) => string | undefined,
): Answers {
  const reader = new LlhttpReader("response", methodOf);
  reader.feed(text);
  reader.finish();
  reader.free();
  const plain = readPlainResponses(text, methodOf);
  const answers = reader.messages.filter(({ status, hasHead }) => hasHead && status >= 200);
  const others = plain.messages.filter(({ status }) => status >= 200);
  const isCut = reader.error === "HPE_INVALID_EOF_STATE";
  const answered = (problem: string): Answers => ({ answers, problem, isCut });
  if (reader.error !== undefined && !isCut) return answered(`llhttp cannot read: ${reader.error}`);
  if (plain.error !== "") return answered(`no answer: ${plain.error}`);
  const isSame = answers.length === others.length &&
    answers.every((answer, index) => isSameMessage(answer, others[index]!));
  return answered(isSame ? "" : `two readers read other answers: ${JSON.stringify(others)}`);
}

/** Whether llhttp and the plain reader understand the same. */
export function isSameMessage(one: LlhttpMessage, other: PlainMessage): boolean {
  return one.method === other.method && one.target === other.target &&
    one.status === other.status && one.isComplete === other.isComplete &&
    one.body === other.body && textOf(one.fields) === textOf(other.fields);
}

/** One line a field. */
export function textOf(fields: readonly (readonly [name: string, value: string])[]): string {
  let text = "";
  for (const [name, value] of fields) text += `${name}:${value}\n`;
  return text;
}

/** The fields that go through as they are: neither in `dropped` nor named by `Connection`. */
export function passedOn(
  fields: readonly (readonly [name: string, value: string])[],
  dropped: ReadonlySet<string>,
): string {
  let text = "";
  let named: Set<string> | undefined;
  for (const [name, value] of fields) {
    if (name.toLowerCase() !== "connection") continue;
    named ??= new Set();
    for (const option of value.split(",")) named.add(option.trim().toLowerCase());
  }
  for (const [name, value] of fields) {
    const lower = name.toLowerCase();
    if (!dropped.has(lower) && !named?.has(lower)) text += `${name}:${value}\n`;
  }
  return text;
}

const ENCODER = new TextEncoder();
const BEYOND_ASCII = /[\x80-\xff]/;

/** Of one character a byte. */
export function bytesOf(text: string): Uint8Array {
  if (!BEYOND_ASCII.test(text)) return ENCODER.encode(text);
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}

/** One character a byte. */
export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}
