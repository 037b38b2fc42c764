/**
 * Two real origins that write down what they read, each on a port for Sluice and on one for
 * clients that come to it directly.
 *
 * @module
 */
import { eventually } from "../support/in_process.ts";
import { type Nginx, startNginx } from "../support/real_servers.ts";
import { NODE_ORIGIN, NodeChild } from "./children.ts";

/** One request as an origin read it, or what it could not read. */
export interface OriginReading {
  readonly origin: string;
  readonly isDirect: boolean;
  /** The port from which it came. */
  readonly port: number;
  /** Its place on its connection, counted from 1. */
  readonly number: number;
  /** The field `X-Fuzz`, in which Sluice says which request it is. */
  readonly tag: string;
  readonly method: string;
  readonly target: string;
  readonly host: string;
  /** One character a byte. */
  readonly body: string;
  readonly status: number;
  /** Whether all of its body came. */
  readonly isComplete: boolean;
  /** Why it could not be read. */
  readonly error: string;
  /** What could not be read, where that is known. */
  readonly text: string;
}

/** A program that reads requests. */
export interface Origin extends AsyncDisposable {
  readonly name: string;
  readonly directPort: number;
  readonly proxiedPort: number;
  /** What it read since the last call, through the request for `sentinel` on its direct port. */
  readingsThrough(sentinel: string): Promise<OriginReading[]>;
  /** What it said last of what is wrong, for people. */
  complaints(): string;
}

/** nginx, which passes what it reads to itself, because it reads bodies only for others. */
export class NginxOrigin implements Origin {
  readonly name = "nginx";
  readonly directPort: number;
  readonly proxiedPort: number;
  readonly #nginx: Nginx;
  #read = 0;

  private constructor(nginx: Nginx) {
    this.#nginx = nginx;
    [this.directPort, this.proxiedPort] = nginx.ports as [number, number];
  }

  static async start(): Promise<NginxOrigin> {
    const nginx = await startNginx((ports, dir) => nginxHttp(ports, dir), { ports: 2 });
    return new NginxOrigin(nginx);
  }

  async readingsThrough(sentinel: string): Promise<OriginReading[]> {
    let text = "";
    await eventually(`nginx to log ${sentinel}`, () => {
      text += this.#more();
      const at = text.indexOf(`\t${sentinel}\t`);
      return at >= 0 && text.includes("\n", at);
    });
    const lines = text.split("\n");
    // A line that is still being written is for the next time.
    this.#read -= lines.pop()!.length;
    return lines.map((line) => this.#reading(line));
  }

  /** What has been written to its log since the last call. */
  #more(): string {
    using log = Deno.openSync(`${this.#nginx.dir}/requests.log`);
    const bytes = new Uint8Array(log.statSync().size - this.#read);
    log.seekSync(this.#read, Deno.SeekMode.Start);
    const count = log.readSync(bytes) ?? 0;
    this.#read += count;
    return new TextDecoder("latin1").decode(bytes.subarray(0, count));
  }

  complaints(): string {
    const lines = Deno.readTextFileSync(`${this.#nginx.dir}/error.log`).split("\n");
    return lines.filter((line) => line.includes("client sent")).slice(-1).join("\n");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#nginx[Symbol.asyncDispose]();
  }

  #reading(line: string): OriginReading {
    const [server, port, number, tag = "", method = "", target = "", host = "", body, status] = line
      .split("\t");
    return {
      origin: this.name,
      isDirect: Number(server) === this.directPort,
      port: Number(port),
      number: Number(number),
      tag: logged(tag),
      method: loggedMethod(method, target),
      target: logged(target),
      host: logged(host),
      body: logged(body ?? ""),
      status: Number(status),
      // With a condition in the request its answer may be another than 200.
      isComplete: /^(?:200|206|304|412|416)$/.test(status ?? ""),
      error: status === "400" ? "400" : "",
      text: "",
    };
  }
}

/** Node's own HTTP server. */
export class NodeOrigin implements Origin {
  readonly name = "Node";
  readonly directPort: number;
  readonly proxiedPort: number;
  readonly #child: NodeChild;

  private constructor(child: NodeChild, ports: readonly number[]) {
    this.#child = child;
    [this.directPort, this.proxiedPort] = ports as [number, number];
  }

  static async start(): Promise<NodeOrigin> {
    const child = new NodeChild(NODE_ORIGIN);
    const [ports] = await child.linesThrough(() => true);
    return new NodeOrigin(child, ports as number[]);
  }

  async readingsThrough(sentinel: string): Promise<OriginReading[]> {
    const lines = await this.#child.linesThrough((line) =>
      (line as Partial<OriginReading>).target === sentinel
    );
    return lines.map((line) => ({
      origin: this.name,
      number: 0,
      tag: "",
      method: "",
      target: "",
      host: "",
      body: "",
      status: 400,
      isComplete: false,
      error: "",
      text: "",
      ...line as Pick<OriginReading, "isDirect" | "port">,
    }));
  }

  complaints(): string {
    return "";
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#child[Symbol.asyncDispose]();
  }
}

/** What a log line means by one of its values: nothing is "-", and bytes may be `\xXX`. */
export function logged(value: string): string {
  if (value === "-") return "";
  return value.replace(
    /\\x([0-9A-F]{2})/g,
    (_, digits: string) => String.fromCharCode(parseInt(digits, 16)),
  );
}

/** Likewise of a method: one that is "-" has a target. */
export function loggedMethod(method: string, target: string): string {
  return target === "-" ? logged(method) : method;
}

/** @param ports The direct one, and Sluice's. */
function nginxHttp([direct, proxied]: readonly number[], dir: string): string {
  const line = [
    "server_port",
    "remote_port",
    "connection_requests",
    "http_x_fuzz",
    "request_method",
    "request_uri",
    "http_host",
    "request_body",
    "status",
  ].map((name) => `$${name}`).join("\t");
  return `
  error_log ${dir}/error.log info;
  log_format readings "${line}";
  client_body_buffer_size 1m;
  client_body_in_single_buffer on;
  client_max_body_size 0;
  keepalive_requests 1000000;
  keepalive_timeout 600s;
  server {
    listen 127.0.0.1:${direct};
    listen 127.0.0.1:${proxied};
    access_log ${dir}/requests.log readings;
    location / {
      proxy_ignore_client_abort on;
      proxy_pass http://unix:${dir}/inner.sock;
    }
  }
  server { listen unix:${dir}/inner.sock; return 200 "ok"; }`;
}
