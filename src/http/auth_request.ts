/**
 * `auth_request`: another location says whether a request is let in.
 *
 * @module
 */
import type { Template } from "../log/mod.ts";
import { bytesOf } from "../wire/mod.ts";
import type { AccessCheck, Verdict } from "./access.ts";
import type { Setter, Variables } from "./configured_variables.ts";
import { Departure } from "./departure.ts";
import type { Request } from "./request.ts";
import { Subrequest } from "./subrequest.ts";

const UNAUTHORIZED = 401;
const FORBIDDEN = 403;
const CLIENT_CLOSED_REQUEST = 499;
const INTERNAL_SERVER_ERROR = 500;

const WWW_AUTHENTICATE = bytesOf("www-authenticate");

/** Asks, and says what was answered. */
export class AuthRequest implements AccessCheck {
  readonly #target: string;
  readonly #sets: readonly (readonly [set: Setter, value: Template<Request>])[];

  /**
   * @param target Path and query of the location that is asked.
   * @param sets `auth_request_set`: variables, by their names without the dollar.
   */
  constructor(
    target: string,
    sets: readonly (readonly [name: string, value: string])[],
    variables: Variables,
  ) {
    this.#target = target;
    this.#sets = sets.map(([name, text]) => [variables.setter(name), variables.compile(text)]);
  }

  async check(request: Request): Promise<Verdict> {
    const departure = new Departure(request.worker);
    departure.watch(request.client);
    try {
      const subrequest = new Subrequest(request, {
        target: this.#target,
        keepsBody: false,
        departure,
      });
      try {
        await subrequest.run();
        if (!departure.hasLeft) return this.#conclude(request, subrequest);
        request.client.response.cutShort();
        request.client.response.status = CLIENT_CLOSED_REQUEST;
        return "ended";
      } finally {
        subrequest.release();
      }
    } finally {
      departure.end();
    }
  }

  #conclude(request: Request, subrequest: Subrequest): Verdict {
    const { status, head } = subrequest.response;
    for (const [set, value] of this.#sets) set(request, value.render(subrequest.request));
    if (status >= 200 && status < 300) return "allowed";
    if (status === UNAUTHORIZED && head !== undefined) {
      const { fields } = head;
      const challenges: Uint8Array[] = [];
      for (let at = -1; (at = fields.find(WWW_AUTHENTICATE, at + 1)) >= 0;) {
        challenges.push(fields.bytes.slice(fields.lineStart(at), fields.lineEnd(at)));
      }
      request.isMarked = true;
      request.carried = [...request.carried, ...challenges];
    }
    if (status === UNAUTHORIZED || status === FORBIDDEN) return status;
    request.report("error", `auth request unexpected status: ${status}`);
    return INTERNAL_SERVER_ERROR;
  }
}
