/**
 * The configurations of the soak: the places that clients ask for, in front of good and bad
 * origins. Each number is another configuration, and says so in every answer.
 *
 * @module
 */

/** What a configuration is made of. */
export interface SoakConf {
  /** Holds logs, temporary files and sockets. */
  readonly dir: string;
  /** `buffer_memory`. */
  readonly bufferMemory: string;
  /** Where an origin is. */
  readonly address: (name: string) => string;
}

/** The header that tells which configuration has answered. */
export const CONF_HEADER = "X-Conf";

/** What a configuration that has to be refused is refused for. */
export const MISTAKE = "soak_mistake";

/** Attempts of requests to groups of which one peer is killed, for {@linkcode readPairLog}. */
const PAIR_FORMAT = "$request_method $arg_m $status $upstream_bytes_sent $upstream_addr";

/** What differs from one to the next is cheap to see and to get wrong: peers, buffers, files. */
export function configOf(number: number, { dir, bufferMemory, address }: SoakConf): string {
  const turn = (...choices: readonly [string, ...string[]]): string =>
    choices[number % choices.length]!;
  const bad = (name: string, settings = "") => `
      /${name}/: { proxy: { pass: "http://${name}"${settings} } }`;
  const alone = (name: string) => `
  ${name}: { servers: [{ address: "${address(name)}", max_fails: 0 }], keepalive: 8 }`;
  const single = ["slow", "silent", "reset", "early", "garbage", "short", "half", "extra"];
  return `
log:
  access: { path: ${dir}/access${turn("", "2")}.log }
  error: { path: ${dir}/error.log, level: info }
  formats: { pair: '${PAIR_FORMAT}' }
admin: { listen: 127.0.0.1:0 }
buffer_memory: ${bufferMemory}
client_max_body_size: 0
client_body_temp_path: ${dir}/temp
proxy: { temp_path: ${dir}/temp }
client_header_timeout: 10s
client_body_timeout: 10s
keepalive_timeout: 4s
send_timeout: 20s
lingering_timeout: 1s
lingering_time: 5s
upstreams:
  good:
    servers: [{ address: "${address("good1")}", weight: ${turn("1", "2", "3")} }, "${
    address("good2")
  }"]
    keepalive: ${turn("16", "12", "16", "20")}
    keepalive_timeout: 5s
    balance: ${turn("round_robin", "least_conn", "random", "ewma")}
  stale: { servers: [{ address: "${address("stale")}", max_fails: 0 }], keepalive: 8 }
  dying: { servers: [{ address: "${address("dying")}", max_fails: 0 }], keepalive: 8 }
  pair:
    servers:
      - { address: "${address("mortal1")}", fail_timeout: 1s }
      - { address: "${address("mortal2")}", fail_timeout: 1s }
    keepalive: 8
    balance: ${turn("round_robin", "round_robin", "least_conn")}
  mixed:
    servers:
      - "${address("good1")}"
      - { address: "${address("reset")}", max_fails: 0 }
      - { address: "${address("early")}", max_fails: 3, fail_timeout: 1s }
      - { address: "${address("garbage")}", max_fails: 0 }
    keepalive: 8${single.map(alone).join("")}
servers:
  - listen: 127.0.0.1:0
    add_header: { ${CONF_HEADER}: "${number}" }
    locations:
      /good/: { proxy: { pass: "http://good" } }
      /stream/: { proxy: { pass: "http://good", buffering: off, request_buffering: off } }
      /notemp/: { proxy: { pass: "http://good", max_temp_file_size: 0, buffers: "${
    turn("4 8k", "8 4k")
  }" } }
      /tiny/: { proxy: { pass: "http://good", buffer_size: 1k, buffers: "2 4k", busy_buffers_size: 4k }, client_body_buffer_size: 1k }
      /cyclic/: { proxy: { pass: "http://good", cyclic_temp_file: on, buffers: "4 4k" } }
      /v10/: { proxy: { pass: "http://good", http_version: "1.0" } }
      /rate/: { proxy: { pass: "http://good" }, limit_rate: 400k, limit_rate_after: 50k }
      /infile/: { proxy: { pass: "http://good" }, client_body_in_file_only: clean }
      /inrate/: { proxy: { pass: "http://good", limit_rate: 400k } }
      /accel/: { proxy: { pass: "http://good" } }
      /ws/: { proxy: { pass: "http://good", read_timeout: 5s, set_header: { Connection: upgrade, Upgrade: $http_upgrade } } }
      /authed/: { proxy: { pass: "http://good" }, auth_request: /auth, mirror: /shadow, client_body_buffer_size: 32k }
      "= /auth": { proxy: { pass: "http://good", pass_request_body: off }, internal: on }
      "= /shadow": { proxy: { pass: "http://reset" }, internal: on }
      /pair/: { proxy: { pass: "http://pair" }, log: { access: { path: ${dir}/pair.log, format: pair } } }${
    single.filter((name) => name !== "garbage" && name !== "silent").map((name) => bad(name)).join(
      "",
    )
  }${bad("garbage", ", next_upstream: off")}${bad("silent", ", read_timeout: 1s")}${bad("stale")}${
    bad("dying")
  }${bad("mixed", ", next_upstream: [error, timeout, invalid_header]")}${
    number % 2 === 0 ? "" : `
  - listen: unix:${dir}/extra.sock
    return: 204`
  }
`;
}
