/**
 * HTTP/1 bytes: heads, framing, fields. No input or output, no clock, nothing of ours.
 *
 * @module
 */
export { BadMessage } from "./bad_message.ts";
export { BodyDecoder } from "./body.ts";
export { bytesOf, equalsIgnoringCase, latin1 } from "./chars.ts";
export {
  BadProxyHeader,
  type ProxiedAddress,
  PROXY_HEADER_BYTES_MAX,
  type ProxyHeader,
  readProxyHeader,
  writeProxyHeader,
} from "./proxy_protocol.ts";
export {
  type DnsQuestion,
  type DnsRecord,
  type DnsResponse,
  isDnsName,
  readDnsResponse,
  type RecordType,
  writeDnsQuestion,
} from "./dns.ts";
export * as fieldId from "./fields.ts";
export { FieldLines, identify } from "./fields.ts";
export { Head, NO_LENGTH } from "./head.ts";
export {
  CHUNK_HEADROOM,
  CHUNK_TAILROOM,
  chunkEnd,
  frameChunk,
  HeadWriter,
  LAST_CHUNK_BYTES,
  writeTrailers,
} from "./head_writer.ts";
export { type Cidr, cidrHas, parseCidr, parseClientIp, parseIp } from "./ip.ts";
export { escapeArgs, escapePath, normalizePath } from "./path.ts";
export { areAscending, type ByteRange, parseRanges, type RangeVerdict } from "./range.ts";
export { RequestHead } from "./request_head.ts";
export { ResponseHead } from "./response_head.ts";
