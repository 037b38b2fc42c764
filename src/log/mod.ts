/**
 * Access log and error log.
 *
 * @module
 */
export {
  AccessLog,
  ConditionalLog,
  LineFormat,
  type LineFormatOptions,
  LOG_FORMATS,
  type LogEscape,
  type LogFormat,
  type RequestLog,
  SeveralLogs,
} from "./access_log.ts";
export {
  type AccessLogConf,
  type ErrorLogConf,
  LOG_LEVELS,
  type LogLevel,
  type LogPath,
  type OpenLogFileCacheConf,
  type SyslogConf,
} from "./conf.ts";
export {
  countAttempt,
  type CountedAttempt,
  CountedElsewhere,
  countRequest,
  Counts,
  type CountsCopy,
  FAILURE_KINDS,
  type FailureKindName,
  LIMIT_SLOTS,
  type OnRow,
  PEER_SLOTS,
  PROCESS_SLOTS,
  type RowCopy,
  type RowKind,
  Rows,
  SERVER_SLOTS,
  STATUS_CLASSES,
  sumOf,
} from "./counts.ts";
export {
  ERROR_LOG_SINK,
  type ErrorContext,
  errorLine,
  ErrorLog,
  type ErrorLogHost,
} from "./error_log.ts";
export {
  BUCKET_BOUNDS_MS,
  type Histogram,
  HISTOGRAM_SLOTS,
  histogramIn,
  observe,
} from "./histogram.ts";
export { LogFiles, type LogHold, logTarget, type OpenLog, sharedLogTarget } from "./log_files.ts";
export { type Metric, type MetricName, METRICS } from "./metric_table.ts";
export { PathLogs, type PathLogsHost } from "./path_logs.ts";
export { LogSink, type LogSinkConf, type LogTarget, type LogWriter } from "./sink.ts";
export { ownUdpAddress, SYSLOG_FACILITIES, SYSLOG_SEVERITIES, syslogHead } from "./syslog.ts";
export {
  type ByteSpan,
  compileTemplate,
  type Getter,
  getterOf,
  MalformedVariable,
  type SpanGetter,
  type SpanLookup,
  type Template,
  templateParts,
  UnknownVariable,
  type VariableLookup,
  variablesOf,
  type VariableUse,
} from "./template.ts";
export { errorTime, timeIso8601, timeLocal } from "./time_text.ts";
