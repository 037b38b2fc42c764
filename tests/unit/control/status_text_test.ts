import { assertEquals } from "@std/assert";
import { placeAt } from "../../../src/control/ask_admin.ts";
import { parseCommandLine, UsageError } from "../../../src/control/command_line.ts";
import { statusJson } from "../../../src/control/status_json.ts";
import { statusLines } from "../../../src/control/status_text.ts";
import { countAttempt, countRequest, Counts } from "../../../src/log/mod.ts";
import { assertThrows } from "@std/assert";

function statusOf(counts: Counts, name = "example.org") {
  return statusJson({
    version: "1.2.3",
    pid: 7,
    readiness: "serving",
    startedAtMs: 0,
    nowMs: 3_600_000,
    configPath: "/etc/sluice.yaml",
    reloads: { generation: 2, ok: 1, failed: 0, lastAtMs: 1, lastOkAtMs: 1, lastError: "" },
    workers: [{
      id: 0,
      connections: { open: 3, reading: 0, writing: 1, idle: 2, upstreamIdle: 4 },
      buffers: { slabBytes: 2048, maxBytes: 4096, heldCells: 1, heldBytes: 1024, refusals: 0 },
      cells: [],
      waitingForBuffers: 0,
      tempFiles: { open: 1, bytes: 1_500_000, maxBytes: 0 },
      logs: [{ name: "/x", linesLost: 5, isBroken: true }],
    }],
    counts: counts.read(),
    upstreams: [{
      name: "app",
      queued: 2,
      peers: [{
        name,
        state: "up",
        reason: "",
        weight: 1,
        isBackup: true,
        active: 3,
        maxConns: 10,
        fails: 0,
      }],
    }],
  });
}

function count(counts: Counts, times: number): void {
  const attempt = {
    status: 200,
    connectMs: 1,
    headerMs: 4,
    responseMs: 8,
    bytesSent: 1,
    bytesReceived: 2,
    failure: undefined,
    isStale: false,
  };
  for (let k = 0; k < times; k++) {
    countRequest(counts.servers.of("example.org"), 200, 100, 2_000, 8);
    countAttempt(counts.peers.of("app", "example.org"), attempt, k > 0);
  }
}

Deno.test("status: what is held, each server and each peer, in columns", () => {
  const counts = new Counts();
  count(counts, 10);
  assertEquals(statusLines(statusOf(counts), undefined, 120), [
    "sluice 1.2.3, pid 7, serving, up 1 h 0 min, configuration 2 (/etc/sluice.yaml)",
    "clients: 0 reading, 1 at work, 2 idle, 0 accepted; idle connections to peers: 4",
    "buffers: 1.0 KB held, 2.0 KB taken, 0 waiting; temp files: 1, 1.4 MB; log lines lost: 5",
    "",
    "SERVER       REQ/S     P50      P99  2XX  3XX  4XX  5XX  NONE  RECEIVED   SENT",
    "example.org      -  7.5 ms  10.0 ms   10    0    0    0     0    1000 B  20 KB",
    "",
    "PEER           STATE    WEIGHT  ACTIVE  REQ/S  REQUESTS  FAILED     P50      P99  REUSED",
    "app, 2 waiting",
    "  example.org  up     1 backup    3/10      -        10       0  7.5 ms  10.0 ms     90%",
  ]);
});

Deno.test("top: rates are of the time between two looks, and of one process only", () => {
  const counts = new Counts();
  count(counts, 10);
  const earlier = { status: statusOf(counts), seconds: 2 };
  count(counts, 5);
  const row = statusLines(statusOf(counts), earlier, 120)[5];
  assertEquals(row?.split(/ +/).slice(0, 2), ["example.org", "2.5"]);
  const other = { ...earlier, status: { ...earlier.status, started: "another" } };
  assertEquals(statusLines(statusOf(counts), other, 120)[5]?.split(/ +/)[1], "-");
});

Deno.test("status: lines fit the terminal, and no name in them steers it", () => {
  const lines = statusLines(statusOf(new Counts(), "\x1b[31mred\n"), undefined, 40);
  assertEquals(lines.every((line) => line.length <= 40), true);
  // deno-lint-ignore no-control-regex -- these are what a terminal obeys
  assertEquals(lines.some((line) => /[\x00-\x1f]/.test(line)), false);
});

Deno.test("status and top: whom they ask", () => {
  const parsed = parseCommandLine(["status", "--admin", "9090", "--json"]);
  assertEquals(parsed.name === "status" && [parsed.admin, parsed.isJson], ["9090", true]);
  assertEquals(parseCommandLine(["top", "-c", "x.yaml"]).name, "top");
  for (const args of [["status"], ["top"]]) {
    assertThrows(() => parseCommandLine(args), UsageError, "need -c FILE, or --admin ADDRESS");
  }
  assertThrows(
    () => parseCommandLine(["top", "--json", "-c", "x"]),
    UsageError,
    "Cannot use --json",
  );
  assertEquals(placeAt("9090")?.address, { hostname: "127.0.0.1", port: 9090 });
  assertEquals(placeAt("[::1]:1")?.address, { hostname: "::1", port: 1 });
  assertEquals(placeAt("unix:/x")?.address, { path: "/x" });
  assertEquals([placeAt("host"), placeAt("")], [undefined, undefined]);
});
