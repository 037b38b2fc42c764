/**
 * `auth_basic`: a name and a password, held against a file of `htpasswd`.
 *
 * @module
 */
import type { Template } from "../log/mod.ts";
import type { AccessCheck, Verdict } from "./access.ts";
import { basicCredentials } from "./basic_credentials.ts";
import type { AuthBasicConf } from "./conf.ts";
import type { Variables } from "./configured_variables.ts";
import { Departure } from "./departure.ts";
import { bytesOfUnits, byteText, fieldSafe } from "./field_text.ts";
import { checkPassword } from "./password/password.ts";
import type { PasswordChecks, SlowCheck } from "./password/password_checks.ts";
import type { Request } from "./request.ts";

const UNAUTHORIZED = 401;
const FORBIDDEN = 403;
const CLIENT_CLOSED_REQUEST = 499;
const INTERNAL_SERVER_ERROR = 500;
const SERVICE_UNAVAILABLE = 503;

export class AuthBasic implements AccessCheck {
  readonly #realm: Template<Request>;
  readonly #userFile: Template<Request>;
  readonly #checks: PasswordChecks;

  constructor(conf: AuthBasicConf, variables: Variables, checks: PasswordChecks) {
    this.#realm = variables.compile(byteText(conf.realm));
    this.#userFile = variables.compile(conf.userFile);
    this.#checks = checks;
  }

  check(request: Request): Verdict | Promise<Verdict> {
    const realm = this.#realm.render(request);
    if (realm === "off") return "undecided";
    const credentials = basicCredentials(request);
    if (credentials === undefined) {
      request.report("info", "no user/password was provided for basic authentication");
      return challenge(request, realm);
    }
    const { user, password } = credentials;
    const path = this.#userFile.render(request);
    let hash: string | undefined;
    try {
      hash = this.#checks.hashOf(path, user);
    } catch (error) {
      return cannotOpen(request, path, error);
    }
    if (hash === undefined) {
      request.report("error", `user "${user}" was not found in "${path}"`);
      return challenge(request, realm);
    }
    const bytes = bytesOfUnits(password);
    const found = checkPassword(bytes, hash);
    switch (found.kind) {
      case "known":
        return this.#conclude(request, realm, user, found.isRight);
      case "unusable":
        request.report(
          "crit",
          `cannot check the password of user "${user}": ${found.why}; ` +
            `write it anew with htpasswd -B "${path}"`,
        );
        return INTERNAL_SERVER_ERROR;
      case "slow": {
        const check = this.#checks.begin(bytes, hash, found.slices);
        if (check === "right") return "allowed";
        if (check === "busy") {
          request.report("error", "too many passwords are being checked");
          return SERVICE_UNAVAILABLE;
        }
        return this.#wait(request, realm, user, check);
      }
    }
  }

  async #wait(
    request: Request,
    realm: string,
    user: string,
    check: SlowCheck,
  ): Promise<Verdict> {
    const departure = new Departure(request.worker);
    departure.watch(request.client);
    departure.add(() => check.leave());
    try {
      const isRight = await check.isRight;
      if (isRight !== undefined) return this.#conclude(request, realm, user, isRight);
      request.client.response.cutShort();
      request.client.response.status = CLIENT_CLOSED_REQUEST;
      return "ended";
    } finally {
      departure.end();
    }
  }

  #conclude(request: Request, realm: string, user: string, isRight: boolean): Verdict {
    if (isRight) return "allowed";
    request.report("error", `user "${user}": password mismatch`);
    return challenge(request, realm);
  }
}

function challenge(request: Request, realm: string): number {
  const quoted = fieldSafe(realm).replace(/["\\]/g, "\\$&");
  const line = bytesOfUnits(`WWW-Authenticate: Basic realm="${quoted}"\r\n`);
  request.isMarked = true;
  request.carried = [...request.carried, line];
  return UNAUTHORIZED;
}

/** nginx's statuses and words. */
function cannotOpen(request: Request, path: string, error: unknown): number {
  if (error instanceof Deno.errors.NotFound) {
    request.report("error", `open() "${path}" failed (2: No such file or directory)`);
    return FORBIDDEN;
  }
  const why = error instanceof Error ? error.message : String(error);
  request.report("crit", `open() "${path}" failed (${why})`);
  return INTERNAL_SERVER_ERROR;
}
