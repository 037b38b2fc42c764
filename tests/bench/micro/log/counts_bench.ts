/** What the admin listener can be asked for, counted. @module */
import { countAttempt, countRequest, Counts } from "../../../../src/log/mod.ts";

const counts = new Counts();
const server = counts.servers.of("example.org");
const peer = counts.peers.of("app", "192.0.2.1:80");
const attempt = {
  status: 200,
  connectMs: 0,
  headerMs: 1.2,
  responseMs: 1.3,
  bytesSent: 120,
  bytesReceived: 170,
  failure: undefined,
  isStale: false,
};

Deno.bench("counts: a request", { group: "counts" }, () => {
  countRequest(server, 200, 90, 170, 1.4);
});

Deno.bench("counts: an attempt at a peer", { group: "counts" }, () => {
  countAttempt(peer, attempt, true);
});

Deno.bench("counts: the row of a limit looked up", { group: "counts" }, () => {
  counts.limits.of("limit_req", "all");
});
