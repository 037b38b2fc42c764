import { assert, assertEquals } from "@std/assert";
import { convertConf } from "../../../src/config/convert.ts";
import { ConfigError } from "../../../src/config/problem.ts";
import { type ReadConf, readConf } from "../../../src/config/read_conf.ts";
import { isKnownVariable } from "../../../src/http/variables.ts";
import { Random } from "../../support/random.ts";

const VALID = `
worker_processes 1;
error_log stderr info;
events { worker_connections 100; use epoll; }
http {
  log_format brief escape=json '$status ' "$uri";
  access_log stdout brief buffer=8k;
  map $http_upgrade $upgraded { default upgrade; '' ""; ~^x$ y; }
  split_clients "$remote_addr" $share { 10% a; * b; }
  geo $zone { default 0; 10.0.0.0/8 1; }
  types { text/html html htm; image/png png; }
  limit_req_zone $binary_remote_addr zone=one:1m rate=5r/s;
  upstream app { least_conn; server 127.0.0.1:9001 weight=2; server unix:/a.sock backup; keepalive 4; }
  server {
    listen 127.0.0.1:8080 default_server;
    server_name a.example *.b.example "~^(?<who>.+)\\.c$";
    error_page 404 =200 /x; error_page 502 503 @down;
    add_header A "b c" always; add_header A d;
    set $x "1 2";
    if ($x = "1 2") { set $x 3; }
    location / { proxy_pass http://app; proxy_set_header Host $host; proxy_set_header A ""; }
    location ^~ /a/ { limit_req zone=one burst=2; proxy_pass http://app/b/; proxy_read_timeout 1h30m; }
    location ~* \\.(png|jpg)$ { root /srv; expires 1d; gzip on; }
    location = /r { rewrite ^/(.*)$ /$1?a=b last; return 301 https://$host$request_uri; }
    location @down { return 503 '{"a": "b"}'; }
    location /in { allow 10.0.0.0/8; deny all; auth_basic "a b"; auth_basic_user_file p; proxy_pass http://app; }
  }
}
`;

Deno.test("nginx.conf: a mutated one is read or refused with ConfigError; what is read is the same when converted", () => {
  const random = new Random(20_261_122);
  let read = 0;
  for (let round = 0; round < 600; round++) {
    const text = mutated(VALID, random);
    const conf = reading(text, "nginx.conf", round);
    if (conf === undefined) continue;
    read += 1;
    const yaml = convertConf(conf);
    const again = reading(yaml, "sluice.yaml", round);
    assert(again !== undefined, `round ${round}: the YAML is refused\n${text}\n${yaml}`);
    assertEquals(again.conf, conf.conf, `${text}\n${yaml}`);
    const back = reading(convertConf(again), "nginx.conf", round);
    assert(back !== undefined, `round ${round}: the way back is refused\n${text}\n${yaml}`);
    assertEquals(back.conf, conf.conf, `${text}\n${convertConf(again)}`);
  }
  assert(read > 150, `${read} were read`);
});

function reading(text: string, name: string, round: number): ReadConf | undefined {
  try {
    return readConf(text, name, { isKnownVariable });
  } catch (error) {
    assert(error instanceof ConfigError, `round ${round}: ${error}\n${text}`);
    const lines = text.split("\n");
    for (const { line, sourceLine, message } of error.problems) {
      assertEquals(lines[line - 1]?.replace(/\r$/, ""), sourceLine, message);
    }
    error.format();
    return undefined;
  }
}

const SNIPPETS: readonly [string, ...string[]] = [
  " ",
  "\n",
  ";",
  "{",
  "}",
  '"',
  "'",
  "#",
  "$",
  "\\",
  "on",
  "off",
  "~",
  "=",
  "5",
  "k",
  "include x;",
  "\u{1F600}",
  ",",
  ": ",
  "- ",
  "null",
  "[",
  "]",
];

/** A few cuts, copies and insertions. */
function mutated(text: string, random: Random): string {
  for (let count = random.integer(0, 2); count > 0; count--) {
    const from = random.integer(0, text.length);
    const to = Math.min(text.length, from + random.integer(0, 8));
    const at = random.integer(0, text.length);
    const kind = random.integer(0, 2);
    if (kind === 0) text = text.slice(0, from) + text.slice(to);
    else if (kind === 1) text = text.slice(0, at) + text.slice(from, to) + text.slice(at);
    else text = text.slice(0, at) + random.pick(SNIPPETS) + text.slice(at);
  }
  return text;
}
