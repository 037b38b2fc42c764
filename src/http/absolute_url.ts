/**
 * Redirects of our own to a path.
 *
 * @module
 */
import { formatHost } from "../peer/mod.ts";
import type { RedirectsConf } from "./response_conf.ts";
import type { Request } from "./request.ts";

const HTTP_PORT = 80;

/** nginx's defaults. */
export const DEFAULT_REDIRECTS: RedirectsConf = {
  isAbsolute: true,
  hasPort: true,
  hasServerName: false,
};

/** A path as `absolute_redirect` and its kin have it: a URL of the server that was asked. */
export function absoluteUrl(request: Request, path: string): string {
  const { isAbsolute, hasPort, hasServerName } = request.policy?.redirects ?? DEFAULT_REDIRECTS;
  if (!isAbsolute) return path;
  const { local } = request.client.conn;
  const port = local.port || request.serverPort;
  const portText = !hasPort || port === HTTP_PORT || port === 0 ? "" : `:${port}`;
  const { head } = request;
  const asked = head.hostEnd > head.hostStart ? request.host : formatHost(local.hostname);
  const host = hasServerName ? request.serverName : asked;
  return host === "" ? path : `http://${host}${portText}${path}`;
}
