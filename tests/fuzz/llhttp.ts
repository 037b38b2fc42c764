/**
 * HTTP/1 as `undici` reads it: its own llhttp, fed with bytes.
 *
 * @module
 */
import wasm from "undici/lib/llhttp/llhttp_simd-wasm.js";

/** A message as llhttp understands it. All texts have one character a byte. */
export interface LlhttpMessage {
  /** Of a request. */
  readonly method: string;
  /** Of a request. */
  readonly target: string;
  /** Of a response. */
  readonly status: number;
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly trailers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
  /** Whether its head came to its end. */
  readonly hasHead: boolean;
  /** Whether all of it came. */
  readonly isComplete: boolean;
  /** Of those that are complete: whether another one may follow. */
  readonly keepsAlive: boolean;
}

/** What llhttp tells by calling back: places in its own memory, and numbers. */
interface Exports {
  readonly memory: WebAssembly.Memory;
  _initialize(): void;
  malloc(size: number): number;
  llhttp_alloc(type: number): number;
  llhttp_free(parser: number): void;
  llhttp_execute(parser: number, at: number, length: number): number;
  llhttp_finish(parser: number): number;
  llhttp_resume_after_upgrade(parser: number): void;
  llhttp_get_method(parser: number): number;
  llhttp_method_name(method: number): number;
  llhttp_get_error_pos(parser: number): number;
  llhttp_errno_name(error: number): number;
}

const TYPES = { request: 1, response: 2 } as const;
const OK = 0;
const PAUSED_UPGRADE = 22;
/** What `on_headers_complete` answers: go on, or that there is no body whatever the fields say. */
const GO_ON = 0;
const NO_BODY = 1;
/** More than is ever fed at once is fed in pieces. */
const ROOM_BYTES = 1 << 17;

class Message implements LlhttpMessage {
  method = "";
  target = "";
  status = 0;
  readonly fields: [string, string][] = [];
  readonly trailers: [string, string][] = [];
  body = "";
  hasHead = false;
  isComplete = false;
  keepsAlive = false;
}

let current: LlhttpReader;
/** The text of the bytes that are being fed. */
let fed = "";

const llhttp = new WebAssembly.Instance(new WebAssembly.Module(wasm), {
  env: {
    wasm_on_message_begin: () => current.onBegin(),
    wasm_on_url: (_: number, at: number, length: number) => {
      current.message.target += textAt(at, length);
      return GO_ON;
    },
    wasm_on_status: () => GO_ON,
    wasm_on_header_field: (_: number, at: number, length: number) =>
      current.onName(textAt(at, length)),
    wasm_on_header_value: (_: number, at: number, length: number) =>
      current.onValue(textAt(at, length)),
    wasm_on_headers_complete: (_: number, status: number, _upgrade: number, keepsAlive: number) =>
      current.onHead(status, keepsAlive === 1),
    wasm_on_body: (_: number, at: number, length: number) => {
      current.message.body += textAt(at, length);
      return GO_ON;
    },
    wasm_on_message_complete: () => current.onComplete(),
  },
}).exports as unknown as Exports;
llhttp._initialize();
const room = llhttp.malloc(ROOM_BYTES);
const methods = new Map<number, string>();
const errors = new Map<number, string>();

const ENCODER = new TextEncoder();
const BEYOND_ASCII = /[\x80-\xff]/;

/** Reads what one connection carries in one direction. {@linkcode free} it. */
export class LlhttpReader {
  /** What came so far; the last one may be incomplete. */
  readonly messages: LlhttpMessage[] = [];
  /** What was wrong, in llhttp's words; nothing is read any more then. */
  error: string | undefined;
  /** Told of each message when it is complete; must not feed anybody. */
  onMessage: ((message: LlhttpMessage) => void) | undefined;
  /** The one that is being read, for the callbacks. */
  message = new Message();
  readonly #parser: number;
  /** The method that the response with a number, from 0, answers. */
  readonly #methodOf: (response: number) => string | undefined;
  #isName = false;

  constructor(
    kind: keyof typeof TYPES,
    methodOf: (response: number) => string | undefined = () => undefined,
  ) {
    this.#parser = llhttp.llhttp_alloc(TYPES[kind]);
    this.#methodOf = methodOf;
  }

  /** Reads on. @param text One character a byte. */
  feed(text: string): void {
    for (let at = 0; at < text.length && this.error === undefined; at += ROOM_BYTES) {
      this.#feed(text.length <= ROOM_BYTES ? text : text.slice(at, at + ROOM_BYTES));
    }
  }

  /** The connection has come to its end. */
  finish(): void {
    if (this.error !== undefined) return;
    current = this;
    const result = llhttp.llhttp_finish(this.#parser);
    if (result !== OK) this.error = errorName(result);
  }

  free(): void {
    llhttp.llhttp_free(this.#parser);
  }

  onBegin(): number {
    this.message = new Message();
    this.messages.push(this.message);
    this.#isName = false;
    return GO_ON;
  }

  onName(text: string): number {
    const { fields, trailers, hasHead } = this.message;
    const list = hasHead ? trailers : fields;
    if (this.#isName) list[list.length - 1]![0] += text;
    else list.push([text, ""]);
    this.#isName = true;
    return GO_ON;
  }

  onValue(text: string): number {
    const { fields, trailers, hasHead } = this.message;
    const list = hasHead ? trailers : fields;
    list[list.length - 1]![1] += text;
    this.#isName = false;
    return GO_ON;
  }

  onHead(status: number, keepsAlive: boolean): number {
    const { message } = this;
    message.status = status;
    message.hasHead = true;
    message.keepsAlive = keepsAlive;
    for (const field of message.fields) field[1] = trimmed(field[1]);
    this.#isName = false;
    if (status === 0) message.method = methodOf(this.#parser);
    else if (status >= 200) {
      const answered = this.messages.filter((one) => one.status >= 200).length - 1;
      if (this.#methodOf(answered) === "HEAD") return NO_BODY;
    }
    return GO_ON;
  }

  onComplete(): number {
    this.message.isComplete = true;
    this.onMessage?.(this.message);
    return GO_ON;
  }

  #feed(text: string): void {
    const bytes = new Uint8Array(llhttp.memory.buffer, room, text.length);
    if (BEYOND_ASCII.test(text)) {
      for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
    } else {
      ENCODER.encodeInto(text, bytes);
    }
    current = this;
    fed = text;
    let start = 0;
    let result = llhttp.llhttp_execute(this.#parser, room, text.length);
    while (result === PAUSED_UPGRADE) {
      // As Node does where nobody asked for upgrades.
      start = llhttp.llhttp_get_error_pos(this.#parser) - room;
      llhttp.llhttp_resume_after_upgrade(this.#parser);
      result = llhttp.llhttp_execute(this.#parser, room + start, text.length - start);
    }
    if (result !== OK) this.error = errorName(result);
  }
}

/** Spaces and tabs at the end of a value are no part of it; llhttp leaves that to its callers. */
function trimmed(value: string): string {
  const last = value.charCodeAt(value.length - 1);
  return last === 0x20 || last === 0x09 ? value.replace(/[ \t]+$/, "") : value;
}

/** What lies at a place in the bytes that are being fed. */
function textAt(at: number, length: number): string {
  return fed.slice(at - room, at - room + length);
}

function methodOf(parser: number): string {
  return nameOf(llhttp.llhttp_get_method(parser), methods, llhttp.llhttp_method_name);
}

function errorName(error: number): string {
  return nameOf(error, errors, llhttp.llhttp_errno_name);
}

/** @param find Says where its name is. */
function nameOf(
  number: number,
  known: Map<number, string>,
  find: (number: number) => number,
): string {
  const name = known.get(number) ?? stringAt(find(number));
  known.set(number, name);
  return name;
}

/** A string of C. */
function stringAt(at: number): string {
  const memory = new Uint8Array(llhttp.memory.buffer);
  return new TextDecoder().decode(memory.subarray(at, memory.indexOf(0, at)));
}
