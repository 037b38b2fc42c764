/**
 * `limit_rate` as it comes out of a text.
 *
 * @module
 */
import type { ClientConf } from "../downstream/mod.ts";
import type { Template } from "../log/mod.ts";
import type { RateLimit } from "../upstream/mod.ts";
import type { Variables } from "./configured_variables.ts";
import type { Request } from "./request.ts";

/** Of a response that begins now: what its peer asked for (`X-Accel-Limit-Rate`), else `limit_rate`. */
export function responseRate(request: Request): RateLimit | undefined {
  const { conf } = request.client;
  const { accelLimitRate } = request.exchange;
  if (accelLimitRate !== undefined) return rateOf(String(accelLimitRate), conf.limitRateAfterBytes);
  return locationRate(request);
}

/** What was `set` as `$limit_rate`, or the location's `limit_rate`. */
export function locationRate(request: Request): RateLimit | undefined {
  const { conf } = request.client;
  if (request.limitRate !== undefined) return rateOf(request.limitRate, conf.limitRateAfterBytes);
  if (conf.limitRate === "0") return undefined;
  return rateOf(
    templateOf(conf, request.server.variables).render(request),
    conf.limitRateAfterBytes,
  );
}

/** Of a file that is sent now; a peer has a say in it only if one has led the request here. */
export function fileRate(request: Request): RateLimit | undefined {
  const { accelLimitRate, client } = request;
  const { limitRate } = client.conf;
  if (accelLimitRate === undefined && request.limitRate === undefined && limitRate === "0") {
    return undefined;
  }
  return responseRate(request);
}

/** Bytes a second in digits; `undefined` for 0, and for what is no number: no limit, as in nginx. */
export function rateOf(text: string, afterBytes: number): RateLimit | undefined {
  const [, digits, unit = ""] = /^(\d+)([kmg]?)$/i.exec(text) ?? [];
  const bytesPerSecond = Number(digits ?? 0) * UNITS[unit.toLowerCase()]!;
  return bytesPerSecond > 0 ? { bytesPerSecond, afterBytes } : undefined;
}

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  k: 1_024,
  m: 1_048_576,
  g: 1_073_741_824,
};

/** Compiled once for each location that has one. */
const templates = new WeakMap<ClientConf, Template<Request>>();

function templateOf(conf: ClientConf, variables: Variables): Template<Request> {
  let template = templates.get(conf);
  if (template === undefined) {
    template = variables.compile(conf.limitRate);
    templates.set(conf, template);
  }
  return template;
}
