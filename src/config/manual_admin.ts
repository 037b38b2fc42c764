/**
 * The pages of the manual that tell what can be asked of the admin listener, and what is
 * counted.
 *
 * @module
 */
import { BUCKET_BOUNDS_MS } from "../log/histogram.ts";
import { METRICS } from "../log/metric_table.ts";

/** What can be asked, by method and path. */
export const ADMIN_API: readonly {
  readonly asked: string;
  readonly needsToken: boolean;
  readonly doc: string;
}[] = [
  {
    asked: "GET /",
    needsToken: false,
    doc: "A page for people: peers, health, throughput and latency, live. Needs nothing from " +
      "elsewhere.",
  },
  { asked: "GET /healthz", needsToken: false, doc: "200 while the process answers at all." },
  {
    asked: "GET /readyz",
    needsToken: false,
    doc: "200 while new traffic should be sent here; 503 while the process drains.",
  },
  { asked: "GET /status", needsToken: false, doc: "Everything there is to see, as JSON." },
  {
    asked: "GET /metrics",
    needsToken: false,
    doc: "The same for Prometheus: [metrics](metrics.md).",
  },
  { asked: "GET /upstreams", needsToken: false, doc: "The groups and their peers: of `/status`." },
  { asked: "GET /upstreams/NAME", needsToken: false, doc: "One group." },
  { asked: "GET /upstreams/NAME/peers", needsToken: false, doc: "Its peers." },
  { asked: "GET /upstreams/NAME/peers/PEER", needsToken: false, doc: "One peer, by its name." },
  {
    asked: "POST /upstreams/NAME/peers",
    needsToken: true,
    doc: 'Adds a peer: `{"address": "127.0.0.1:9001"}`, with `weight`, `max_conns`, `backup`, ' +
      "`down`, `drain` if wanted. 201, and the peer; 409 if it is there.",
  },
  {
    asked: "PATCH /upstreams/NAME/peers/PEER",
    needsToken: true,
    doc: "Changes some of `weight`, `max_conns`, `down`, `drain`. 200, and the peer.",
  },
  {
    asked: "DELETE /upstreams/NAME/peers/PEER",
    needsToken: true,
    doc: "Removes a peer: it finishes what it has. 409 for an address of a name.",
  },
  {
    asked: "POST /reload",
    needsToken: true,
    doc: "Reads the configuration again. 409 with what is wrong, and the old one kept.",
  },
  { asked: "POST /reopen", needsToken: true, doc: "Opens the log files again, after a rotation." },
];

/** What can be asked of the admin listener. */
export function adminApiPage(): string[] {
  const rows = ADMIN_API.map(({ asked, needsToken, doc }) =>
    `| \`${asked}\` | ${needsToken ? "yes" : ""} | ${doc} |`
  );
  return [
    "# What the admin listener answers",
    "Asked over HTTP at the address of [admin](admin.md). A token goes with\n" +
    "`Authorization: Bearer TOKEN`; with `token_for: all` all but `/`, `/healthz` and `/readyz`\n" +
    "need it. What an operator changes of peers holds until the next reload.",
    ["| | Token | |", "| --- | --- | --- |", ...rows].join("\n"),
    'A refusal is `{"error": "…"}`: 400 for a body that makes no sense, 401 without the token or\n' +
    "with another one, 403 where the configuration has no token or, on loopback, for a `Host` that is\n" +
    "no name of this machine, 404 for what is not there, 405 for another method, 409 for what cannot\n" +
    "be done now, 413 for a body of more than 16 KB, 415 for one that is not `application/json`.",
    "```sh\n" +
    'curl -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \\\n' +
    "  -X PATCH -d '{\"drain\": true}' http://127.0.0.1:9090/upstreams/app/peers/127.0.0.1:9001\n" +
    "```",
    "In `/status` times are in seconds and sizes in bytes. What was counted is counted since the\n" +
    "start of the process, when a request or an attempt at a peer ends; `buckets` of times count those\n" +
    "of at most `le` seconds that are in no bucket before.",
  ];
}

/** Everything that is counted. */
export function metricsPage(): string[] {
  const rows = Object.entries(METRICS).map(([name, { type, unit, labels, help }]) =>
    `| \`${name}\` | ${type} | ${unit} | ${
      labels.map((label) => `\`${label}\``).join(" ")
    } | ${help} |`
  );
  const bounds = BUCKET_BOUNDS_MS.map((bound) => bound / 1_000).join(", ");
  return [
    "# Metrics",
    "What `/metrics` of the [admin](admin.md) listener says, in Prometheus's text format. Nothing is\n" +
    "counted where there is no `admin`. Counters go on over reloads; a label `server` is its\n" +
    "`status_zone`, else the first `server_name` of a server, else the address that it is behind.",
    `Bounds of histograms, in seconds: ${bounds}.`,
    ["| Name | Type | Unit | Labels | |", "| --- | --- | --- | --- | --- |", ...rows].join("\n"),
  ];
}
