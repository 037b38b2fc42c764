import { assertEquals } from "@std/assert";
import { murmurHash2 } from "../../../src/http/split_clients.ts";

Deno.test("split_clients: the hash is nginx's, for every length of the last word", () => {
  // Of the shares that nginx 1.22.1 gave to these texts.
  assertEquals(murmurHash2("abc"), 324_500_635);
  assertEquals(murmurHash2("hello world"), 1_151_865_881);
  assertEquals(murmurHash2("a"), 2_456_313_694);
});
