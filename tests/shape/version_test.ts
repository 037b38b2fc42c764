/** What `Server` says and what the package says are one version. */
import { assertEquals } from "@std/assert";
import denoJson from "../../deno.json" with { type: "json" };
import { SERVER_VERSION } from "../../src/downstream/mod.ts";

Deno.test("shape: the version in Server and on error pages is the package's", () => {
  assertEquals(SERVER_VERSION, denoJson.version);
});
