/**
 * What the admin listener answers.
 *
 * Looking is `GET`, and changes nothing. What changes something needs the token in a field
 * that a page of somebody else's cannot set, so a browser cannot be made to do it.
 *
 * @module
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { Control, Outcome, PeerOutcome } from "./control.ts";
import { readNewPeer, readPeerChange, WrongBody } from "./peer_body.ts";
import { PROMETHEUS_TYPE, prometheusText } from "./prometheus.ts";
import { type GroupJson, groupsJson, statusJson } from "./status_json.ts";
import { STATUS_PAGE, STATUS_PAGE_POLICY } from "./status_page.ts";

/** What the handler goes by. */
export interface AdminOptions {
  readonly control: Control;
  /** Undefined: actions are refused. */
  readonly token: string | undefined;
  /** Looking needs it too. */
  readonly isTokenForAll: boolean;
  /** Only names of this machine are accepted as `Host`: no other page may look in by DNS rebinding. */
  readonly isLoopback: boolean;
}

/** Bytes of a request body; what peers' changes say is a tenth of it. */
const BODY_BYTES_MAX = 16_384;

/** Of every answer. */
const HEADERS: Readonly<Record<string, string>> = {
  "Cache-Control": "no-store",
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
};

/** An answer that says what is wrong with the request. */
class Refusal extends Error {
  override readonly name = "Refusal";

  constructor(
    readonly status: number,
    message: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
  }
}

/** One thing that can be asked. */
interface Route {
  /** Path segments; `:` takes any one. */
  readonly path: readonly string[];
  /** Needs no token, even where looking does. */
  readonly isOpen?: boolean;
  readonly GET?: Answer;
  readonly POST?: Answer;
  readonly PATCH?: Answer;
  readonly DELETE?: Answer;
}

interface Asked {
  readonly control: Control;
  /** What stands for the path's `:`. */
  readonly names: readonly string[];
  readonly request: Request;
}

type Answer = (asked: Asked) => Response | Promise<Response>;

const METHODS = ["GET", "POST", "PATCH", "DELETE"] as const;
type Method = (typeof METHODS)[number];

const ROUTES: readonly Route[] = [
  {
    path: [""],
    isOpen: true, // the page holds nothing; what it shows it asks for itself
    GET: () =>
      respond(200, STATUS_PAGE, "text/html; charset=utf-8", {
        "Content-Security-Policy": STATUS_PAGE_POLICY,
      }),
  },
  { path: ["healthz"], isOpen: true, GET: () => json(200, { status: "ok" }) },
  {
    path: ["readyz"],
    isOpen: true,
    GET: ({ control }) => {
      const readiness = control.readiness();
      return json(readiness === "serving" ? 200 : 503, { status: readiness });
    },
  },
  { path: ["status"], GET: async ({ control }) => json(200, statusJson(await control.status())) },
  {
    path: ["metrics"],
    GET: async ({ control }) =>
      respond(200, prometheusText(await control.status()), PROMETHEUS_TYPE),
  },
  { path: ["reload"], POST: async ({ control }) => outcome(await control.reload()) },
  { path: ["reopen"], POST: async ({ control }) => outcome(await control.reopen()) },
  {
    path: ["upstreams"],
    GET: async ({ control }) => json(200, groupsJson(await control.status())),
  },
  {
    path: ["upstreams", ":"],
    GET: async ({ control, names: [group = ""] }) => json(200, await findGroup(control, group)),
  },
  {
    path: ["upstreams", ":", "peers"],
    GET: async ({ control, names: [group = ""] }) =>
      json(200, (await findGroup(control, group)).peers),
    POST: async ({ control, names: [group = ""], request }) =>
      peerOutcome(
        201,
        control,
        group,
        await control.addPeer(group, readNewPeer(await readJson(request))),
      ),
  },
  {
    path: ["upstreams", ":", "peers", ":"],
    GET: async ({ control, names: [group = "", name = ""] }) => {
      const peer = (await findGroup(control, group)).peers.find((peer) => peer.name === name);
      if (peer === undefined) throw new Refusal(404, `no peer ${name} in ${group}`);
      return json(200, peer);
    },
    PATCH: async ({ control, names: [group = "", peer = ""], request }) =>
      peerOutcome(
        200,
        control,
        group,
        await control.changePeer(group, peer, readPeerChange(await readJson(request))),
      ),
    DELETE: async ({ control, names: [group = "", peer = ""] }) =>
      peerOutcome(200, control, group, await control.removePeer(group, peer)),
  },
];

/** What can be asked: `GET /upstreams/:/peers`. */
export const ASKED: readonly string[] = ROUTES.flatMap((route) =>
  METHODS.filter((method) => route[method] !== undefined)
    .map((method) => `${method} /${route.path.join("/")}`)
);

/** Answers a request; what it throws is a bug. */
export type AdminHandler = (request: Request) => Promise<Response>;

export function adminHandler(options: AdminOptions): AdminHandler {
  const digest = options.token === undefined ? undefined : digestOf(options.token);
  return async (request) => {
    try {
      return await answer(request, options, digest);
    } catch (error) {
      if (error instanceof Refusal) {
        return json(error.status, { error: error.message }, error.headers);
      }
      if (error instanceof WrongBody) return json(400, { error: error.message });
      throw error;
    }
  };
}

function answer(
  request: Request,
  { control, isTokenForAll, isLoopback }: AdminOptions,
  digest: Uint8Array | undefined,
): Response | Promise<Response> {
  const { pathname, hostname } = new URL(request.url);
  if (isLoopback && !isThisMachine(hostname)) {
    throw new Refusal(
      403,
      `"${hostname}" is no name of this machine: ask for 127.0.0.1 or localhost`,
    );
  }
  const found = findRoute(pathname);
  if (found === undefined) throw new Refusal(404, `there is no ${pathname} here`);
  const { route, names } = found;
  const method = request.method === "HEAD"
    ? "GET"
    : METHODS.find((name) => name === request.method);
  const act = method === undefined ? undefined : route[method];
  if (act === undefined) {
    const allowed = METHODS.filter((name) => route[name] !== undefined);
    const allow = allowed.includes("GET") ? ["GET", "HEAD", ...allowed.slice(1)] : allowed;
    throw new Refusal(405, `${request.method} is not for ${pathname}: ${allow.join(" or ")} is`, {
      Allow: allow.join(", "),
    });
  }
  if (needsToken(method!, route, isTokenForAll)) checkToken(request, digest);
  return act({ control, names, request });
}

function needsToken(method: Method, route: Route, isTokenForAll: boolean): boolean {
  return method !== "GET" || (isTokenForAll && route.isOpen !== true);
}

/** @throws {Refusal} */
function checkToken(request: Request, digest: Uint8Array | undefined): void {
  if (digest === undefined) {
    throw new Refusal(403, "actions need a token: the configuration has no admin.token_file");
  }
  const [, given] = /^Bearer +(\S+)$/i.exec(request.headers.get("Authorization") ?? "") ?? [];
  // Digests are of one length, so that the time tells nothing of the token.
  if (given !== undefined && timingSafeEqual(digestOf(given), digest)) return;
  const what = given === undefined ? "need Authorization: Bearer TOKEN" : "that is not the token";
  throw new Refusal(401, what, { "WWW-Authenticate": 'Bearer realm="sluice admin"' });
}

function digestOf(token: string): Uint8Array {
  return createHash("sha256").update(token).digest();
}

function isThisMachine(hostname: string): boolean {
  return hostname === "localhost" || hostname.endsWith(".localhost") || hostname.startsWith("[") ||
    /^\d+\.\d+\.\d+\.\d+$/.test(hostname);
}

function findRoute(
  pathname: string,
): { readonly route: Route; readonly names: readonly string[] } | undefined {
  const segments = pathname.slice(1).split("/").map(decode);
  for (const route of ROUTES) {
    if (route.path.length !== segments.length) continue;
    if (!route.path.every((part, at) => part === ":" || part === segments[at])) continue;
    return { route, names: segments.filter((_, at) => route.path[at] === ":") };
  }
  return undefined;
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new Refusal(400, `"${segment}" is wrongly encoded`);
  }
}

async function findGroup(control: Control, name: string): Promise<GroupJson> {
  const group = groupsJson(await control.status()).find((group) => group.name === name);
  if (group === undefined) throw new Refusal(404, `no upstream ${name}`);
  return group;
}

/** @throws {Refusal} It is too large, or no JSON. */
async function readJson(request: Request): Promise<unknown> {
  const type = request.headers.get("Content-Type")?.split(";", 1)[0]?.trim().toLowerCase();
  if (type !== "application/json") throw new Refusal(415, "need Content-Type: application/json");
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of request.body ?? []) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) throw new Refusal(413, `need at most ${BODY_BYTES_MAX} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  try {
    return JSON.parse(text + decoder.decode());
  } catch (error) {
    throw new Refusal(400, `need JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function outcome(outcome: Outcome): Response {
  return outcome.ok ? json(200, { ok: true }) : json(409, { error: outcome.message });
}

const STATUS_OF = { not_found: 404, invalid: 400, conflict: 409 } as const;

async function peerOutcome(
  status: 200 | 201,
  control: Control,
  group: string,
  outcome: PeerOutcome,
): Promise<Response> {
  if (!outcome.ok) return json(STATUS_OF[outcome.why], { error: outcome.message });
  const { peers } = await findGroup(control, group);
  return json(status, peers.find(({ name }) => name === outcome.name) ?? { ok: true });
}

function json(
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return respond(status, JSON.stringify(value) + "\n", "application/json", headers);
}

function respond(
  status: number,
  body: string,
  type: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(body, { status, headers: { ...HEADERS, "Content-Type": type, ...headers } });
}
