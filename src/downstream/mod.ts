/**
 * The client's side: its connections, requests on their way in, responses on their way out.
 *
 * @module
 */
export type { BodyFilter, BodySink } from "./body_filter.ts";
export type { Client, RequestBodyReader, ResponseWriter } from "./client.ts";
export type { ClientTunnel, LimitRate } from "./client.ts";
export { ClientConnection, type ClientSettings, type ClientShared } from "./client_connection.ts";
export type { ClientConf, ListenConf } from "./conf.ts";
export {
  busyPage,
  ENDS_CONNECTION,
  errorPage,
  reasonOf,
  RETRY_AFTER,
  sendSimple,
  SERVER_NAME,
  SERVER_VERSION,
  type SimpleResponse,
} from "./error_page.ts";
export { type Coder, type CoderKind, takeCoder } from "./coder.ts";
export { CodingFilter } from "./coding_filter.ts";
export { formatHttpDate, parseHttpDate } from "./http_date.ts";
export { MultipartFilter, RangeFilter } from "./range_filter.ts";
export { type ClientHandler, serveClient } from "./serve_client.ts";
