/**
 * Configurations in the style of real ones, unchanged under a real nginx and under Sluice: the
 * same requests to both, and the responses compared byte by byte.
 */
import { assert, assertEquals } from "@std/assert";
import { freePorts } from "../support/free_ports.ts";
import { convertConf, readConf } from "../../src/config/mod.ts";
import { configFiles } from "../../src/control/config_files.ts";
import { isKnownVariable } from "../../src/http/variables.ts";
import { type Client, connect, type Response } from "../support/client.ts";
import { EndedEarly, latin1 } from "../support/inbox.ts";
import { Program, tempDir } from "../support/program.ts";
import { withRandom } from "../support/random.ts";
import { need, realServerTest } from "../support/real_servers.ts";
import { startSluice } from "../support/sluice.ts";
import { ALLOWED, EXCUSED, type Seen } from "./allowed_differences.ts";
import { type ConfigOrigin, startConfigOrigin } from "./config_origin.ts";
import { HTPASSWD, writeSite } from "./site.ts";
import { type ConfigRequest, requestsFor, TRAFFIC } from "./config_requests.ts";

const FOLDER = new URL("configs/", import.meta.url).pathname;

/** What `include mime.types` brings: nginx's own. */
const MIME_TYPES = "/etc/nginx/mime.types";

/** Requests to each configuration. */
const REQUESTS = 300;

/** More would only repeat what these say. */
const DIFFERENCES_SHOWN = 8;

for (const [name, traffic] of Object.entries(TRAFFIC)) {
  realServerTest(`configurations: ${name} answers as under nginx`, ["nginx"], async () => {
    await withRandom(async (random) => {
      await using dir = await tempDir();
      await using app = await startConfigOrigin("app");
      await using other = await startConfigOrigin("other");
      const text = await Deno.readTextFile(`${FOLDER}${name}.conf`);
      writeSite(`${dir.path}/www`);
      const place = (own: string, port: number): string => {
        Deno.copyFileSync(MIME_TYPES, `${own}/mime.types`);
        Deno.writeTextFileSync(`${own}/htpasswd`, HTPASSWD);
        return settled(text, own, `${dir.path}/www`, port, [app, other]);
      };
      const [port = 0] = freePorts(1);
      await using _nginx = await startNginxWith(place(dir.path, port), dir.path);
      await using sluice = await startSluice((own) => place(own, 0), { fileName: "nginx.conf" });
      // What the file says in YAML is to be the same too.
      const path = `${sluice.dir}/nginx.conf`;
      const read = readConf(await Deno.readTextFile(path), path, {
        isKnownVariable,
        files: configFiles,
      });
      const converted = convertConf(read);
      const again = readConf(converted, "sluice.yaml", { isKnownVariable });
      assertEquals(again.conf, read.conf, converted);
      const back = readConf(convertConf(again), "nginx.conf", { isKnownVariable });
      assertEquals(back.conf, read.conf, convertConf(again));
      await using inYaml = await startSluice(converted);
      const requests = requestsFor(traffic, random.fork(), REQUESTS);
      const differences = await compare(requests, { address: `127.0.0.1:${port}`, port }, [
        { name: "Sluice", address: sluice.address, port: sluice.ports[0] ?? 0 },
        { name: "Sluice, converted to YAML", address: inYaml.address, port: inYaml.ports[0] ?? 0 },
      ]);
      const shown = differences.slice(0, DIFFERENCES_SHOWN).join("\n\n");
      assert(differences.length === 0, `${differences.length} differences\n${shown}`);
    });
  });
}

/** The file with this machine's addresses and folders in place of those it was written for. */
function settled(
  text: string,
  dir: string,
  www: string,
  port: number,
  [app, other]: readonly [ConfigOrigin, ConfigOrigin],
): string {
  return text
    .replaceAll("127.0.0.1:8080", `127.0.0.1:${port}`)
    .replaceAll("127.0.0.1:9001", app.address)
    .replaceAll("127.0.0.1:9002", other.address)
    .replaceAll("/var/log/nginx", dir)
    .replaceAll("/srv/www", www);
}

async function startNginxWith(text: string, dir: string): Promise<Program> {
  const path = `${dir}/nginx.conf`;
  await Deno.writeTextFile(path, text);
  // Run by root, nginx would give its worker another user, who may not read the temp directory.
  const user = Deno.uid() === 0 ? "user root;" : "";
  const program = new Program({
    command: need("nginx"),
    args: ["-p", dir, "-c", path, "-e", "stderr", "-g", `daemon off; pid ${dir}/pid; ${user}`],
  });
  return program;
}

interface Side {
  readonly address: string;
  readonly port: number;
}

/** What differs, told with the request. */
async function compare(
  requests: readonly ConfigRequest[],
  nginx: Side,
  others: readonly (Side & { readonly name: string })[],
): Promise<readonly string[]> {
  await using stack = new AsyncDisposableStack();
  const theirs = stack.use(new Asker(nginx));
  const ours = others.map((side) => ({ name: side.name, asker: stack.use(new Asker(side)) }));
  const differences: string[] = [];
  for (const request of requests) {
    const expected = await theirs.ask(request);
    for (const { name, asker } of ours) {
      const actual = await asker.ask(request);
      const isExcused = EXCUSED.some(({ covers }) => covers(request.text, expected, actual));
      if (isExcused || written(expected) === written(actual)) continue;
      const texts = [request.text, written(expected), written(actual)].map(brief);
      differences.push(`${texts[0]}\n--- nginx\n${texts[1]}\n--- ${name}\n${texts[2]}`);
    }
  }
  return differences;
}

function written({ head, body }: Seen): string {
  return `${head.join("\n")}\n${body}`;
}

/** Bodies may be long. */
function brief(text: string): string {
  return text.trimEnd().replace(/(.)\1{40,}/g, "$1$1$1…").slice(0, 1500);
}

/** Asks one request after the other, on one connection as long as the server keeps it. */
class Asker implements AsyncDisposable {
  readonly #side: Side;
  #client: Client | undefined;

  constructor(side: Side) {
    this.#side = side;
  }

  async ask(request: ConfigRequest): Promise<Seen> {
    const isReused = this.#client !== undefined;
    try {
      return await this.#askOnce(request);
    } catch (error) {
      // A server may close what it had kept at any time.
      if (!isReused || !(error instanceof EndedEarly)) throw error;
      await this.#drop();
      return await this.#askOnce(request);
    }
  }

  async #askOnce({ method, text }: ConfigRequest): Promise<Seen> {
    const client = this.#client ?? await connectPatiently(this.#side.address);
    this.#client = client;
    await client.send(text);
    const response = await client.readResponse({ method });
    const isKept = response.isComplete && client.ending === undefined &&
      !/close/i.test(response.fields.get("Connection") ?? "");
    if (!isKept) await this.#drop();
    return this.#seen(response, isKept);
  }

  #seen(response: Response, isKept: boolean): Seen {
    const port = (text: string) => text.replaceAll(`${this.#side.port}`, "PORT");
    const head = response.text.trimEnd().split("\r\n").map(port);
    let seen: Seen = { head, body: latin1(response.body) };
    for (const { alike } of ALLOWED) seen = alike(seen);
    const ending = `(${response.framing}, ${isKept ? "kept" : "closed"})`;
    return { head: [...seen.head, ending], body: port(seen.body) };
  }

  async #drop(): Promise<void> {
    await this.#client?.[Symbol.asyncDispose]();
    this.#client = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#drop();
  }
}

/** nginx says nowhere that it listens. */
async function connectPatiently(address: string): Promise<Client> {
  for (let triesLeft = 200;; triesLeft--) {
    try {
      return await connect(address);
    } catch (error) {
      if (triesLeft === 0) throw error;
      await new Promise<void>((resolve) => setTimeout(resolve, 20));
    }
  }
}
