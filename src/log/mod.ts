/**
 * Access log and error log.
 *
 * @module
 */
export { AccessLog, LOG_FORMATS, type LogEscape, type LogFormat } from "./access_log.ts";
export {
  type AccessLogConf,
  type ErrorLogConf,
  LOG_LEVELS,
  type LogLevel,
  type LogPath,
} from "./conf.ts";
export { ERROR_LOG_SINK, type ErrorContext, ErrorLog, type ErrorLogHost } from "./error_log.ts";
export { LogFiles, logTarget } from "./log_files.ts";
export { LogSink, type LogSinkConf, type LogTarget, type LogWriter } from "./sink.ts";
export {
  compileTemplate,
  type Getter,
  MalformedVariable,
  type Template,
  UnknownVariable,
  type VariableLookup,
  variablesOf,
  type VariableUse,
} from "./template.ts";
export { errorTime, timeIso8601, timeLocal } from "./time_text.ts";
