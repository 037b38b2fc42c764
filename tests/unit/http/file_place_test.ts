import { assert, assertEquals } from "@std/assert";
import { Variables } from "../../../src/http/configured_variables.ts";
import { fileName, FilePlace } from "../../../src/http/file_place.ts";
import type { Request } from "../../../src/http/request.ts";
import type { PlaceConf } from "../../../src/http/static_conf.ts";
import { type Random, withRandom } from "../../support/random.ts";

/** As much of a Request as the texts of these tests use. */
const request = (args = "") => ({ args, path: "/" }) as Request;

function fileOf(conf: PlaceConf, path: string, args = ""): string | undefined {
  return new FilePlace(conf, new Variables()).fileOf(request(args), path);
}

const root = (path: string): PlaceConf => ({ kind: "root", path, matchedLength: 0 });
const alias = (path: string, matchedLength: number): PlaceConf => ({
  kind: "alias",
  path,
  matchedLength,
});

for (
  const [conf, path, args, file] of [
    [root("/srv"), "/a/b", "", "/srv/a/b"],
    [root("/srv/"), "/a", "", "/srv/a"],
    [root("/"), "/etc", "", "/etc"],
    [root("srv/../www"), "/a", "", "srv/../www/a"],
    [root("/srv"), "/..", "", undefined],
    [root("/srv"), "/a/../b", "", undefined],
    [root("/srv"), "/...", "", "/srv/..."],
    [root("/srv"), "/a\0", "", undefined],
    [root("/srv/$arg_h"), "/a", "h=x", "/srv/x/a"],
    [root("/srv/$arg_h"), "/a", "h=..", undefined],
    [root("/srv/.$arg_h"), "/a", "h=.", undefined],
    [root("/srv/$arg_h"), "/a", "h=x/../..", undefined],
    [alias("/img/", 3), "/i/a", "", "/img/a"],
    [alias("/img", 2), "/i/a", "", "/img/a"],
    [alias("/img/", 2), "/i../a", "", undefined],
    [alias("/img/.", 2), "/i./a", "", undefined],
    [alias("/img/a.png", 4), "/one", "", "/img/a.png"],
    [alias("/img/x", -1), "/whatever", "", "/img/x"],
  ] as const
) {
  Deno.test(`${conf.kind} ${conf.path}: ${JSON.stringify(path + "?" + args)} is ${file ?? "refused"}`, () => {
    assertEquals(fileOf(conf, path, args), file);
  });
}

function pick<T>(random: Random, from: readonly T[]): T {
  return from[Math.floor(random.fraction() * from.length)]!;
}

Deno.test("root and alias: no path and no variable leads out, whatever is in it", () =>
  withRandom((random) => {
    const piece = () => pick(random, ["/", ".", "..", "a", "%", "\0", "//", "/..", "../", "x"]);
    for (let turn = 0; turn < 20_000; turn++) {
      const rest = Array.from({ length: random.integer(0, 6) }, piece).join("");
      const args = `h=${Array.from({ length: random.integer(0, 4) }, piece).join("")}`;
      const place = pick(random, [
        root("/srv/www"),
        root("/srv/www/$arg_h"),
        alias("/srv/www/", 2),
        alias("/srv/www/.", 1),
        alias("/srv/www/$arg_h/x", 3),
      ]);
      const file = fileOf(place, `/${rest}`, args);
      if (file === undefined) continue;
      assert(new URL(`file://${encodeURI(file)}`).pathname.startsWith("/srv/www"), file);
      assert(!file.includes("\0"), file);
    }
  }));

Deno.test("names of files: UTF-8, or none", () => {
  assertEquals(fileName("/a"), "/a");
  assertEquals(fileName("/\xc3\xa9"), "/\u00e9");
  assertEquals(fileName("/\xe9"), undefined);
});
