/** Every variable, in the same requests to a real nginx and to Sluice. */
import { assertEquals } from "@std/assert";
import { VARIABLE_NAMES } from "../../src/http/variables.ts";
import { exchange } from "../support/client.ts";
import { writeFiles } from "../support/files.ts";
import { eventually } from "../support/in_process.ts";
import { expectRequest, repeat, send, startOrigin } from "../support/origin.ts";
import { tempDir } from "../support/program.ts";
import { realServerTest, startNginx } from "../support/real_servers.ts";
import { startSluice } from "../support/sluice.ts";

/** Of families, and such as the configuration makes. */
const OTHERS = [
  ...["arg_x", "arg_y", "arg_none", "http_host", "http_x_own", "http_none", "cookie_a", "cookie_b"],
  ...["sent_http_content_type", "sent_http_content_length", "sent_http_x_up", "sent_http_location"],
  ...["sent_http_connection", "sent_http_x_added", "sent_http_none", "sent_trailer_x_end"],
  ...["upstream_http_x_up", "upstream_http_none", "upstream_cookie_s", "upstream_cookie_none"],
  ...["mapped", "made"],
];

/** Variables that nginx 1.22 has not, or that differ in their nature. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  bytes_sent: "the names of two programs are in the head",
  connection: "each counts on its own",
  connection_time: "a time",
  connections_active: "what else is connected",
  connections_reading: "what else is connected",
  connections_waiting: "what else is connected",
  connections_writing: "what else is connected",
  gzip_ratio: "there are many ways to compress a text",
  http3: "needs a module that this nginx has not",
  is_request_port: "nginx 1.29.3 and later",
  msec: "a time",
  nginx_version: "the versions of two programs",
  pid: "each has its own",
  realip_remote_port: "each connection has its own",
  remote_port: "each connection has its own",
  request_body_file: "a file of each program's own",
  request_id: "drawn at random",
  request_port: "nginx 1.29.3 and later",
  request_time: "a time",
  server_port: "two servers",
  time_iso8601: "a time",
  time_local: "a time",
  uid_got: "drawn at random",
  uid_set: "drawn at random",
  upstream_connect_time: "a time",
  upstream_failure: "nginx has no such variable",
  upstream_header_time: "a time",
  upstream_response_time: "a time",
};

const NAMES = [...VARIABLE_NAMES.filter((name) => !(name in LEFT_OUT)), ...OTHERS];

const REQUESTS: readonly string[] = [
  "GET /pass/a%20b?x=1&y=%20&&X=2 HTTP/1.1\r\nHost: vars.test:81\r\nX-Own: one\r\n" +
  "Cookie: a=1; b=two\r\nUser-Agent: u\r\nReferer: http://friend.test/\r\nX-Real-IP: 192.0.2.7\r\n",
  "POST /pass/ HTTP/1.1\r\nHost: VARS.test\r\nContent-Length: 5\r\nContent-Type: a/b\r\n" +
  "Authorization: Basic YW5uOnNlY3JldA==\r\nX-Forwarded-For: 192.0.2.9\r\nReferer: http://x/\r\n",
  "GET /uri/x//y/../z?x HTTP/1.0\r\n",
  "GET /file.txt HTTP/1.1\r\nHost: vars.test\r\nRange: bytes=1-2\r\n",
  "HEAD /file.txt? HTTP/1.1\r\nHost: other.test.\r\n",
  "GET /none HTTP/1.1\r\nHost: vars.test\r\n",
  "GET /moved HTTP/1.1\r\nHost: vars.test\r\n",
  "GET /linked/file.txt HTTP/1.1\r\nHost: vars.test\r\n",
  "GET /made/7 HTTP/1.1\r\nHost: vars.test\r\nX-Own: \xe9\r\n",
];

const ANSWER =
  "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Up: yes\r\nSet-Cookie: s=5; Path=/\r\n" +
  "Content-Length: 6\r\n\r\nanswer";

realServerTest("each variable has the value that it has in nginx", ["nginx"], async () => {
  await using dir = await tempDir();
  writeFiles(`${dir.path}/www`, { "file.txt": "a file" });
  Deno.symlinkSync(`${dir.path}/www`, `${dir.path}/linked`);
  await using origin = await startOrigin({ each: [repeat(expectRequest(), send(ANSWER))] });
  const http = (log: string, port: number) =>
    `
    log_format all escape=none '${NAMES.map((name) => `${name}=[\${${name}}]`).join("|")}';
    set_real_ip_from 127.0.0.1;
    limit_req_zone $binary_remote_addr zone=r:1m rate=1000r/s;
    limit_conn_zone $binary_remote_addr zone=c:1m;
    map $arg_x $mapped { 1 one; default other; }
    upstream app { server ${origin.address}; }
    server {
      listen 127.0.0.1:${port};
      server_name vars.test;
      access_log ${dir.path}/${log} all;
      root ${dir.path}/www;
      proxy_http_version 1.1; # the default of later versions
      proxy_set_header Connection "";
      absolute_redirect off; # the ports differ
      valid_referers *.friend.test friend.test;
      set $made "";
      add_header X-Added $scheme;
      location /pass/ { proxy_pass http://app; limit_req zone=r; limit_conn c 5; }
      location /uri/ { proxy_pass http://${origin.address}/other/; }
      location /moved { return 302 /elsewhere; }
      location /linked/ { root ${dir.path}; alias ${dir.path}/linked/; }
      location ~ ^/made/(\\d) { set $made "<$1>"; add_trailer X-End e; return 200 "$made"; }
    }`.replace(`root ${dir.path}; alias`, "alias");
  await using nginx = await startNginx(([port = 0]) => http("nginx.log", port));
  const text = `events { }\nhttp {\n${http("sluice.log", 0)}\n}\n`;
  await using sluice = await startSluice(text, { fileName: "nginx.conf" });

  for (const request of REQUESTS) {
    const body = request.startsWith("POST") ? "hello" : "";
    const method = request.slice(0, request.indexOf(" "));
    const bytes = Uint8Array.from(
      `${request}Connection: close\r\n\r\n${body}`,
      (c) => c.charCodeAt(0),
    );
    for (const { address } of [nginx, sluice]) await exchange(address, bytes, { method });
  }

  const linesOf = (name: string) => {
    const bytes = Deno.readFileSync(`${dir.path}/${name}`);
    return new TextDecoder("latin1").decode(bytes).split("\n").slice(0, -1);
  };
  await eventually("all lines", () => linesOf("sluice.log").length === REQUESTS.length);
  await eventually("nginx's lines", () => linesOf("nginx.log").length === REQUESTS.length);
  const [theirs, ours] = [linesOf("nginx.log"), linesOf("sluice.log")];
  const different = REQUESTS.flatMap((request, at) => {
    const [wanted, found] = [theirs[at]!.split("]|"), ours[at]!.split("]|")];
    return NAMES.flatMap((name, nth) => {
      // The framing of chunks counts for nginx, and is no body for Sluice (differences.ts).
      const isExcused = name === "body_bytes_sent" && request.startsWith("GET /made/");
      if (found[nth] === wanted[nth] || isExcused) return [];
      return [`${request.split("\r\n")[0]}: nginx ${wanted[nth]}], Sluice ${found[nth]}]`];
    });
  });
  assertEquals(different, []);
});
