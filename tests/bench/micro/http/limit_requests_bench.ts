/** `limit_req`: a request that passes, its key an address. @module */
import { Variables } from "../../../../src/http/configured_variables.ts";
import { bucketsLayout, LeakyBuckets } from "../../../../src/http/leaky_buckets.ts";
import { LimitRequests } from "../../../../src/http/limit_requests.ts";
import { Zone } from "../../../../src/zone/mod.ts";
import { answeredRequest } from "../../../support/answered_request.ts";
import type { TestContext } from "../../../support/scripted_transport.ts";
import { parsed, SMALL_REQUEST } from "../messages.ts";

const zone = { name: "all", key: "$binary_remote_addr", sizeBytes: 10 << 20, rate: 1_000_000_000 };
const limit = new LimitRequests(
  {
    limits: [{ zone, burst: 1_000, delay: Infinity }],
    dryRun: false,
    status: 503,
    logLevel: "error",
  },
  new Variables(),
  () => new LeakyBuckets(Zone.alone(bucketsLayout(zone.sizeBytes)), zone.rate),
);
const request = answeredRequest(parsed(SMALL_REQUEST));

const { clock, deadlines } = request.worker.context as TestContext;
/** Requests in a millisecond: fewer than leak in one. */
const EACH_MS = 512;
let turn = 0;

Deno.bench("limit_req: passed by $binary_remote_addr", () => {
  if (++turn % EACH_MS === 0) {
    clock.skip(1);
    deadlines.stamp();
  }
  request.limitReqStatus = "";
  limit.run(request);
});
