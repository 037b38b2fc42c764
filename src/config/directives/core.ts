/** Directives of the whole process. @module */
import { directive, type Table } from "../directive.ts";
import { integer, scalarType, size, time } from "../types.ts";

export const coreDirectives = {
  workers: directive({
    name: "worker_processes",
    yaml: "workers",
    contexts: ["main"],
    type: scalarType(
      "1",
      "1: more than one worker is not supported yet",
      (text) => text === "1" ? 1 : undefined,
    ),
    default: "1",
    doc: "Number of workers. Only one for now.",
  }),
  workerConnections: directive({
    name: "worker_connections",
    contexts: ["events"],
    type: integer({ min: 4 }),
    default: "10240",
    doc:
      "Connections a worker may have at once, to clients and to peers together. nginx's default of " +
      "512 is meant for one of many workers; Sluice has one by default, and 10,000 idle clients " +
      "hold about 10 MB in it. The limit of open files (`ulimit -n`) has to be above it.",
  }),
  pid: directive({
    name: "pid",
    contexts: ["main"],
    type: scalarType(
      "path of a file",
      "the path of a file, in a folder that is there",
      (text) => text === "" || text.endsWith("/") ? undefined : text,
    ),
    example: { yaml: "/run/sluice/sluice.pid", nginx: "/run/sluice/sluice.pid" },
    doc:
      "The file in which the number of the process stands, for `sluice reload` and its like. It " +
      "is written once everything listens and removed at the end. One that a process left which " +
      "is gone is replaced; one of a process that runs is an error. nginx writes one whether it " +
      "is named or not; Sluice needs it named.",
  }),
  workerShutdownTimeoutMs: directive({
    name: "worker_shutdown_timeout",
    contexts: ["main"],
    type: time({ min: "1ms" }),
    example: { yaml: "30s", nginx: "30s" },
    doc: "How long requests, streams and upgraded connections may go on after a reload has put " +
      "another configuration in their place, or after a graceful stop (SIGQUIT). What still runs " +
      "then is cut off. Without it they may go on until they end by themselves.",
  }),
  bufferMemoryBytes: directive({
    name: "buffer_memory",
    contexts: ["main"],
    type: size({ min: "1m" }),
    default: "512m",
    doc:
      "Memory that a worker's buffers may take. When it is used up reading waits, and a request " +
      "that gets none for 10 s is answered with 503. One takes about 20 KB, and up to 64 KB more " +
      "while a large body passes. nginx has no such bound.",
  }),
} satisfies Table;
