import { assertEquals, assertThrows } from "@std/assert";
import { readConf } from "../../../src/config/mod.ts";
import { type Need, needsOf } from "../../../src/control/needs.ts";
import { checkPermissions, flagsOf, MissingPermissions } from "../../../src/control/permissions.ts";
import { Places } from "../../../src/control/places.ts";

function need(flag: Need["flag"], what: string): Need {
  return { flag, what, doing: "do", directive: "", written: "" };
}

for (
  const [about, needs, expected] of [
    ["nothing", [], []],
    [
      "one flag a kind, in one order",
      [need("write", "/a"), need("net", "10.0.0.1:80"), need("net", "10.0.0.2:80")],
      ["--allow-net=10.0.0.1:80,10.0.0.2:80", "--allow-write=/a"],
    ],
    [
      "a host has all of its ports, and no other host's",
      [need("net", "127.0.0.1"), need("net", "127.0.0.1:80"), need("net", "127.0.0.10:80")],
      ["--allow-net=127.0.0.1,127.0.0.10:80"],
    ],
    [
      "a folder has all that is in it, and not what is beside it",
      [need("read", "/srv"), need("read", "/srv/www"), need("read", "/srvx")],
      ["--allow-read=/srv,/srvx"],
    ],
    ["all of a kind", [need("net", "10.0.0.1:80"), need("net", "")], ["--allow-net"]],
    ["a path with a comma", [need("read", "/a,b")], ["--allow-read=/a,,b"]],
    ["everything that can be read", [need("read", "/"), need("read", "/a")], ["--allow-read=/"]],
  ] as const
) {
  Deno.test(`permissions: flags for ${about}`, () => {
    assertEquals(flagsOf(needs), [...expected]);
  });
}

const YAML = `pid: /run/x.pid
servers:
  - listen: ["80 default_server", "unix:/run/x.sock"]
    locations: { /: { root: /srv/$host/www } }
`;
const NGINX = `pid /run/x.pid;
http { server {
  listen 80 default_server;
  listen unix:/run/x.sock;
  location / { root /srv/$host/www; }
} }
`;

for (
  const [name, text, lines] of [["a.yaml", YAML, [3, 3, 1, 4]], ["a.conf", NGINX, [
    3,
    4,
    1,
    5,
  ]]] as const
) {
  Deno.test(`permissions: what is missing for ${name} is told with its line`, () => {
    const read = readConf(text, name);
    const missing = (need: Need): boolean =>
      /:80$|x\.sock|x\.pid|srv/.test(need.what) && need.flag !== "read";
    const needs = needsOf(read.conf);
    const error = assertThrows(
      () => checkPermissions(needs, new Places(read), (need) => !missing(need)),
      MissingPermissions,
    );
    const [listen, socket, pid] = lines;
    assertEquals(error.message.split("\n"), [
      `Cannot listen on 0.0.0.0:80 (listen in ${name}:${listen}): needs --allow-net=0.0.0.0:80`,
      `Cannot listen on unix:/run/x.sock (listen in ${name}:${socket}): ` +
      "needs --allow-write=/run/x.sock",
      `Cannot listen on unix:/run/x.sock (listen in ${name}:${socket}): ` +
      "needs --allow-net=unix:/run/x.sock",
      `Cannot write /run/x.pid (pid in ${name}:${pid}): needs --allow-write=/run/x.pid`,
    ]);
    const root = needs.find(({ what }) => what.startsWith("/srv"));
    assertEquals([root?.what, new Places(read).placeOf(root!)], [
      "/srv",
      `root in ${name}:${lines[3]}`,
    ]);
  });
}
