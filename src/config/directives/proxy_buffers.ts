/** Directives about the buffers between a peer and a client. @module */
import { directive, HTTP_SERVER_LOCATION, type Table } from "../directive.ts";
import { flag, folder, size, sizeTemplate } from "../types.ts";
import { buffers } from "./client.ts";

export const proxyBufferDirectives = {
  buffering: directive({
    name: "proxy_buffering",
    yaml: "proxy.buffering",
    contexts: HTTP_SERVER_LOCATION,
    type: flag,
    default: "on",
    doc: "Whether a response is read as fast as the peer sends it, into memory and then a " +
      "temporary file, or through one buffer at the client's pace. Either way what has come is " +
      "sent on at once.",
  }),
  buffers: directive({
    name: "proxy_buffers",
    yaml: "proxy.buffers",
    contexts: HTTP_SERVER_LOCATION,
    type: buffers,
    default: "8 8k",
    doc: "Number and size of the buffers of one response: together they bound its memory. They " +
      "are taken as two or more larger pieces.",
  }),
  busyBuffersSizeBytes: directive({
    name: "proxy_busy_buffers_size",
    yaml: "proxy.busy_buffers_size",
    contexts: HTTP_SERVER_LOCATION,
    type: size({ min: "1k" }),
    example: { yaml: "8k", nginx: "8k" },
    doc: "How much of a response may be on its way to the client before no more is queued behind " +
      "it. Twice the larger of `buffer_size` and one of `buffers` if it is not set.",
  }),
  maxTempFileSizeBytes: directive({
    name: "proxy_max_temp_file_size",
    yaml: "proxy.max_temp_file_size",
    contexts: HTTP_SERVER_LOCATION,
    type: size(),
    default: "1024m",
    doc: "How much of one response may be in a temporary file; 0 for none: then a slow client " +
      "holds the peer back. If the file cannot be written it is done without, and logged.",
  }),
  tempFileWriteSizeBytes: directive({
    name: "proxy_temp_file_write_size",
    yaml: "proxy.temp_file_write_size",
    contexts: HTTP_SERVER_LOCATION,
    type: size({ min: "1k" }),
    example: { yaml: "16k", nginx: "16k" },
    doc: "How much is written to the temporary file at a time, though never less than one read. " +
      "Twice the larger of `buffer_size` and one of `buffers` if it is not set.",
  }),
  tempPath: directive({
    name: "proxy_temp_path",
    yaml: "proxy.temp_path",
    contexts: HTTP_SERVER_LOCATION,
    type: folder,
    default: "/tmp",
    doc: "Folder of the temporary files of responses. They have no name once they are open, so " +
      "levels of subfolders, which nginx has, would hold nothing.",
  }),
  cyclicTempFile: directive({
    name: "proxy_cyclic_temp_file",
    yaml: "proxy.cyclic_temp_file",
    contexts: HTTP_SERVER_LOCATION,
    type: flag,
    default: "off",
    doc: "Whether a temporary file's space is used again when all that was in it has been sent.",
  }),
  limitRate: directive({
    name: "proxy_limit_rate",
    yaml: "proxy.limit_rate",
    contexts: HTTP_SERVER_LOCATION,
    type: sizeTemplate,
    default: "0",
    doc: "Bytes a second that a response is read from the peer at; 0 for no limit. Only where " +
      "`buffering` is on.",
  }),
  passTrailers: directive({
    name: "proxy_pass_trailers",
    yaml: "proxy.pass_trailers",
    contexts: HTTP_SERVER_LOCATION,
    type: flag,
    default: "off",
    doc: "Whether the trailer fields of chunked messages are passed on: those of responses, and " +
      "those of requests whose body is streamed. Fields that frame, route or describe a message " +
      "never are.",
  }),
  requestBuffering: directive({
    name: "proxy_request_buffering",
    yaml: "proxy.request_buffering",
    contexts: HTTP_SERVER_LOCATION,
    type: flag,
    default: "on",
    doc: "Whether a request body is read to its end before a peer is connected to. If not it is " +
      "streamed as it comes, and no other peer can be tried once it was begun.",
  }),
} satisfies Table;
