/** Heads read: in one piece, and as they dribble in. @module */
import { RequestHead, ResponseHead } from "../../../../src/wire/mod.ts";
import { BROWSER_REQUEST, LARGE_RESPONSE, SMALL_REQUEST, SMALL_RESPONSE } from "../messages.ts";

const PIECE_BYTES = 64;

const request = new RequestHead(100);
const response = new ResponseHead(100);

Deno.bench("request head: small, 1 field", { group: "request head" }, () => {
  request.begin(SMALL_REQUEST, 0);
  request.parse(SMALL_REQUEST.length);
});

Deno.bench("request head: a browser's, 20 fields and 1 KB of cookies", {
  group: "request head",
}, () => {
  request.begin(BROWSER_REQUEST, 0);
  request.parse(BROWSER_REQUEST.length);
});

Deno.bench("request head: a browser's, 64 bytes at a time", { group: "request head" }, () => {
  request.begin(BROWSER_REQUEST, 0);
  for (let end = PIECE_BYTES; !request.parse(Math.min(end, BROWSER_REQUEST.length));) {
    end += PIECE_BYTES;
  }
});

Deno.bench("response head: nginx's, 5 fields", { group: "response head" }, () => {
  response.begin(SMALL_RESPONSE, 0);
  response.parse(SMALL_RESPONSE.length);
});

Deno.bench("response head: an application's, 20 fields", { group: "response head" }, () => {
  response.begin(LARGE_RESPONSE, 0);
  response.parse(LARGE_RESPONSE.length);
});
