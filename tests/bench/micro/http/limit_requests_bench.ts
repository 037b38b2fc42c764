/** `limit_req`: a request that passes, its key an address. @module */
import { Variables } from "../../../../src/http/configured_variables.ts";
import { bucketsLayout, LeakyBuckets } from "../../../../src/http/leaky_buckets.ts";
import { LimitRequests } from "../../../../src/http/limit_requests.ts";
import { Zone } from "../../../../src/zone/mod.ts";
import { answeredRequest } from "../../../support/answered_request.ts";
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

Deno.bench("limit_req: passed by $binary_remote_addr", () => {
  request.limitReqStatus = "";
  limit.run(request);
});
