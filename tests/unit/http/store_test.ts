import { assertEquals } from "@std/assert";
import { pathBelow } from "../../../src/http/store.ts";

for (
  const [base, text, path] of [
    ["/data/www", "/data/www/a/b", "/data/www/a/b"],
    ["/data/www", "/data/www//a/./b", "/data/www/a/b"],
    ["/data/www/", "/data/www/a", "/data/www/a"],
    ["/data/x-", "/data/x-1", "/data/x-1"],
    ["/data/www", "/data/www/...", "/data/www/..."],
    ["/data/www", "/data/www/\xc3\xa9", "/data/www/\u00e9"],
    ["/data/www", "/data/www/\xe9", undefined],
    ["/data/www", "/data/www/../x", undefined],
    ["/data/www", "/data/www/a/..", undefined],
    ["/data/www/", "/data/www/..", undefined],
    ["/data/.", "/data/..", undefined],
    ["/data/.", "/data/../x", undefined],
    ["/data/www", "/data/www/", undefined],
    ["/data/www", "/data/www/a/", undefined],
    ["/data/www", "/data/www/a/.", undefined],
    ["/data/www", "/data/www/a\0b", undefined],
    ["/data/www", "/data/ww/x", undefined],
  ] as const
) {
  Deno.test(`store: ${JSON.stringify(text)} below ${base} is ${path ?? "refused"}`, () => {
    assertEquals(pathBelow(base, text), path);
  });
}
