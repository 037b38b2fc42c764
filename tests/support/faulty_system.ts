/**
 * The system, as far as a server gets to see it, of which the k-th operation of a kind fails.
 *
 * All ways out of `src/` are functions of Deno's, asked for by their names at the moment of
 * the call: those are replaced here, for as long as a {@linkcode FaultySystem} lives. Its
 * network is scripted; its files are real ones that can fail, those of one folder alone.
 *
 * @module
 */
import { FailingPool, type Shortage } from "./failing_pool.ts";
import { dnsAnswer, type Saying } from "./dns_server.ts";
import {
  CLOSED,
  latin1Bytes,
  type Script,
  ScriptedTransport,
  STUCK,
} from "./scripted_transport.ts";

/**
 * What fails, and in which ways: the k-th alone, or all from the k-th on. `short`: it does one
 * byte of its work, and says so.
 */
export const FAULTS = {
  "accept": ["ENOTCONN", "EMFILE"],
  "client read": ["reset", "end", "stall"],
  "client write": ["EPIPE", "short", "stall"],
  "connect": ["refused", "timeout", "EMFILE"],
  "peer read": ["reset", "end", "stall"],
  "peer write": ["EPIPE", "short", "stall"],
  "dns": ["SERVFAIL", "timeout", "garbage", "SERVFAIL from then on", "timeout from then on"],
  "open": ["EACCES", "ENOSPC", "EMFILE"],
  "path": ["EACCES"],
  "rename": ["EACCES", "EXDEV"],
  "file read": ["EIO", "short"],
  "file write": ["ENOSPC", "short"],
  "log write": ["ENOSPC", "short"],
  "memory": ["once", "for good"],
} as const;

/** Reads, writes, and what else can fail. `path`: what is done to a file by its name. */
export type FaultKind = keyof typeof FAULTS;
export type FaultWay = typeof FAULTS[FaultKind][number];

/** One operation fails. */
export interface Fault {
  readonly kind: FaultKind;
  readonly way: FaultWay;
  /** Which one, counted from 1. */
  readonly k: number;
}

/** What peers say, by their addresses, whenever something has come from Sluice. */
export type Peers = Readonly<Record<string, (conn: FaultyConn) => void>>;

const LOCAL = { transport: "tcp", hostname: "192.0.2.9", port: 50_000 } as const;

const PATH_CALLS = [
  "chmodSync",
  "copyFileSync",
  "lstatSync",
  "mkdirSync",
  "removeSync",
  "statSync",
] as const;

/** In force from its making to its disposal. One at a time. */
export class FaultySystem implements Disposable {
  readonly pool: FailingPool;
  readonly conns: FaultyConn[] = [];
  /** What the process has said on its stderr. */
  readonly told: string[] = [];
  readonly counts = new Map<FaultKind, number>();
  /** Grows with all that happens. */
  activity = 0;
  /** Whether the operation that was to fail has been reached. */
  hasFailed = false;
  /** Whether nothing fails any more. */
  isOver = false;
  readonly #fault: Fault | undefined;
  readonly #peers: Peers;
  readonly #names: Readonly<Record<string, Saying>>;
  readonly #folder: string;
  readonly #originals = new Map<object, Map<string, unknown>>();
  readonly #listeners = new Map<string, FaultyListener>();
  readonly #open = new Set<string>();
  #filesOpened = 0;
  /** Operations of the real system that are under way. */
  #pending = 0;

  /** @param folder Where files may fail. @param names What name servers know. */
  constructor(
    folder: string,
    peers: Peers,
    names: Readonly<Record<string, Saying>>,
    fault: Fault | undefined,
  ) {
    this.#folder = folder;
    this.#peers = peers;
    this.#names = names;
    this.#fault = fault;
    this.pool = new FailingPool(() => this.meet("memory") as Shortage | undefined);
    this.#replace(Deno, "listen", this.#listen);
    this.#replace(Deno, "connect", this.#connect);
    this.#replace(Deno, "listenDatagram", this.#listenDatagram);
    this.#replace(console, "error", (text: string) => void this.told.push(text));
    this.#wrap("openSync", "open", (file) => this.#fileOf(file as Deno.FsFile));
    this.#wrap("makeTempFileSync", "open");
    this.#wrap("renameSync", "rename");
    for (const name of PATH_CALLS) this.#wrap(name, "path");
  }

  [Symbol.dispose](): void {
    for (const [object, members] of this.#originals) {
      for (const [name, value] of members) Reflect.set(object, name, value);
    }
  }

  /** An operation begins: says in which way it fails, if it does. */
  meet(kind: FaultKind): FaultWay | undefined {
    this.activity++;
    const count = (this.counts.get(kind) ?? 0) + 1;
    this.counts.set(kind, count);
    const fault = this.#fault;
    if (fault === undefined || fault.kind !== kind || this.isOver) return undefined;
    const goesOn = fault.way.endsWith(" from then on");
    if (goesOn ? count < fault.k : count !== fault.k) return undefined;
    this.hasFailed = true;
    return fault.way;
  }

  /** Nothing fails any more. */
  recover(): void {
    this.isOver = true;
    for (const conn of this.conns) conn.unstick();
  }

  /** Whether something is under way that ends by itself. */
  get isBusy(): boolean {
    return this.#pending > 0;
  }

  /** Ends each SILENCE that somebody waits for. Returns whether there was one. */
  goOn(): boolean {
    const stalled = this.conns.filter((conn) => conn.isStalled);
    for (const conn of stalled) {
      conn.goOn();
      conn.goOnTaking();
    }
    return stalled.length > 0;
  }

  /** A client connects. */
  dial(address: string, script: Script, onSent: (conn: FaultyConn) => void): FaultyConn {
    const listener = this.#listeners.get(address);
    if (listener === undefined) throw new Error(`nobody listens on ${address}`);
    const conn = this.#newConn("client", "192.0.2.1", 40_000 + this.conns.length, script, onSent);
    listener.dial(conn);
    return conn;
  }

  /** What is open still, one line each. */
  outstanding(): readonly string[] {
    return [
      ...this.conns.filter(({ isClosed, isAccepted }) => isAccepted && !isClosed)
        .map((conn) => `a connection: ${conn.side} ${conn.remoteAddr.hostname}`),
      ...[...this.#listeners.keys()].map((address) => `a listener: ${address}`),
      ...this.#open,
    ];
  }

  #replace(object: object, name: string, value: unknown): void {
    const originals = this.#originals.get(object) ?? new Map<string, unknown>();
    this.#originals.set(object, originals);
    originals.set(name, Reflect.get(object, name));
    Reflect.set(object, name, value);
  }

  /** Lets a function of Deno's fail where it is given a file of the folder. */
  #wrap(name: string, kind: FaultKind, made = (result: unknown) => result): void {
    const original = Reflect.get(Deno, name) as (...given: readonly unknown[]) => unknown;
    this.#replace(Deno, name, (...given: readonly unknown[]) => {
      const [first] = given;
      const path = String((first as Deno.MakeTempOptions)?.dir ?? first);
      if (!path.startsWith(this.#folder)) return original(...given);
      const way = this.meet(kind);
      if (way !== undefined) throw fileError(way);
      return made(original(...given));
    });
  }

  #fileOf(file: Deno.FsFile): Deno.FsFile {
    const name = `file ${++this.#filesOpened}`;
    this.#open.add(name);
    const own = {
      close: () => {
        this.#open.delete(name);
        file.close();
      },
      writeSync: (bytes: Uint8Array) => {
        const way = this.meet("file write");
        if (way === "ENOSPC") throw fileError(way);
        return file.writeSync(way === "short" ? bytes.subarray(0, 1) : bytes);
      },
      readSync: (bytes: Uint8Array) => {
        const way = this.meet("file read");
        if (way === "EIO") throw fileError(way);
        return file.readSync(way === "short" ? bytes.subarray(0, 1) : bytes);
      },
      write: async (bytes: Uint8Array) => {
        const way = this.meet("log write");
        if (way === "ENOSPC") throw fileError(way);
        this.#pending++;
        const written = await file.write(way === "short" ? bytes.subarray(0, 1) : bytes);
        this.#pending--;
        return written;
      },
    };
    return new Proxy(file, {
      get(_, member) {
        if (member in own) return own[member as keyof typeof own];
        const value = Reflect.get(file, member, file);
        return typeof value === "function" ? value.bind(file) : value;
      },
    });
  }

  readonly #listen = ({ hostname = "", port = 0 }: Deno.TcpListenOptions): FaultyListener => {
    const address = `${hostname}:${port}`;
    const listener = new FaultyListener(
      { transport: "tcp", hostname, port },
      this,
      () => void this.#listeners.delete(address),
    );
    this.#listeners.set(address, listener);
    return listener;
  };

  readonly #connect = (
    { hostname, port, signal }: Deno.ConnectOptions & { hostname: string; signal: AbortSignal },
  ): Promise<FaultyConn> => {
    const peer = this.#peers[`${hostname}:${port}`];
    const way = this.meet("connect");
    if (peer === undefined || way === "refused") {
      const error = new Deno.errors.ConnectionRefused("Connection refused (os error 111)");
      return Promise.reject(Object.assign(error, { code: "ECONNREFUSED" }));
    }
    if (way === "EMFILE") return Promise.reject(fileError(way));
    if (way === "timeout") {
      return new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      });
    }
    const conn = this.#newConn("peer", hostname, port, {}, peer);
    conn.isAccepted = true;
    return Promise.resolve(conn);
  };

  readonly #listenDatagram = (): unknown => {
    const way = this.meet("open");
    if (way !== undefined) throw fileError(way);
    const socket = `socket ${++this.#filesOpened}`;
    this.#open.add(socket);
    let answer: [Uint8Array, Deno.Addr] | undefined;
    let receiving: PromiseWithResolvers<[Uint8Array, Deno.Addr]> | undefined;
    return {
      send: (question: Uint8Array, to: Deno.Addr) => {
        const name = nameIn(question);
        const way = this.meet("dns");
        const saying = way?.startsWith("SERVFAIL")
          ? { code: 2 }
          : way?.startsWith("timeout")
          ? "silence"
          : this.#names[name] ?? { code: 3 };
        const bytes = way === "garbage" ? latin1Bytes("garbage") : dnsAnswer(question, saying);
        if (bytes !== undefined) answer = [bytes, to];
        return Promise.resolve(question.length);
      },
      receive: () => {
        this.activity++;
        receiving = Promise.withResolvers();
        if (answer !== undefined) receiving.resolve(answer);
        answer = undefined;
        return receiving.promise;
      },
      close: () => {
        if (!this.#open.delete(socket)) throw new Deno.errors.BadResource("Bad resource ID");
        receiving?.reject(new Deno.errors.BadResource("Bad resource ID"));
      },
    };
  };

  #newConn(
    side: "client" | "peer",
    hostname: string,
    port: number,
    script: Script,
    onSent: (conn: FaultyConn) => void,
  ): FaultyConn {
    const remote = { transport: "tcp", hostname, port } as const;
    const conn = new FaultyConn(this, side, remote, script, onSent);
    this.conns.push(conn);
    return conn;
  }
}

/** A connection of Sluice's. */
export class FaultyConn extends ScriptedTransport {
  readonly side: "client" | "peer";
  readonly remoteAddr: Deno.NetAddr;
  readonly localAddr: Deno.NetAddr = LOCAL;
  /** Whether Sluice has it. */
  isAccepted = false;
  /** Whether it is one of those that something may fail of. */
  readonly isFirst: boolean;
  /** What of {@linkcode sent} whoever answers has read. */
  taken = 0;
  /** Messages that have come whole. */
  messages = 0;
  readonly #system: FaultySystem;
  readonly #onSent: (conn: FaultyConn) => void;

  constructor(
    system: FaultySystem,
    side: "client" | "peer",
    remoteAddr: Deno.NetAddr,
    script: Script,
    onSent: (conn: FaultyConn) => void,
  ) {
    super(script);
    this.#system = system;
    this.isFirst = !system.isOver;
    this.side = side;
    this.remoteAddr = remoteAddr;
    this.#onSent = onSent;
  }

  setNoDelay(): void {}

  setKeepAlive(): void {}

  override read(into: Uint8Array): Promise<number | null> {
    const way = this.#system.meet(`${this.side} read`);
    if (way === "stall") this.interposeRead(STUCK);
    const reading = super.read(into);
    if (way === "reset") this.breakOff();
    else if (way === "end") this.interposeRead(CLOSED);
    return reading;
  }

  override async write(from: Uint8Array): Promise<number> {
    const way = this.#system.meet(`${this.side} write`);
    if (way === "EPIPE") this.breakOff();
    if (way === "stall") this.interposeWrite(STUCK);
    const written = await super.write(way === "short" ? from.subarray(0, 1) : from);
    this.#system.activity++;
    this.#onSent(this);
    return written;
  }

  override async closeWrite(): Promise<void> {
    await super.closeWrite();
    this.#system.activity++;
    this.#onSent(this);
  }

  override close(): void {
    this.#system.activity++;
    super.close();
  }
}

/** What {@linkcode Deno.listen} gives. */
class FaultyListener {
  readonly addr: Deno.NetAddr;
  readonly #system: FaultySystem;
  readonly #onClose: () => void;
  readonly #queue: FaultyConn[] = [];
  #accepting: PromiseWithResolvers<FaultyConn> | undefined;

  constructor(addr: Deno.NetAddr, system: FaultySystem, onClose: () => void) {
    this.addr = addr;
    this.#system = system;
    this.#onClose = onClose;
  }

  dial(conn: FaultyConn): void {
    this.#queue.push(conn);
    this.#play();
  }

  accept(): Promise<FaultyConn> {
    this.#accepting = Promise.withResolvers();
    const { promise } = this.#accepting;
    this.#play();
    return promise;
  }

  close(): void {
    this.#onClose();
    this.#accepting?.reject(new Deno.errors.Interrupted("operation canceled"));
  }

  #play(): void {
    const accepting = this.#accepting;
    const [conn] = this.#queue;
    if (accepting === undefined || conn === undefined) return;
    this.#accepting = undefined;
    const way = this.#system.meet("accept");
    if (way === "EMFILE") return accepting.reject(fileError(way)); // who came waits on
    this.#queue.shift();
    if (way === "ENOTCONN") {
      conn.close();
      return accepting.reject(new Deno.errors.NotConnected("Not connected (os error 107)"));
    }
    conn.isAccepted = true;
    accepting.resolve(conn);
  }
}

const FILE_ERRORS: Readonly<
  Record<string, readonly [new (message: string) => Error, string]>
> = {
  EACCES: [Deno.errors.PermissionDenied, "Permission denied (os error 13)"],
  EIO: [Error, "Input/output error (os error 5)"],
  EMFILE: [Error, "Too many open files (os error 24)"],
  EXDEV: [Error, "Invalid cross-device link (os error 18)"],
  ENOSPC: [Error, "No space left on device (os error 28)"],
};

/** As Deno says it. */
function fileError(code: string): Error {
  const [Class, message] = FILE_ERRORS[code]!;
  return Object.assign(new Class(message), { code });
}

/** The name that a DNS question asks for. */
function nameIn(question: Uint8Array): string {
  const labels: string[] = [];
  for (let at = 12; question[at] !== 0; at += question[at]! + 1) {
    labels.push(String.fromCharCode(...question.subarray(at + 1, at + 1 + question[at]!)));
  }
  return labels.join(".").toLowerCase();
}
