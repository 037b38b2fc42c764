/**
 * What happens to a request between the client's side and the upstream's.
 *
 * @module
 */
export { sessionsLayout } from "./sticky_learn.ts";
export type * from "./conf.ts";
export { Access, type AccessCheck } from "./access.ts";
export { AccessRules } from "./access_rules.ts";
export { AuthBasic } from "./auth_basic.ts";
export type * from "./response_conf.ts";
export type * from "./static_conf.ts";
export { AuthRequest } from "./auth_request.ts";
export { type CustomHandler, HandlerLocation } from "./custom_handler.ts";
export type { HandlerResponse } from "./handler_response.ts";
export type {
  HandlerContext,
  HandlerVariables,
  SubrequestInit,
  SubrequestResponse,
} from "./handler_context.ts";
export { bucketsLayout, LeakyBuckets } from "./leaky_buckets.ts";
export { LimitRequests } from "./limit_requests.ts";
export { type Kept, keptOf } from "./kept.ts";
export { countsLayout, LimitConnections } from "./limit_connections.ts";
export { LimitExcept } from "./limit_except.ts";
export { Mirror } from "./mirror.ts";
export { PasswordChecks } from "./password/password_checks.ts";
export { Proxy } from "./proxy.ts";
export type { Request } from "./request.ts";
export { DEFAULT_MAX_RANGES, reshapesAny, ResponsePolicy } from "./response_policy.ts";
export { Return } from "./return.ts";
export { CapturingRegex } from "./regex.ts";
export { ValidReferers } from "./valid_referers.ts";
export { RealIp } from "./real_ip.ts";
export { Rewriter } from "./rewrite.ts";
export { locationRegex, Router, serverNameRegex } from "./router.ts";
export { removeLeftovers } from "./store.ts";
export { type EnterServer, HttpServer, type Location } from "./server.ts";
export { EmptyGif } from "./empty_gif.ts";
export { SecureLink } from "./secure_link.ts";
export { type ConnectionNumbers, StubStatus } from "./stub_status.ts";
export { type Step, Steps } from "./step.ts";
export { NO_VARIABLES, Variables } from "./configured_variables.ts";
export { LocationFiles } from "./location_files.ts";
export { TryFiles } from "./try_files.ts";
export { StaticFiles } from "./static.ts";
export { isKnownVariable } from "./variables.ts";
export { type Handler, Worker } from "./worker.ts";
