/**
 * Programs of Node's that stand beside Sluice: an origin, and a client. What they say comes as
 * lines of JSON.
 *
 * @module
 */
import { need } from "../support/real_servers.ts";
import { within } from "../support/within.ts";

/** Reads requests on two ports; `[direct port, port for Sluice]` is its first line. */
export const NODE_ORIGIN = `
const http = require("node:http");
const say = (line) => process.stdout.write(JSON.stringify(line) + "\\n");
const known = new Map();
function start(isDirect, done) {
  const server = http.createServer({ keepAliveTimeout: 600_000, requestTimeout: 0 });
  server.httpAllowHalfOpen = true;
  // Where Node forgets a connection whose other side has ended.
  if (isDirect) server.timeout = 500;
  server.maxRequestsPerSocket = 0;
  server.on("request", (request, response) => {
    const seen = known.get(request.socket) ?? { count: 0, tag: "", port: request.socket.remotePort };
    known.set(request.socket, seen);
    const number = ++seen.count;
    const tag = seen.tag = request.headers["x-fuzz"] ?? "";
    const parts = [];
    let isTold = false;
    const tell = (isComplete) => {
      if (isTold) return;
      isTold = true;
      say({ isDirect, port: seen.port, number, tag, method: request.method, target: request.url,
        host: request.headers.host ?? "", body: Buffer.concat(parts).toString("latin1"),
        isComplete, status: isComplete ? 200 : 400 });
    };
    request.on("data", (data) => parts.push(data));
    request.on("end", () => { tell(true); response.end("ok"); });
    request.on("error", () => tell(false));
    request.on("close", () => tell(request.complete));
  });
  server.on("clientError", (error, socket) => {
    const { tag = "", port = socket.remotePort } = known.get(socket) ?? {};
    say({ isDirect, port, tag, error: error.code,
      text: (error.rawPacket ?? "").toString("latin1") });
    socket.destroy();
  });
  server.on("connection", (socket) => socket.on("close", () => known.delete(socket)));
  server.listen(0, "127.0.0.1", () => done(server.address().port));
}
start(true, (direct) => start(false, (proxied) => say([direct, proxied])));
process.stdin.resume().on("end", () => process.exit());
`;

/** Asks for what each line of its input says, and tells what it got. Its first line is "ready". */
export const NODE_CLIENT = `
const http = require("node:http");
const say = (line) => process.stdout.write(JSON.stringify(line) + "\\n");
require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, port, method, path } = JSON.parse(line);
  let isTold = false;
  const tell = (what) => { if (!isTold) { isTold = true; say({ id, ...what }); } };
  const request = http.request({ host: "127.0.0.1", port, method, path, agent: false });
  request.on("response", (response) => {
    const parts = [];
    const answer = (isComplete, error = "") => tell({ status: response.statusCode, isComplete, error,
      body: Buffer.concat(parts).toString("latin1") });
    response.on("data", (data) => parts.push(data));
    response.on("end", () => answer(response.complete));
    response.on("error", ({ code }) => setImmediate(answer, false, code));
    response.on("close", () => setImmediate(answer, response.complete));
  });
  request.on("upgrade", (response, socket) => {
    socket.destroy();
    tell({ status: 101, isComplete: false, body: "" });
  });
  request.on("error", (error) => setImmediate(tell, { status: 0, isComplete: false, body: "", error: error.code }));
  request.on("close", () => tell({ status: 0, isComplete: false, body: "" }));
  request.end();
}).on("close", () => process.exit());
say("ready");
`;

/** A program of Node's that talks in lines. It ends when its input does. */
export class NodeChild implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reading: Promise<void>;
  #lines: unknown[] = [];
  #wake = (): void => {};

  constructor(script: string) {
    this.#child = new Deno.Command(need("node"), {
      args: ["-e", script],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#reading = this.#read();
  }

  /** The lines that came since the last call, as soon as one of them, or one before, is `last`. */
  async linesThrough(isLast: (line: unknown) => boolean): Promise<unknown[]> {
    for (let at = 0;;) {
      for (; at < this.#lines.length; at++) {
        if (!isLast(this.#lines[at])) continue;
        return this.#lines.splice(0, at + 1);
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await within(promise, () => `Node to say more than ${this.#lines.length} lines`);
    }
  }

  async say(line: unknown): Promise<void> {
    await this.#input.write(new TextEncoder().encode(`${JSON.stringify(line)}\n`));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.close();
    await this.#child.status;
    await this.#reading;
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    let partial = "";
    for await (const bytes of this.#child.stdout) {
      const lines = (partial + decoder.decode(bytes, { stream: true })).split("\n");
      partial = lines.pop() ?? "";
      for (const line of lines) this.#lines.push(JSON.parse(line));
      this.#wake();
    }
  }
}
