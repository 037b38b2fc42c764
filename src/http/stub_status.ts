/**
 * `stub_status`: how many connections there are, in nginx's very text.
 *
 * @module
 */
import { bytesOf } from "../wire/mod.ts";
import { refuse, sendOwn } from "./redirect.ts";
import type { Request } from "./request.ts";
import type { Handler } from "./worker.ts";

/** Connections to clients of a worker, right now and since its start. */
export interface ConnectionNumbers {
  readonly accepted: number;
  readonly requests: number;
  readonly reading: number;
  readonly writing: number;
  readonly waiting: number;
}

const NONE: ConnectionNumbers = { accepted: 0, requests: 0, reading: 0, writing: 0, waiting: 0 };
const METHOD_NOT_ALLOWED = 405;

export class StubStatus implements Handler {
  handle(request: Request): void {
    if (!isGetOrHead(request)) return refuse(request, METHOD_NOT_ALLOWED);
    const { accepted, requests, reading, writing, waiting } = numbersOf(request);
    const active = reading + writing + waiting;
    const text = `Active connections: ${active} \nserver accepts handled requests\n` +
      ` ${accepted} ${accepted} ${requests} \n` +
      `Reading: ${reading} Writing: ${writing} Waiting: ${waiting} \n`;
    sendOwn(request, { status: 200, body: bytesOf(text), contentType: "text/plain" });
  }
}

/** Its time grows with the connections: some 10 ms for 100,000. */
function numbersOf({ worker }: Request): ConnectionNumbers {
  return worker.connectionNumbers?.() ?? NONE;
}

/** Of `$connections_NAME`. */
export function connectionsVariable(
  name: "active" | "reading" | "writing" | "waiting",
): (request: Request) => string {
  return (request) => {
    const numbers = numbersOf(request);
    if (name !== "active") return String(numbers[name]);
    return String(numbers.reading + numbers.writing + numbers.waiting);
  };
}

/** What pages of our own are asked with; others are 405, as in nginx. */
export function isGetOrHead({ method }: Request): boolean {
  return method === "GET" || method === "HEAD";
}
