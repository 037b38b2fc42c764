/**
 * `Authorization: Basic` (RFC 7617).
 *
 * @module
 */
import { bytesOf } from "../wire/mod.ts";
import type { Request } from "./request.ts";

const AUTHORIZATION = bytesOf("authorization");

/** Who a client says it is. One byte a code unit. */
export interface BasicCredentials {
  /** Not empty. */
  readonly user: string;
  readonly password: string;
}

/** Undefined where there are none that can be read: nginx's rules. */
export function basicCredentials({ head: { fields } }: Request): BasicCredentials | undefined {
  const index = fields.find(AUTHORIZATION);
  if (index < 0) return undefined;
  const encoded = /^basic +([A-Za-z0-9+/]+)=*$/i.exec(fields.value(index))?.[1];
  if (encoded === undefined) return undefined;
  let text: string;
  try {
    text = atob(encoded);
  } catch {
    return undefined; // not Base64
  }
  const colon = text.indexOf(":");
  return colon <= 0 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}
