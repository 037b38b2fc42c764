/**
 * nginx's `absolute_redirect`.
 *
 * @module
 */
import type { Request } from "./request.ts";

/** A path as a URL of the server that was asked. */
export function absoluteUrl(request: Request, path: string): string {
  const { head } = request;
  const port = request.serverPort === 80 || request.serverPort === 0
    ? ""
    : `:${request.serverPort}`;
  return head.hostEnd === head.hostStart && request.serverName === ""
    ? path
    : `http://${request.host}${port}${path}`;
}
