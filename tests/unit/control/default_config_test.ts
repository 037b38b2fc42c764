import { assertEquals } from "@std/assert";
import { thingsToTry } from "../../../src/control/default_config.ts";

for (
  const [address, first] of [
    ["127.0.0.1:8080", "curl http://127.0.0.1:8080/"],
    ["0.0.0.0:80", "curl http://127.0.0.1:80/"],
    ["[::]:8080", "curl http://[::1]:8080/"],
    ["[2001:db8::]:8080", "curl http://[2001:db8::]:8080/"],
    ["unix:/run/a.sock", "curl --unix-socket /run/a.sock http://localhost/"],
  ] as const
) {
  Deno.test(`things to try at ${address}: ${first}`, () => {
    assertEquals(thingsToTry(address)[0]?.replace(/^.*: {2}/, ""), first);
  });
}
