/**
 * Asks the admin listener of a running process: `status` and `top` of the command line.
 *
 * @module
 */
import { request } from "node:http";
import type { AdminConf } from "../http/conf.ts";
import { formatHost, parseHostPort } from "../peer/address.ts";
import { CannotAsk } from "./explain.ts";
import { tokenOf } from "./admin_token.ts";
import type { StatusJson } from "./status_json.ts";

/** Where an admin listener is, and what it wants to be told. */
export interface AdminPlace {
  readonly address:
    | { readonly hostname: string; readonly port: number }
    | { readonly path: string };
  readonly token: string | undefined;
}

/** More than any status has. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
const TIMEOUT_MS = 5_000;

/** The place that a configuration names. @throws {CannotUseFile} Its token. */
export function placeOf(conf: AdminConf): AdminPlace {
  const { address } = conf;
  const token = conf.isTokenForAll ? tokenOf(conf) : undefined;
  if (address.transport === "unix") return { address: { path: address.path }, token };
  const { hostname, port } = address;
  return { address: { hostname: REACHED_AT[hostname] ?? hostname, port }, token };
}

/** All addresses of a machine are reached at its own. */
const REACHED_AT: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };

/** The place of `127.0.0.1:9090`, `9090` or `unix:/path`; undefined if it is none. */
export function placeAt(text: string): AdminPlace | undefined {
  if (/^unix:\/./.test(text)) {
    return { address: { path: text.slice("unix:".length) }, token: undefined };
  }
  const parsed = parseHostPort(/^\d+$/.test(text) ? `127.0.0.1:${text}` : text, 1);
  if (parsed?.port === undefined) return undefined;
  return { address: { hostname: parsed.hostname, port: parsed.port }, token: undefined };
}

/** @throws {CannotAsk} */
export async function askStatus(place: AdminPlace): Promise<StatusJson> {
  const { status, text } = await ask(place, "/status");
  if (status === 401) {
    throw new CannotAsk(`${nameOf(place)} wants its token: name the configuration with -c`);
  }
  try {
    if (status === 200) return JSON.parse(text) as StatusJson;
  } catch {
    // told below
  }
  throw new CannotAsk(`What answers at ${nameOf(place)} is no admin listener of Sluice`);
}

function nameOf({ address }: AdminPlace): string {
  return "path" in address
    ? `unix:${address.path}`
    : `${formatHost(address.hostname)}:${address.port}`;
}

/** @throws {CannotAsk} */
function ask(place: AdminPlace, path: string): Promise<{ status: number; text: string }> {
  const { address, token } = place;
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
  const fail = (why: string) => reject(new CannotAsk(`Cannot ask ${nameOf(place)}: ${why}`));
  const asking = request({
    ...("path" in address
      ? { socketPath: address.path }
      : { host: address.hostname, port: address.port }),
    path,
    timeout: TIMEOUT_MS,
    headers: {
      Host: "localhost",
      Connection: "close",
      ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
    },
  }, (response) => {
    const decoder = new TextDecoder();
    let [text, bytes] = ["", 0];
    response.on("data", (chunk: Uint8Array) => {
      bytes += chunk.length;
      if (bytes > ANSWER_BYTES_MAX) asking.destroy(new Error("it answers without end"));
      text += decoder.decode(chunk, { stream: true });
    });
    response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    response.on("error", (error: Error) => fail(error.message));
  });
  asking.on("timeout", () => asking.destroy(new Error(`no answer in ${TIMEOUT_MS / 1_000} s`)));
  asking.on(
    "error",
    (error: Error & { readonly code?: string }) =>
      fail(error.code === "ECONNREFUSED" ? "nobody listens there" : error.message),
  );
  asking.end();
  return promise;
}
