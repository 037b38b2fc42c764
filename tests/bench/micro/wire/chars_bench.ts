/** Texts made of bytes. @module */
import { bytesOf, latin1 } from "../../../../src/wire/mod.ts";

const bytes = bytesOf("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)");

for (const length of [6, 14, 70]) {
  Deno.bench(`latin1: ${length} bytes, and its last character`, { group: "latin1" }, () => {
    latin1(bytes, 0, length).charCodeAt(length - 1);
  });
}
