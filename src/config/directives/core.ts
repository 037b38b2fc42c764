/** Directives of the whole process. @module */
import { type ArgumentType, directive, type Table } from "../directive.ts";
import { oneSwitch, wordTexts } from "../nginx_form.ts";
import { integer, scalarType, size, time } from "../types.ts";

/** More threads than processors help nobody. */
const WORKERS_MAX = 256;

const userAndGroup: ArgumentType<string> = {
  label: "name [group]",
  expected: "the name of a user, and of a group if wanted",
  read(node, reading): string | undefined {
    const words = wordTexts(node);
    const isRight = [1, 2].includes(words.length) && words.every((word) => /^[\w.-]+$/.test(word));
    return isRight ? words.join(" ") : reading.refuse(node, this.expected);
  },
};

export const coreDirectives = {
  workers: directive({
    name: "worker_processes",
    yaml: "workers",
    contexts: ["main"],
    type: scalarType(
      "number | auto",
      `a number from 1 to ${WORKERS_MAX}, or auto`,
      (text) => {
        if (text === "auto") return 0;
        const count = /^\d{1,3}$/.test(text) ? Number(text) : 0;
        return count >= 1 && count <= WORKERS_MAX ? count : undefined;
      },
    ),
    default: "1",
    example: { yaml: "auto", nginx: "auto" },
    doc:
      "Threads that serve; `auto` is one a processor. Each has its own connections, buffers and " +
      "idle connections to peers. What has to be one is one: the state of peers, `max_conns`, " +
      "limits, counters. A worker that ends by an error is replaced; its own connections are lost, " +
      "those of the others are not. With 1 there is no other thread. A unix socket that is listened " +
      "on is served by the first worker. A reload cannot change the number.",
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
  daemon: directive({
    name: "daemon",
    contexts: ["main"],
    type: {
      ...scalarType(
        "off",
        "off: the process that is started is the server itself, and a supervisor keeps it",
        (text) => text === "off" || text === "false" ? "off" : undefined,
      ),
      nginx: oneSwitch,
    },
    default: "off",
    doc:
      "Sluice runs in the foreground, always: nginx puts itself into the background where it is " +
      "not told `daemon off`.",
  }),
  user: directive({
    name: "user",
    contexts: ["main"],
    type: userAndGroup,
    example: { yaml: "www-data www-data", nginx: "www-data www-data" },
    doc: "Nothing in Deno can change the user of a process: started by root, Sluice refuses a " +
      "configuration with any other one, and says how to start it as that user. Started by " +
      "anybody else it is told in the error log that this has no effect, as in nginx.",
  }),
  openFiles: directive({
    name: "worker_rlimit_nofile",
    contexts: ["main"],
    type: integer({ min: 1 }),
    example: { yaml: "65536", nginx: "65536" },
    doc:
      "The files and sockets that the process has to be able to open. Nothing in Deno can raise " +
      "the limit, so it is looked at: with all permissions (`-A`) a lower one is an error at the " +
      "start, otherwise the error log says that it could not be seen.",
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
      "that gets none for 10 s is answered with 503; `shed_load` keeps it from coming to that. " +
      "While more than three quarters of it are held responses take 16 KB of `buffers` at most. " +
      "One takes about 20 KB, and up to 64 KB more while a large body passes. nginx has no such " +
      "bound.",
  }),
  tempDiskBytes: directive({
    name: "temp_disk",
    contexts: ["main"],
    type: size(),
    default: "8g",
    doc: "Disk that the temporary files of request and response bodies may take, those of all " +
      "workers together; 0 for any amount. When half of it is taken responses are not written to " +
      "files any more, as with `max_temp_file_size` 0: their peers wait for their clients. When " +
      "90% of it (`shed_load`) would be, a request whose body needs a file is answered with 503 " +
      "and `Retry-After`; bodies that are being written have the rest. What `store` keeps does " +
      "not count. nginx has no such bound.",
  }),
  shedLoadFrom: directive({
    name: "shed_load",
    contexts: ["main"],
    type: scalarType(
      "percent | off",
      "a share from 50% to 99%, or off",
      (text) => {
        if (text === "off" || text === "false") return 1;
        const percent = /^\d+%$/.test(text) ? Number(text.slice(0, -1)) : 0;
        return percent >= 50 && percent <= 99 ? percent / 100 : undefined;
      },
    ),
    default: "90%",
    doc:
      "How much of `buffer_memory` a worker's requests may hold before it answers new ones with " +
      "503 and `Retry-After` at once, without looking for their location: those that run have " +
      "the rest. Once a second the error log says how many there were. `off`: they wait for " +
      "memory. nginx has no such bound.",
  }),
} satisfies Table;
