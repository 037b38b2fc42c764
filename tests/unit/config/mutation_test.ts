import { assert } from "@std/assert";
import { ConfigError } from "../../../src/config/problem.ts";
import { readYaml } from "../../../src/config/read_yaml.ts";
import { Random } from "../../support/random.ts";

const VALID = `
workers: 1
log:
  formats: { brief: "$uri $status" }
  access: { path: stdout, format: brief, buffer: 1k }
  error: stderr info
large_client_header_buffers: 4 8k
upstreams:
  app:
    servers:
      - 127.0.0.1:9001
      - { address: "unix:/run/a.sock", weight: 2, backup: true }
servers:
  - listen: ["8080 default_server", "[::]:81"]
    server_name: [example.org, "*.example.org", '~^a\\d$']
    proxy: &p { read_timeout: 1h 30m, set_header: { Host: $host, A: "it's" } }
    locations:
      /:          { proxy: { pass: http://app/x, next_upstream: [error, timeout] } }
      "= /health": { return: 200 ok }
      '~* \\.php$':
        proxy: { <<: *p, pass: "http://unix:/run/b.sock" }
  - { listen: 82, return: "301 https://$host$uri" }
`;

Deno.test("config: a mutated configuration is read or refused with ConfigError, nothing else", () => {
  const random = new Random(20_261_122);
  for (let round = 0; round < 4000; round++) {
    const text = mutated(VALID, random);
    try {
      readYaml(text, "f", { isKnownVariable: (name) => name.length > 2 });
    } catch (error) {
      assert(error instanceof ConfigError, `round ${round}: ${error}\n${text}`);
      const lines = text.split("\n");
      assert(error.problems.length > 0);
      for (const { line, column, sourceLine } of error.problems) {
        assert(line >= 1 && line <= lines.length, `${line} of ${lines.length}:\n${text}`);
        assert(column >= 1 && column <= [...sourceLine].length + 1, `${line}:${column}\n${text}`);
      }
      error.format();
    }
  }
});

const SNIPPETS: readonly [string, ...string[]] = [
  ...["\n", " ", "  ", "\t", ":", ": ", "- ", "[", "]", "{", "}", ",", "'", '"', "#", "&a ", "*p"],
  ...[
    "!!int ",
    "|",
    ">-",
    "$",
    "${",
    "\\",
    "\u{1F600}",
    "~",
    "null",
    "1e9",
    "0",
    "-1",
    "2001-01-01",
  ],
  ...["__proto__", "constructor", "toString: 1", "<<: ", "? ", "---\n", "...", "%", "@", "`", "\0"],
] as [string, ...string[]];

/** A few cuts, copies, swaps and insertions. */
function mutated(text: string, random: Random): string {
  for (let count = random.integer(1, 4); count > 0; count--) {
    const from = random.integer(0, text.length);
    const to = Math.min(text.length, from + random.integer(0, 12));
    const at = random.integer(0, text.length);
    switch (random.integer(0, 3)) {
      case 0:
        text = text.slice(0, from) + text.slice(to);
        break;
      case 1:
        text = text.slice(0, at) + text.slice(from, to) + text.slice(at);
        break;
      case 2:
        text = text.slice(0, from) + random.pick(SNIPPETS) + text.slice(to);
        break;
      case 3:
        text = text.slice(0, at) + random.pick(SNIPPETS) + text.slice(at);
    }
  }
  return text;
}
