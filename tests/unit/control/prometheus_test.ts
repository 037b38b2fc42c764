import { assertEquals } from "@std/assert";
import { ADMIN_API } from "../../../src/config/manual_admin.ts";
import { ASKED } from "../../../src/control/admin_routes.ts";
import type { PeerStatus, Status } from "../../../src/control/control.ts";
import { prometheusText } from "../../../src/control/prometheus.ts";
import { statusJson } from "../../../src/control/status_json.ts";
import { countAttempt, countRequest, Counts, LIMIT_SLOTS, METRICS } from "../../../src/log/mod.ts";
import { readPrometheus, sampleOf } from "../../support/prometheus.ts";

const PEER: PeerStatus = {
  name: '127.0.0.1:"1"',
  state: "unhealthy",
  reason: "",
  weight: 2,
  isBackup: false,
  active: 3,
  maxConns: 0,
  fails: 0,
  checks: { passed: 5, failed: 1 },
};

function statusOf(counts: Counts, peers: readonly PeerStatus[] = [PEER]): Status {
  return {
    version: "1.2.3",
    pid: 7,
    readiness: "serving",
    startedAtMs: 1_000,
    nowMs: 3_500,
    configPath: "/etc/sluice.yaml",
    reloads: { generation: 1, ok: 0, failed: 0, lastAtMs: 0, lastOkAtMs: 0, lastError: "" },
    workers: [{
      id: 0,
      connections: { open: 9, reading: 1, writing: 2, idle: 3, upstreamIdle: 2 },
      buffers: { slabBytes: 64, maxBytes: 128, heldCells: 1, heldBytes: 1, refusals: 4 },
      cells: [{ sizeBytes: 1024, cells: 64, free: 60 }],
      waitingForBuffers: 0,
      tempFiles: { open: 1, bytes: 2, maxBytes: 4 },
      logs: [{ name: "/x\\y\n", linesLost: 3, isBroken: true }],
    }],
    counts: counts.read(),
    upstreams: [{ name: "app", peers, queued: 1 }],
  };
}

Deno.test("every metric of the table is told, in a text that a strict reader takes", () => {
  const counts = new Counts();
  countRequest(counts.servers.of("x"), 200, 1, 2, 3.5);
  const attempt = {
    status: 200,
    connectMs: 1,
    headerMs: 1_500,
    responseMs: 2_500,
    bytesSent: 1,
    bytesReceived: 2,
    failure: undefined,
    isStale: false,
  };
  countAttempt(counts.peers.of("app", PEER.name), attempt, false);
  counts.limits.of("limit_req", "login")[LIMIT_SLOTS.rejected]! += 2;

  const families = readPrometheus(prometheusText(statusOf(counts)));

  assertEquals([...families.keys()], Object.keys(METRICS));
  const peer = { upstream: "app", peer: PEER.name };
  assertEquals(sampleOf(families, "sluice_uptime_seconds"), 2.5);
  assertEquals(sampleOf(families, "sluice_upstream_header_seconds_sum", peer), 1.5);
  assertEquals(
    sampleOf(families, "sluice_upstream_header_seconds_bucket", { ...peer, le: "1" }),
    0,
  );
  assertEquals(
    sampleOf(families, "sluice_upstream_header_seconds_bucket", { ...peer, le: "2" }),
    1,
  );
  assertEquals(sampleOf(families, "sluice_connections", { state: "upstream_active" }), 1);
  assertEquals(sampleOf(families, "sluice_log_lines_lost_total", { log: "/x\\y\n" }), 3);
  assertEquals(sampleOf(families, "sluice_upstream_checks_total", { result: "passed" }), 5);
  assertEquals(
    sampleOf(families, "sluice_limit_requests_total", { zone: "login", result: "rejected" }),
    2,
  );
});

Deno.test("metrics have units in their names, as Prometheus wants them", () => {
  for (const [name, { type, unit }] of Object.entries(METRICS)) {
    const bare = name.replace(/_total$/, "");
    assertEquals(name.endsWith("_total"), type === "counter", name);
    for (const base of ["seconds", "bytes"]) {
      assertEquals(bare.endsWith(`_${base}`), unit === base, name);
    }
  }
});

Deno.test("a server that a group names twice is told of once", () => {
  readPrometheus(prometheusText(statusOf(new Counts(), [PEER, PEER])));
});

Deno.test("/status has names for what was counted, and nothing where nothing was", () => {
  const json = statusJson(statusOf(new Counts()));
  assertEquals(json.uptime_seconds, 2.5);
  assertEquals(json.config.last_reload, null);
  assertEquals(json.upstreams[0]?.peers[0]?.requests, {
    none: 0,
    "1xx": 0,
    "2xx": 0,
    "3xx": 0,
    "4xx": 0,
    "5xx": 0,
  });
  assertEquals(json.workers[0]?.buffers.cells, [{ size_bytes: 1024, held: 4, free: 60 }]);
});

Deno.test("the manual tells of all that can be asked of the admin listener, and of nothing else", () => {
  const told = ADMIN_API.map(({ asked }) => asked.replace(/NAME|PEER/g, ":"));
  assertEquals(told.toSorted(), ASKED.toSorted());
});
