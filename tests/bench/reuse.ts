/**
 * How many connections an origin sees behind Sluice and behind nginx, when there are more
 * clients than idle connections may be kept. The origin is nginx, the clients are h2load.
 *
 * ```sh
 * deno run -A tests/bench/reuse.ts                       # keepalive 32, 64 clients
 * deno run -A tests/bench/reuse.ts --keepalive 8 --clients 16 --rate 2000
 * ```
 *
 * @module
 */
import { parseArgs } from "node:util";
import { type Nginx, startNginx } from "../support/real_servers.ts";
import { startSluice } from "../support/sluice.ts";
import { spread } from "./stats.ts";

const { values } = parseArgs({
  options: {
    keepalive: { type: "string", default: "32" },
    clients: { type: "string", default: "64" },
    requests: { type: "string", default: "40000" },
    /** Requests a second of all clients together; 0: as many as come. */
    rate: { type: "string", default: "0" },
    rounds: { type: "string", default: "5" },
  },
});
const CLIENTS = Number(values.clients);
const KEEPALIVE = Number(values.keepalive);
const ENDLESS = 1_000_000_000;

const originConf = ([port]: readonly number[], dir: string) => `
  log_format connection "$connection";
  keepalive_requests ${ENDLESS};
  server {
    listen 127.0.0.1:${port} backlog=4096;
    access_log ${dir}/access.log connection;
    location / { return 200 "hello, world\\n"; }
  }
`;

const proxyConf = (origin: Nginx) => ([port]: readonly number[]) => `
  access_log off;
  keepalive_requests ${ENDLESS};
  upstream app { server ${origin.address}; keepalive ${KEEPALIVE}; keepalive_requests ${ENDLESS}; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / { proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; }
  }
`;

const sluiceConf = (origin: Nginx) => `
log: { access: off }
upstreams:
  app: { servers: [${origin.address}], keepalive: ${KEEPALIVE}, keepalive_requests: ${ENDLESS} }
servers:
  - listen: 127.0.0.1:0
    keepalive_requests: ${ENDLESS}
    locations: { /: { proxy: { pass: http://app } } }
`;

/** Connections that the origin has had requests on, since it was asked the last time. */
async function connectionsOf({ dir }: Nginx): Promise<number> {
  const text = await Deno.readTextFile(`${dir}/access.log`);
  await Deno.truncate(`${dir}/access.log`);
  return new Set(text.split("\n").filter((line) => line !== "")).size;
}

async function load(address: string): Promise<void> {
  const rate = Number(values.rate);
  const amount = rate > 0
    ? [`--rps=${rate / CLIENTS}`, `--duration=${Math.ceil(Number(values.requests) / rate)}`]
    : [`--requests=${values.requests}`];
  const { stdout } = await new Deno.Command("h2load", {
    args: ["--h1", `--clients=${CLIENTS}`, ...amount, `http://${address}/`],
  }).output();
  const text = new TextDecoder().decode(stdout);
  if (!text.includes(" 0 failed, 0 errored, 0 timeout")) {
    throw new Error(`Cannot use this round:\n${text}`);
  }
}

await using origin = await startNginx(originConf);
await using nginx = await startNginx(proxyConf(origin));
await using sluice = await startSluice(sluiceConf(origin));
const ratios: number[] = [];
console.log(`keepalive ${KEEPALIVE}, ${CLIENTS} clients, ${values.requests} requests a round`);
for (let round = 0; round <= Number(values.rounds); round++) {
  const seen: number[] = [];
  for (const { address } of [nginx, sluice]) {
    await load(address);
    seen.push(await connectionsOf(origin));
  }
  if (round === 0) continue; // to warm up
  const [theirs = 0, ours = 0] = seen;
  ratios.push(ours / theirs);
  console.log(`round ${round}: nginx ${theirs}, Sluice ${ours}: ${(ours / theirs).toFixed(2)}`);
}
console.log(`median of the ratios: ${spread(ratios).median.toFixed(2)}`);
