/**
 * What a site has besides `proxy_pass`: one nginx.conf that nginx and Sluice run unchanged,
 * and the features of it that can be left out to see what they cost.
 *
 * @module
 */
import type { Feature } from "./workloads.ts";

/** What the two programs are told apart by: each has these three files beside its `site.conf`. */
export interface OwnParts {
  readonly main: string;
  readonly http: string;
  readonly server: string;
}

/** What both are told alike. */
export interface SiteOptions {
  /** `host:port` of the origin. */
  readonly upstream: string;
  /** Idle connections to the origin that may be kept. */
  readonly keepalive: number;
  readonly features: ReadonlySet<Feature>;
}

const ENDLESS = 1_000_000_000;
const WORKER_CONNECTIONS = 20_000;

const COMBINED = '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent ' +
  '"$http_referer" "$http_user_agent"';

const MAPS = `
  map $http_user_agent $client_kind {
    default other;
    "" none;
    ~*(bot|crawl|spider) robot;
    ~Mozilla browser;
  }
  map $host $tenant {
    hostnames;
    default main;
    .example.org example;
    shop.* shop;
  }
  map $uri $cache_rule {
    default no-store;
    /small "public, max-age=60";
    ~*\\.(?:css|js|svg|woff2)$ "public, max-age=31536000, immutable";
  }`;

/**
 * Writes `site.conf` and the program's own parts into `folder`. Returns the path of the first.
 * The limit is one that no load reaches: what is measured is the counting.
 */
export async function writeSite(
  folder: string,
  options: SiteOptions,
  own: OwnParts,
): Promise<string> {
  for (const [name, text] of Object.entries(own)) {
    await Deno.writeTextFile(`${folder}/own_${name}.conf`, text);
  }
  const path = `${folder}/site.conf`;
  await Deno.writeTextFile(path, siteConf(options));
  return path;
}

function siteConf({ upstream, keepalive, features }: SiteOptions): string {
  const where = (feature: Feature, text: string) => features.has(feature) ? text : "";
  const hasMaps = features.has("maps");
  const kinds = hasMaps ? " $tenant $client_kind" : "";
  return `
daemon off;
worker_processes 1;
worker_rlimit_nofile ${WORKER_CONNECTIONS};
pid site.pid;
error_log stderr error;
include own_main.conf;
events { worker_connections ${WORKER_CONNECTIONS}; }
http {
  include own_http.conf;
  keepalive_requests ${ENDLESS};
  client_max_body_size 0;
  log_format site '${COMBINED}${kinds}';
  access_log ${features.has("access-log") ? "access.log site buffer=64k flush=1s" : "off"};
  ${where("maps", MAPS)}
  ${where("limit-req", "limit_req_zone $binary_remote_addr zone=all:10m rate=1000000r/s;")}
  upstream app {
    server ${upstream};
    keepalive ${keepalive};
    keepalive_requests ${ENDLESS};
  }
  server {
    include own_server.conf;
    location / {
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      ${where("limit-req", "limit_req zone=all burst=100000 nodelay;")}
      ${where("add-header", `add_header Cache-Control ${hasMaps ? "$cache_rule" : "no-store"};`)}
    }
  }
}
`;
}
