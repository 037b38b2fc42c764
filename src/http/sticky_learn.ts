/**
 * `sticky learn`: the peer says in its answers which session a request is of, and further
 * requests of the session go there. Sessions are kept in a zone, which all workers share.
 *
 * @module
 */
import type { Template } from "../log/mod.ts";
import type { PeerGroup, StickyLearnConf } from "../peer/mod.ts";
import { type KeyTable, NO_ENTRY, type ZoneLayout } from "../zone/mod.ts";
import type { Variables } from "./configured_variables.ts";
import { byteText } from "./field_text.ts";
import type { Request } from "./request.ts";
import type { Sticky } from "./sticky.ts";

/** The word of a session: which peer it is bound to, by its number. */
const PEER = 0;

/** What the memory of sessions is like. */
export function sessionsLayout(sizeBytes: number): ZoneLayout {
  return { kind: "keys", size: { bytes: sizeBytes }, words: 1, counts: 0 };
}

export class LearnedSessions implements Sticky {
  readonly onEnd?: (request: Request) => void;
  readonly #conf: StickyLearnConf;
  readonly #group: PeerGroup;
  readonly #sessions: KeyTable;
  readonly #create: readonly Template<Request>[];
  readonly #lookup: readonly Template<Request>[];

  constructor(
    conf: StickyLearnConf,
    group: PeerGroup,
    variables: Variables,
    sessions: KeyTable,
  ) {
    const compile = (text: string) => variables.compile(byteText(text));
    this.#conf = conf;
    this.#group = group;
    this.#sessions = sessions;
    this.#create = conf.create.map(compile);
    this.#lookup = conf.lookup.map(compile);
    if (!conf.isAtHeader) this.onEnd = (request) => this.#learn(request);
  }

  boundTo(request: Request): string {
    const session = firstOf(this.#lookup, request);
    if (session === "") return "";
    const sessions = this.#sessions;
    const entry = sessions.find(session);
    const nowMs = request.worker.sharedNowMs;
    if (entry === NO_ENTRY || sessions.ageMs(entry, nowMs) > this.#conf.timeoutMs) return "";
    sessions.touch(entry, nowMs);
    const bound = Atomics.load(sessions.words, sessions.at(entry, PEER));
    return this.#group.peers.find((peer) => peer.idNumber === bound)?.id ?? "";
  }

  onHead(request: Request): void {
    if (this.#conf.isAtHeader) this.#learn(request);
  }

  #learn(request: Request): void {
    const peer = request.exchange.selection.tried.at(-1);
    const session = peer === undefined ? "" : firstOf(this.#create, request);
    if (peer === undefined || session === "") return;
    const sessions = this.#sessions;
    const entry = sessions.take(session, request.worker.sharedNowMs);
    if (entry === NO_ENTRY) return;
    Atomics.store(sessions.words, sessions.at(entry, PEER), peer.idNumber);
  }
}

/** The first of some texts that is not empty. */
export function firstOf(templates: readonly Template<Request>[], request: Request): string {
  for (const template of templates) {
    const text = template.render(request);
    if (text !== "") return text;
  }
  return "";
}
