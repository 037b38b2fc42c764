/**
 * What happens to a request between the client's side and the upstream's.
 *
 * @module
 */
export type * from "./conf.ts";
export { Proxy } from "./proxy.ts";
export type { Request } from "./request.ts";
export { Return } from "./return.ts";
export { Router } from "./router.ts";
export { HttpServer, type Location } from "./server.ts";
export { isKnownVariable, variable } from "./variables.ts";
export { type Handler, Worker } from "./worker.ts";
