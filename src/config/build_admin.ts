/**
 * The admin listener's settings, as a whole.
 *
 * @module
 */
import type { AdminConf, ListenerConf } from "../http/conf.ts";
import type { Admin } from "./directives/admin.ts";
import type { Problems, Span } from "./problem.ts";

export function buildAdmin(
  admin: { readonly value: Admin; readonly span: Span } | undefined,
  listeners: readonly ListenerConf[],
  problems: Problems,
): AdminConf | undefined {
  if (admin?.value.listen === undefined) return undefined;
  const { listen, token, tokenFile, tokenFor } = admin.value;
  const hasToken = token !== undefined || tokenFile !== undefined;
  const complain = (cannot: string, expected: string) =>
    problems.add({ span: admin.span, cannot, found: "both", expected });
  if (listeners.some(({ name }) => name === listen.name && !name.endsWith(":0"))) {
    complain(`have admin on ${listen.name}`, "a server listens there");
  }
  if (token !== undefined && tokenFile !== undefined) {
    complain("use token and token_file in admin", "need one of them");
  }
  if (tokenFor === "all" && !hasToken) {
    complain("use token_for=all in admin without a token", "need token_file or token");
  }
  return {
    address: listen.address,
    token,
    tokenPath: tokenFile,
    isTokenForAll: tokenFor === "all",
  };
}
