/**
 * Sends every message of the table to the programs that are installed here, and writes what
 * each did with it to `deploy/strictness.md`.
 *
 * `deno run -A tests/conformance/hostile/survey.ts`; needs nginx, haproxy and node.
 *
 * @module
 */
import { freePorts } from "../../support/free_ports.ts";
import { Program, tempDir } from "../../support/program.ts";
import { startSluice } from "../../support/sluice.ts";
import { HOSTILE_REQUESTS, HOSTILE_RESPONSES } from "./messages.ts";

const OUTPUT = new URL("../../../deploy/strictness.md", import.meta.url).pathname;
/** How long a program may think before what it did counts as nothing. */
const PATIENCE_MS = 700;
const ANSWER = latin1("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");

/** A program in front of an origin. */
interface Subject {
  readonly name: string;
  readonly port: number;
  /** Node has no proxy: it is asked as a server, and as a client of its origin. */
  readonly isProxy: boolean;
  readonly origin: RawOrigin;
}

/** An origin that answers with `response`, and counts those who came. */
class RawOrigin {
  response = ANSWER;
  connections = 0;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });

  constructor() {
    this.#run();
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  close(): void {
    this.#listener.close();
  }

  async #run(): Promise<void> {
    while (true) {
      let conn: Deno.TcpConn;
      try {
        conn = await this.#listener.accept();
      } catch (error) {
        if (error instanceof Deno.errors.BadResource) return; // closed
        continue; // somebody who came and was gone
      }
      this.connections++;
      this.#serve(conn).catch(() => {}).finally(() => close(conn));
    }
  }

  async #serve(conn: Deno.TcpConn): Promise<void> {
    const bytes = new Uint8Array(65_536);
    if (await conn.read(bytes) === null) return;
    for (let at = 0; at < this.response.length;) {
      at += await conn.write(this.response.subarray(at));
    }
    // Whoever reads to the end of the connection gets that end.
    await conn.closeWrite();
    while (await conn.read(bytes) !== null);
  }
}

function close(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // it has ended itself
  }
}

function latin1(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (unit) => unit.charCodeAt(0));
}

/** What comes back for `bytes` until the end or until nothing more comes. */
async function ask(port: number, bytes: string): Promise<string> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  const timer = setTimeout(() => close(conn), PATIENCE_MS);
  let answer = "";
  try {
    // A refusal may come, and the connection end, before all is written.
    const writing = (async () => {
      const data = latin1(bytes);
      for (let at = 0; at < data.length;) at += await conn.write(data.subarray(at));
    })().catch(() => {});
    const into = new Uint8Array(65_536);
    for (let count; (count = await conn.read(into)) !== null;) {
      answer += String.fromCharCode(...into.subarray(0, count));
    }
    await writing;
  } catch {
    // reset, or out of patience: what has come counts
  } finally {
    clearTimeout(timer);
    close(conn);
  }
  return answer;
}

function statusesOf(answer: string): readonly string[] {
  return Array.from(answer.matchAll(/HTTP\/1\.[01] (\d{3})/g), ([, status]) => status!);
}

async function requestColumn({ port, origin, isProxy }: Subject): Promise<string[]> {
  const results: string[] = [];
  for (const { bytes } of HOSTILE_REQUESTS) {
    origin.connections = 0;
    origin.response = ANSWER;
    const statuses = statusesOf(await ask(port, bytes));
    const isPassed = isProxy ? origin.connections > 0 : statuses[0] === "200";
    const status = statuses.length === 0 ? "no answer" : statuses.join(", ");
    results.push(isPassed ? `**passed** (${status})` : status);
  }
  return results;
}

async function responseColumn({ port, origin, isProxy }: Subject): Promise<string[]> {
  const results: string[] = [];
  for (const { bytes } of HOSTILE_RESPONSES) {
    origin.response = latin1(bytes);
    if (!isProxy) {
      results.push(await askAsNode(origin.port));
      continue;
    }
    const answer = await ask(port, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    const [status] = statusesOf(answer);
    if (status === undefined) results.push(answer === "" ? "closed" : "**passed** as HTTP/0.9");
    else if (status === "502") results.push(status);
    else results.push(`${status}, ${isWhole(answer) ? "**whole**" : "cut"}`);
  }
  return results;
}

/** Whether a client takes this for a complete response. */
function isWhole(answer: string): boolean {
  const end = answer.indexOf("\r\n\r\n");
  const head = answer.slice(0, end);
  const body = answer.slice(end + 4);
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (/\r\ntransfer-encoding:/i.test(head)) return body.endsWith("0\r\n\r\n");
  return length === undefined || body.length >= Number(length);
}

/** What Node's client makes of a response. */
async function askAsNode(port: number): Promise<string> {
  const script = `require("http").get({port:${port},host:"127.0.0.1",agent:false},(r)=>{` +
    `r.on("error",()=>console.log(r.statusCode+", cut"));r.on("data",()=>{});` +
    `r.on("end",()=>console.log(r.statusCode+(r.complete?", **whole**":", cut")))` +
    `}).on("error",(e)=>console.log("refused")).on("upgrade",(r,s)=>{console.log("101");s.destroy()})` +
    `.setTimeout(${PATIENCE_MS},function(){console.log("no answer");this.destroy()})`;
  const { stdout } = await new Deno.Command("node", { args: ["-e", script] }).output();
  return new TextDecoder().decode(stdout).trim().split("\n")[0] ?? "";
}

const NODE_SERVER = `require("http").createServer((q,r)=>{q.resume();q.on("end",()=>{` +
  `r.setHeader("Content-Length",2);r.end("ok")})}).listen(PORT,"127.0.0.1")`;

async function main(): Promise<void> {
  await using folder = await tempDir();
  await using programs = new AsyncDisposableStack();
  const origins = Array.from({ length: 4 }, () => new RawOrigin());
  const [forSluice, forNginx, forHaproxy, forNode] = origins as [
    RawOrigin,
    RawOrigin,
    RawOrigin,
    RawOrigin,
  ];
  try {
    const [nginxPort, haproxyPort, nodePort] = freePorts(3) as [number, number, number];
    const sluice = programs.use(
      await startSluice(`
servers:
  - listen: 127.0.0.1:0
    locations: { /: { proxy: { pass: "http://127.0.0.1:${forSluice.port}" } } }
`),
    );
    const nginxConf = `${folder.path}/nginx.conf`;
    const temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
      .map((name) => `${name}_temp_path ${folder.path}/${name};`).join(" ");
    await Deno.writeTextFile(
      nginxConf,
      `daemon off; pid ${folder.path}/nginx.pid; error_log ${folder.path}/error.log; events {}
http { access_log off; ${temp} server { listen 127.0.0.1:${nginxPort}; location / {
proxy_pass http://127.0.0.1:${forNginx.port}; proxy_http_version 1.1; } } }`,
    );
    const haproxyConf = `${folder.path}/haproxy.cfg`;
    await Deno.writeTextFile(
      haproxyConf,
      `defaults
  mode http
  timeout connect 5s
  timeout client 5s
  timeout server 5s
listen all
  bind 127.0.0.1:${haproxyPort}
  server origin 127.0.0.1:${forHaproxy.port}
`,
    );
    const nodeServer = NODE_SERVER.replace("PORT", String(nodePort));
    programs.use(new Program({ command: "nginx", args: ["-p", folder.path, "-c", nginxConf] }));
    programs.use(new Program({ command: "haproxy", args: ["-db", "-f", haproxyConf] }));
    programs.use(new Program({ command: "node", args: ["-e", nodeServer] }));
    const sluicePort = Number(sluice.address.split(":").pop());
    const subjects: readonly Subject[] = [
      { name: "Sluice", port: sluicePort, isProxy: true, origin: forSluice },
      { name: "nginx", port: nginxPort, isProxy: true, origin: forNginx },
      { name: "HAProxy", port: haproxyPort, isProxy: true, origin: forHaproxy },
      { name: "Node", port: nodePort, isProxy: false, origin: forNode },
    ];
    for (const { port } of subjects) await reachable(port);
    const requests = await Promise.all(subjects.map(requestColumn));
    const responses = await Promise.all(subjects.map(responseColumn));
    await Deno.writeTextFile(OUTPUT, await page(requests, responses));
    await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", OUTPUT] }).output();
  } finally {
    for (const origin of origins) origin.close();
  }
}

/** Waits until somebody listens. */
async function reachable(port: number): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    try {
      close(await Deno.connect({ hostname: "127.0.0.1", port }));
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  throw new Error(`Cannot reach port ${port}: nobody listens after 5 s`);
}

async function page(
  requests: readonly (readonly string[])[],
  responses: readonly (readonly string[])[],
): Promise<string> {
  const versions = await Promise.all([
    version("nginx", "-v"),
    version("haproxy", "-v"),
    version("node", "--version"),
  ]);
  const table = (
    rows: readonly { readonly name: string; readonly rule: string }[],
    columns: readonly (readonly string[])[],
  ): string =>
    [
      "| message | rule | Sluice | nginx | HAProxy | Node |",
      "| --- | --- | --- | --- | --- | --- |",
      ...rows.map(({ name, rule }, index) =>
        `| ${name} | ${rule} | ${columns.map((column) => column[index]).join(" | ")} |`
      ),
    ].join("\n");
  return `# What is let through

Written by \`deno run -A tests/conformance/hostile/survey.ts\`, which sends every message of
\`tests/conformance/hostile/messages.ts\` to the real programs with their default configurations:
Sluice, ${versions.join(", ")}. \`tests/conformance/hostile_test.ts\` holds Sluice's column in CI.

## Requests

The statuses that the client got; **passed**: the origin was connected to and saw the request, or
something made of it (Node, which is no proxy: its server took the request).

${table(HOSTILE_REQUESTS, requests)}

## Responses

The status that the client got for a \`GET\`, and whether what followed looks complete to a client
(**whole**) or not (cut). Node was the client of the origin.

${table(HOSTILE_RESPONSES, responses)}
`;
}

/** The first line that says which version a program is. */
async function version(program: string, flag: string): Promise<string> {
  const { stdout, stderr } = await new Deno.Command(program, { args: [flag] }).output();
  const text = new TextDecoder().decode(stdout.length > 0 ? stdout : stderr);
  return `${program} ${/\d+\.\d+\.\d+/.exec(text)?.[0] ?? text.trim()}`;
}

if (import.meta.main) await main();
