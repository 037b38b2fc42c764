/** Directives about the request to a peer. */
import { assertEquals, assertThrows } from "@std/assert";
import { ConfigError, readYaml } from "../../../src/config/mod.ts";
import { isKnownVariable } from "../../../src/http/variables.ts";

function proxyOf(settings: string) {
  const yaml = `servers: [{ listen: "127.0.0.1:0", proxy: { set_body: outer }, locations: ` +
    `{ /: { proxy: { pass: "http://127.0.0.1:1"${settings} } } } }]`;
  const { listeners } = readYaml(yaml, "test.yaml", { isKnownVariable });
  const { action } = listeners[0]!.servers[0]!.locations[0]!;
  if (action.kind !== "proxy") throw new Error("not a proxy");
  return action;
}

Deno.test("config: the request's method and body, and whether clients are told of failures", () => {
  const { method, passRequestBody, setBody, failureHeader } = proxyOf("");
  assertEquals([method, passRequestBody, setBody, failureHeader], [
    undefined,
    true,
    "outer",
    false,
  ]);
  const set = proxyOf(
    ', method: "$request_method", pass_request_body: off, set_body: "u=$remote_user", failure_header: on, send_lowat: 0',
  );
  assertEquals([set.method, set.passRequestBody, set.setBody, set.failureHeader], [
    "$request_method",
    false,
    "u=$remote_user",
    true,
  ]);
});

for (
  const [settings, words] of [
    [
      ", send_lowat: 1k",
      /Cannot set send_lowat to "1k": need 0 \(the runtime has no SO_SNDLOWAT\)/,
    ],
    [", set_body: $nothing", /\$nothing/],
    [", method: $nothing", /\$nothing/],
    [", failure_header: maybe", /need on or off/],
    [', method: "GET\\n"', /one line/],
  ] as const
) {
  Deno.test(`config: ${settings.slice(2)} is refused: ${words}`, () => {
    assertThrows(() => proxyOf(settings), ConfigError, "test.yaml:1:");
    try {
      proxyOf(settings);
    } catch (error) {
      assertEquals(words.test((error as Error).message), true, (error as Error).message);
    }
  });
}
