/**
 * `X-Accel-*`: what a peer asks of the proxy along with its response.
 *
 * @module
 */
import { fieldId } from "../wire/mod.ts";
import type { IgnorableHeader } from "./conf.ts";
import type { Exchange } from "./exchange.ts";

const NAMES: ReadonlyMap<number, IgnorableHeader> = new Map([
  [fieldId.X_ACCEL_REDIRECT, "x-accel-redirect"],
  [fieldId.X_ACCEL_EXPIRES, "x-accel-expires"],
  [fieldId.X_ACCEL_LIMIT_RATE, "x-accel-limit-rate"],
  [fieldId.X_ACCEL_BUFFERING, "x-accel-buffering"],
  [fieldId.X_ACCEL_CHARSET, "x-accel-charset"],
]);

/** Notes in the exchange what the head says. What makes no sense says nothing, as in nginx. */
export function readAccel(exchange: Exchange): void {
  if (exchange.hasAccel) forget(exchange);
  if (!exchange.head.hasAccel) return;
  exchange.hasAccel = true;
  const { fields } = exchange.head;
  for (let index = 0; index < fields.count; index++) {
    const name = NAMES.get(fields.id(index));
    if (name === undefined || exchange.conf.ignoreHeaders.has(name)) continue;
    note(exchange, name, fields.value(index));
  }
}

function note(exchange: Exchange, name: IgnorableHeader, value: string): void {
  switch (name) {
    case "x-accel-redirect":
      exchange.accelRedirect = value;
      break;
    case "x-accel-expires":
      if (/^@?\d+$/.test(value)) exchange.accelExpires = value;
      break;
    case "x-accel-limit-rate":
      if (/^\d{1,15}$/.test(value)) exchange.accelLimitRate = Number(value);
      break;
    case "x-accel-buffering":
      if (/^yes$/i.test(value)) exchange.accelBuffering = true;
      else if (/^no$/i.test(value)) exchange.accelBuffering = false;
      break;
    case "x-accel-charset":
      if (/^[\w.:+-]+$/.test(value)) exchange.accelCharset = value;
      break;
  }
}

function forget(exchange: Exchange): void {
  exchange.hasAccel = false;
  exchange.accelRedirect = exchange.accelCharset = exchange.accelExpires = undefined;
  exchange.accelBuffering = undefined;
}
