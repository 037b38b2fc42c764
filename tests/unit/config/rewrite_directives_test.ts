/** What is wrong with map, geo, split_clients, rewrite and their kin is told where it stands. */
import { assertEquals, assertThrows } from "@std/assert";
import { ConfigError, readYaml } from "../../../src/config/mod.ts";
import { readConf } from "../../../src/config/read_conf.ts";
import { isKnownVariable } from "../../../src/http/variables.ts";

function problemsOf(text: string, fileName = "f.yaml"): readonly string[] {
  const error = assertThrows(
    () => readConf(text, fileName, { isKnownVariable }),
    ConfigError,
    undefined,
    text,
  );
  return error.problems.map(({ message }) => message);
}

const SERVER = "servers: [{ listen: 80, locations: { /: { return: 200 } } }]";
const inServer = (list: string) => `servers: [{ listen: 80, rewrite: ${list}, root: /srv }]`;
const inNginx = (text: string) => `http { server { listen 80; root /srv; ${text} } }`;

const WRONG: readonly (readonly [text: string, message: string])[] = [
  [
    `map: { name: { source: $host } }\n${SERVER}`,
    'Cannot use "name" in map: need a variable such as "$name"',
  ],
  [
    `map: { $host: { source: $uri } }\n${SERVER}`,
    "Cannot set $host: it is built in: need a name of your own",
  ],
  [`map: { $a: {} }\n${SERVER}`, 'Cannot use "$a" in $a: need a source to look up'],
  [
    `map: { $a: { source: $hots } }\n${SERVER}`,
    'Cannot use "$hots" in source: no such variable; did you mean "$host"?',
  ],
  [
    `map: { $a: { source: $uri, values: { x: 1, X: 2 } } }\n${SERVER}`,
    'Cannot use "X" in $a: it is there already',
  ],
  [
    `map: { $a: { source: $uri, values: { "~(": 1 } } }\n${SERVER}`,
    'Cannot use "~(" in $a: need a regex (missing closing parenthesis)',
  ],
  [
    `map: { $a: { source: $uri, hostnames: on, values: { "a.*.b": 1 } } }\n${SERVER}`,
    'Cannot use "a.*.b" in $a: need a name such as "*.example.org" or "www.example.*"',
  ],
  [
    `map: { $a: { source: $uri, vales: {} } }\n${SERVER}`,
    'Cannot use "vales" in $a: need some of source, default, hostnames, volatile, values',
  ],
  [
    `geo: { $a: { values: { 1.2.3: x } } }\n${SERVER}`,
    'Cannot use "1.2.3" in $a: need a network such as "192.0.2.0/24" or "2001:db8::/32"',
  ],
  [
    `geo: { $a: { ranges: on, values: { 1.2.3.4-1.2.3.1: x } } }\n${SERVER}`,
    'Cannot use "1.2.3.4-1.2.3.1" in $a: need a range such as "192.0.2.1-192.0.2.9"',
  ],
  [
    `geo: { $a: { ranges: on, values: { 1.1.1.1-1.1.1.5: x, 1.1.1.4-1.1.1.9: y } } }\n${SERVER}`,
    'Cannot use "1.1.1.4-1.1.1.9" in $a: it overlaps a range before it, and is not within it',
  ],
  [
    `split_clients: { $a: { source: $uri, values: { 50: x } } }\n${SERVER}`,
    'Cannot use "50" in $a: need a percentage such as "0.5%", or "*"',
  ],
  [
    `split_clients: { $a: { source: $uri, values: { 60%: x, 60.5%: y } } }\n${SERVER}`,
    'Cannot use "60.5%" in $a: the shares are more than 100%',
  ],
  [
    `split_clients: { $a: { source: $uri } }\n${SERVER}`,
    'Cannot use "$a" in $a: need a source, and values',
  ],
  [
    inServer("[{ rewrit: x }]"),
    'Cannot use "rewrit" in rewrite: need rewrite, set, if, return or break',
  ],
  [
    inServer('[{ rewrite: "^/( /x" }]'),
    'Cannot use "^/(" in rewrite: need a regex (missing closing parenthesis)',
  ],
  [
    inServer('[{ rewrite: "^/a /b lst" }]'),
    'Cannot use "lst" in rewrite: need a regex, a replacement and at most one of last, break, ' +
    "redirect, permanent",
  ],
  [
    inServer('[{ rewrite: "^/a $nothing_such" }]'),
    'Cannot use "$nothing_such" in rewrite: no such variable',
  ],
  [inServer("[{ set: name x }]"), 'Cannot use "name" in set: need a variable such as "$name"'],
  [inServer("[{ set: $host x }]"), "Cannot set $host: it is built in: need a name of your own"],
  [
    inServer("[{ set: $a }]"),
    'Cannot set set to "$a": need a variable and its value, such as "$name text"',
  ],
  [
    inServer('[{ if: { when: "$uri > 1", then: [] } }]'),
    'Cannot use ">" in when: need =, !=, ~, ~*, !~ or !~*',
  ],
  [
    inServer('[{ if: { when: "uri", then: [] } }]'),
    'Cannot set when to "uri": need a condition such as "$name", "$name = text", "$name ~* regex" or "!-f $path"',
  ],
  [
    inServer("[{ if: { then: [] } }]"),
    "Cannot set if to a map: need {when: CONDITION, then: LIST}",
  ],
  [
    inServer("[{ if: { when: $uri, add_header: { A: b } } }]"),
    'Cannot use "add_header" in an if of a server: it belongs at the top level or in a server or in a location',
  ],
  [
    "servers: [{ listen: 80, locations: { /a: { return: 200, locations: { /b: { return: 200 } } } } }]",
    'Cannot use location "/b" in "/a": need a path that starts with "/a"',
  ],
  [
    'servers: [{ listen: 80, locations: { "= /a": { return: 200, locations: { /a: { return: 200 } } } } }]',
    'Cannot use location "/a" in "= /a": one path has no locations within it',
  ],
  [
    'servers: [{ listen: 80, locations: { /a: { return: 200, locations: { "@b": { return: 200 } } } } }]',
    'Cannot use location "@b" in "/a": a name belongs in the server',
  ],
  [
    `set_real_ip_from: proxy.example\n${SERVER}`,
    'Cannot use "proxy.example" in set_real_ip_from: need addresses and networks such as "192.0.2.0/24", or unix:, or a list of such',
  ],
  [
    `real_ip_header: "a b"\n${SERVER}`,
    'Cannot set real_ip_header to "a b": need the name of a field, or proxy_protocol',
  ],
  [
    "servers: [{ listen: 80, valid_referers: '~(', root: /srv }]",
    'Cannot use "~(" in valid_referers: need a regex (missing closing parenthesis)',
  ],
  [
    "servers: [{ listen: 80, return: 200 $tcpinfo_rtt }]",
    'Cannot use "$tcpinfo_rtt" in return: the runtime does not tell what TCP knows of a connection',
  ],
];

for (const [text, message] of WRONG) {
  Deno.test(`config: ${message}`, () => assertEquals(problemsOf(text), [message]));
}

const WRONG_NGINX: readonly (readonly [text: string, message: string])[] = [
  [inNginx("set $a;"), 'invalid number of arguments in "set" directive in f.conf:1'],
  [inNginx("if ($a = 1) return 200;"), 'directive "if" has no opening "{" in f.conf:1'],
  [inNginx("if $uri { return 200; }"), 'invalid condition "$uri" in f.conf:1'],
  [inNginx("break { }"), 'directive "break" is not terminated by ";" in f.conf:1'],
  [
    `http { map $uri $x { a b c; } server { listen 80; return 200; } }`,
    "invalid number of the map parameters in f.conf:1",
  ],
  [
    `http { geo $x { a; } server { listen 80; return 200; } }`,
    "invalid number of the geo parameters in f.conf:1",
  ],
  [
    `http { split_clients $uri $x { 5%; } server { listen 80; return 200; } }`,
    "invalid number of the split_clients parameters in f.conf:1",
  ],
];

for (const [text, message] of WRONG_NGINX) {
  Deno.test(`nginx.conf: ${message}`, () => {
    assertEquals(problemsOf(text, "f.conf").slice(0, 1), [message]);
  });
}

Deno.test("nginx.conf: rewrite, set, if, break and return keep their order, as the list in YAML", () => {
  const nginx = readConf(
    inNginx(`
      set $a x; rewrite ^/(.*)$ /b/$1 last;
      location / { if ($uri ~ "a b") { add_header A b; set $a y; break; } return 403 "no"; }
    `),
    "f.conf",
    { isKnownVariable },
  );
  const yaml = readYaml(
    `servers:
  - listen: 80
    root: /srv
    rewrite: [{ set: $a x }, { rewrite: "^/(.*)$ /b/$1 last" }]
    locations:
      /:
        rewrite:
          - if: { when: [$uri, "~", "a b"], add_header: { A: b }, then: [{ set: $a y }, { break: on }] }
          - return: [403, no]
`,
    "f.yaml",
    { isKnownVariable },
  );
  const stepsOf = (conf: typeof yaml) => {
    const [server] = conf.listeners[0]!.servers;
    return [server!.rewrite, server!.locations[0]!.rewrite];
  };
  assertEquals(stepsOf(nginx.conf), stepsOf(yaml));
});

Deno.test("nginx.conf: map, geo and split_clients are the maps that YAML has", () => {
  const nginx = readConf(
    `http {
      map $uri $m { hostnames; volatile; default d; \\default e; ~^/(a) $1; }
      geo $g { default out; proxy 10.0.0.1; proxy 10.0.0.2; proxy_recursive; delete 10.0.0.0/8; 10.0.0.0/8 x; 192.0.2.0/24 y; }
      geo $arg_a $r { ranges; 1.1.1.1-1.1.1.9 z; }
      split_clients $uri $s { 10% a; * b; }
      server { listen 80; return 200; }
    }`,
    "f.conf",
    { isKnownVariable },
  );
  const yaml = readYaml(
    `map: { $m: { source: $uri, hostnames: on, volatile: on, default: d, values: { default: e, "~^/(a)": $1 } } }
geo:
  $g: { default: out, proxy: [10.0.0.1, 10.0.0.2], proxy_recursive: on, values: { 192.0.2.0/24: y } }
  $r: { source: $arg_a, ranges: on, values: { 1.1.1.1-1.1.1.9: z } }
split_clients: { $s: { source: $uri, values: { 10%: a, "*": b } } }
servers: [{ listen: 80, return: 200 }]
`,
    "f.yaml",
    { isKnownVariable },
  );
  assertEquals(nginx.conf.variables, yaml.variables);
});
