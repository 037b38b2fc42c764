/** underscores_in_headers, ignore_invalid_headers, merge_slashes: compared with nginx 1.22.1 by hand. */
import { assertEquals } from "@std/assert";
import { exchange, getRequest } from "../support/client.ts";
import { inFrontOf, withSluice } from "../support/in_process.ts";
import { startRoutes } from "../support/routes.ts";

/** Names of the client's fields that reach the peer. */
async function passed(settings: string): Promise<string[]> {
  await using origin = await startRoutes({});
  let names: string[] = [];
  await withSluice(inFrontOf(origin, { server: settings }), async (address) => {
    await exchange(address, getRequest("/", "X-Plain: 1", "X_Under: 1", "X.Dot: 1"));
    const [head] = origin.requests;
    names = ["X-Plain", "X_Under", "X.Dot"].filter((name) => head!.fields.get(name) === "1");
  });
  return names;
}

Deno.test("fields with an underscore, or something worse in their names, are dropped or passed", async () => {
  assertEquals(await passed(""), ["X-Plain"]);
  assertEquals(await passed("underscores_in_headers: on"), ["X-Plain", "X_Under"]);
  assertEquals(await passed("ignore_invalid_headers: off"), ["X-Plain", "X_Under", "X.Dot"]);
});

Deno.test("a field with an underscore has a variable where it is passed", async () => {
  const yaml = `
servers:
  - { listen: "127.0.0.1:0", underscores_in_headers: on, locations: { /: { return: 200 $http_x_under } } }
`;
  await withSluice(yaml, async (address) => {
    const ask = async (line: string) => (await exchange(address, getRequest("/", line))).bodyText;
    assertEquals(await ask("X_Under: a"), "a");
    assertEquals(await ask("X-Under: b"), "b");
  });
});

Deno.test("merge_slashes off: a path keeps its slashes, and dots go up by one of them", async () => {
  const yaml = `
servers:
  - { listen: "127.0.0.1:0", merge_slashes: off, locations: { /: { return: '200 "$uri"' }, //a/: { return: 200 two } } }
`;
  await withSluice(yaml, async (address) => {
    const ask = async (path: string) => (await exchange(address, getRequest(path))).bodyText;
    assertEquals(await ask("/x//y//"), "/x//y//");
    assertEquals(await ask("//a/b"), "two");
    assertEquals(await ask("/x//../y"), "/x/y");
    assertEquals(await ask("/x//%2e/y"), "/x//y");
  });
});
