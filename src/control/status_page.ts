/**
 * The page for people at `/` of the admin listener: one piece of HTML that needs nothing
 * else, and asks `/status` once a second.
 *
 * What comes from the proxy is put in as text, never as HTML.
 *
 * @module
 */
import { createHash } from "node:crypto";

const STYLE = `
:root { color-scheme: light dark; --fg: #1c2126; --dim: #68737d; --bg: #fff; --line: #dde2e6;
  --ok: #1a7f4b; --warn: #9a6700; --bad: #b42318; --blue: #0b65c2; }
@media (prefers-color-scheme: dark) { :root { --fg: #e4e8eb; --dim: #97a3ad; --bg: #15191d;
  --line: #333b42; --ok: #4ccb8a; --warn: #e0b040; --bad: #ff7a6e; --blue: #6cb2ff; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem 1.25rem 3rem; max-width: 75rem; background: var(--bg);
  color: var(--fg); font: 14px/1.45 system-ui, sans-serif; }
header { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; align-items: baseline; }
h1 { font-size: 1.35rem; margin: 0; } h2 { font-size: 1.05rem; margin: 1.75rem 0 .5rem; }
.dim { color: var(--dim); } .ok { color: var(--ok); } .warn { color: var(--warn); }
.bad { color: var(--bad); }
#tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: .75rem;
  margin: 1rem 0; }
.tile { border: 1px solid var(--line); border-radius: 6px; padding: .5rem .75rem; }
.tile b { display: block; font-size: 1.3rem; font-weight: 600; font-variant-numeric: tabular-nums; }
#plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(22rem, 1fr)); gap: .75rem; }
figure { margin: 0; border: 1px solid var(--line); border-radius: 6px; padding: .5rem .75rem; }
figcaption { display: flex; flex-wrap: wrap; gap: 0 1rem; }
svg { display: block; width: 100%; height: auto; } svg text { fill: var(--dim); font-size: 12px; }
svg line { stroke: var(--line); } path { fill: none; stroke-width: 1.5; }
.s0 { stroke: var(--blue); color: var(--blue); } .s1 { stroke: var(--warn); color: var(--warn); }
.s2 { stroke: var(--bad); color: var(--bad); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .25rem .6rem; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
th { color: var(--dim); font-weight: 500; } th:first-child, td:first-child { text-align: left; }
td:first-child { font-family: ui-monospace, monospace; }
#upstreams th:nth-child(2), #upstreams td:nth-child(2) { text-align: left; }
#upstreams th[colspan] { color: var(--fg); font-weight: 600; text-align: left; padding-top: 1rem; }
form { margin: 1rem 0; } input { font: inherit; padding: .25rem .5rem; }
[hidden] { display: none !important; }
`;

const BODY = `
<header><h1>Sluice</h1><span id="state" class="dim">asking…</span><span id="about" class="dim"></span>
</header>
<p id="trouble" class="bad" hidden></p>
<form id="ask" hidden><label>Token <input id="token" type="password" autocomplete="off"></label>
<button>Look</button></form>
<div id="tiles"></div>
<div id="plots"></div>
<h2>Upstreams</h2><div id="upstreams" class="wide"></div>
<h2>Servers</h2><div id="servers" class="wide"></div>
<h2>Workers</h2><div id="workers" class="wide"></div>
`;

const SCRIPT = `
"use strict";
const KEEP = 120;
const byId = (id) => document.getElementById(id);
const make = (tag, attributes = {}, ...children) => {
  const isSvg = ["svg", "path", "line", "text"].includes(tag);
  const node = isSvg
    ? document.createElementNS("http://www.w3.org/2000/svg", tag)
    : document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
};
const total = (counts) => Object.values(counts).reduce((sum, count) => sum + count, 0);
const sumOf = (all, of) => all.reduce((sum, one) => sum + of(one), 0);
const number = (value) => value >= 1e6
  ? (value / 1e6).toFixed(1) + " M"
  : value >= 1e4 ? (value / 1e3).toFixed(1) + " k" : String(Math.round(value * 10) / 10);
const bytes = (value) => {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let at = 0;
  while (value >= 1024 && at < units.length - 1) { value /= 1024; at++; }
  return (value < 10 && at > 0 ? value.toFixed(1) : Math.round(value)) + " " + units[at];
};
const time = (seconds) => seconds === undefined ? "–"
  : seconds >= 1 ? Math.round(seconds * 10) / 10 + " s"
  : Math.round(seconds * 1e4) / 10 + " ms";
const age = (seconds) => {
  const parts = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const at = parts.findIndex(([, size]) => seconds >= size);
  if (at < 0) return "0 s";
  const [unit, size] = parts[at];
  const rest = parts[at + 1];
  const text = Math.floor(seconds / size) + " " + unit;
  return rest === undefined ? text : text + " " + Math.floor(seconds % size / rest[1]) + " " + rest[0];
};
/** What was counted between two looks. */
const between = (before, now) => now.buckets.map(({ le, count }, at) => ({
  le, count: count - (before?.buckets[at].count ?? 0),
}));
/** A quantile, by its place within its bucket; undefined where nothing was counted. */
const quantile = (buckets, share) => {
  const all = sumOf(buckets, ({ count }) => count);
  if (all <= 0) return undefined;
  let seen = 0, from = 0;
  for (const { le, count } of buckets) {
    if (count > 0 && seen + count >= all * share) {
      return le === null ? from : from + (le - from) * (all * share - seen) / count;
    }
    seen += count;
    if (le !== null) from = le;
  }
  return from;
};
const merged = (all) => all.reduce((sum, buckets) => sum === undefined
  ? buckets
  : sum.map(({ le, count }, at) => ({ le, count: count + buckets[at].count })), undefined) ?? [];

const history = [];
let before, beforeAtMs, token = sessionStorage.getItem("sluice token") ?? "";

/** Counters that a restart has set back count from 0. */
const rate = (now, old, seconds) => Math.max(0, now < old ? now : now - old) / seconds;

function look(status) {
  const nowMs = performance.now();
  const sameRun = before !== undefined && before.started === status.started;
  const old = sameRun ? before : undefined;
  const seconds = old === undefined ? Infinity : (nowMs - beforeAtMs) / 1000;
  const oldServers = new Map(old?.servers.map((server) => [server.name, server]));
  const point = { ok: 0, errors: 0, sent: 0, received: 0, buckets: [] };
  const all = [];
  for (const server of status.servers) {
    const was = oldServers.get(server.name);
    const done = rate(total(server.requests), was === undefined ? 0 : total(was.requests), seconds);
    const bad = rate(server.requests["5xx"], was?.requests["5xx"] ?? 0, seconds);
    point.ok += done - bad;
    point.errors += bad;
    point.sent += rate(server.sent_bytes, was?.sent_bytes ?? 0, seconds);
    point.received += rate(server.received_bytes, was?.received_bytes ?? 0, seconds);
    const buckets = between(was?.duration, server.duration);
    all.push(buckets);
    server.now = { rate: done, p50: quantile(buckets, .5), p99: quantile(buckets, .99) };
  }
  const buckets = merged(all);
  point.p50 = quantile(buckets, .5);
  point.p99 = quantile(buckets, .99);
  if (old !== undefined) {
    history.push(point);
    if (history.length > KEEP) history.shift();
  }
  header(status);
  tiles(status, point, old !== undefined);
  plots();
  upstreams(status, old, seconds);
  servers(status, old !== undefined);
  workers(status);
  before = status;
  beforeAtMs = nowMs;
}

function header(status) {
  const state = byId("state");
  state.textContent = status.readiness;
  state.className = status.readiness === "serving" ? "ok" : "warn";
  const config = status.config;
  byId("about").textContent = "version " + status.version + " · pid " + status.pid + " · up " +
    age(status.uptime_seconds) + " · configuration " + config.generation +
    (config.path === "" ? "" : " (" + config.path + ")");
  trouble(config.last_error === "" ? "" : "The last reload failed: " + config.last_error);
}

function trouble(text) {
  byId("trouble").textContent = text;
  byId("trouble").hidden = text === "";
}

function tiles(status, point, hasRates) {
  const { connections: c, workers } = status;
  const peers = status.upstreams.flatMap(({ peers }) => peers);
  const up = peers.filter(({ state }) => state === "up").length;
  const shown = (text) => hasRates ? text : "–";
  const cells = [
    ["requests/s", shown(number(point.ok + point.errors)), ""],
    ["of them 5xx", shown(number(point.errors)), point.errors > 0 ? "bad" : ""],
    ["p50", shown(time(point.p50)), ""],
    ["p99", shown(time(point.p99)), ""],
    ["sent/s", shown(bytes(point.sent)), ""],
    ["clients", number(c.reading + c.writing + c.idle), ""],
    ["of them at work", number(c.reading + c.writing), ""],
    ["peers up", up + " of " + peers.length, up < peers.length ? "warn" : ""],
    ["buffers held", bytes(sumOf(workers, ({ buffers }) => buffers.held_bytes)), ""],
    ["on disk", bytes(sumOf(workers, (worker) => worker.temp_files.bytes)), ""],
  ];
  byId("tiles").replaceChildren(...cells.map(([name, value, kind]) =>
    make("div", { class: "tile" }, make("b", { class: kind }, value),
      make("span", { class: "dim" }, name))));
}

function plots() {
  byId("plots").replaceChildren(
    plot("Requests per second", number, [
      ["below 500", history.map(({ ok }) => ok)],
      ["", []],
      ["5xx", history.map(({ errors }) => errors)],
    ]),
    plot("Latency", time, [
      ["p50", history.map(({ p50 }) => p50)],
      ["p99", history.map(({ p99 }) => p99)],
    ]),
    plot("Bytes per second", bytes, [
      ["sent", history.map(({ sent }) => sent)],
      ["received", history.map(({ received }) => received)],
    ]),
  );
}

function plot(title, format, series) {
  const width = 480, height = 144, left = 58, bottom = 18, top = 8;
  const values = series.flatMap(([, points]) => points).filter((value) => value !== undefined);
  const most = nice(Math.max(0, ...values), format === bytes ? 1024 : 10);
  const x = (at) => left + (width - left - 4) * (KEEP - history.length + at) / (KEEP - 1);
  const y = (value) => top + (height - top - bottom) * (1 - value / most);
  const svg = make("svg", { viewBox: "0 0 " + width + " " + height, role: "img",
    "aria-label": title });
  for (const share of [0, .5, 1]) {
    const at = y(most * share);
    svg.append(make("line", { x1: left, x2: width, y1: at, y2: at }),
      make("text", { x: left - 5, y: at + 4, "text-anchor": "end" },
        values.length === 0 ? "" : format(most * share)));
  }
  svg.append(make("text", { x: left, y: height - 3 }, "2 min ago"),
    make("text", { x: width, y: height - 3, "text-anchor": "end" }, "now"));
  series.forEach(([, points], kind) => {
    let d = "", isOn = false;
    points.forEach((value, at) => {
      if (value === undefined) { isOn = false; return; }
      d += (isOn ? "L" : "M") + x(at).toFixed(1) + " " + y(value).toFixed(1);
      if (!isOn && points[at + 1] === undefined) d += "h1";
      isOn = true;
    });
    if (d !== "") svg.append(make("path", { class: "s" + kind, d }));
  });
  const legend = series.map(([name], kind) => [name, kind]).filter(([name]) => name !== "")
    .map(([name, kind]) => make("span", { class: "s" + kind }, "— " + name));
  return make("figure", {}, make("figcaption", {}, make("span", {}, title), ...legend), svg);
}

/** 1, 2 or 5 and zeros, not below the value; of the unit that it is written in. */
function nice(value, base) {
  if (value <= 0) return 1;
  const unit = base === 10 ? 1 : base ** Math.max(0, Math.floor(Math.log(value) / Math.log(base)));
  const power = 10 ** Math.floor(Math.log10(value / unit));
  return unit * ([1, 2, 5, 10].map((step) => step * power).find((step) => step * unit >= value) ??
    value / unit);
}

/** A row is its cells, or a text for the rows that follow. */
function table(head, rows) {
  return make("table", {},
    make("thead", {}, make("tr", {}, ...head.map((text) => make("th", {}, text)))),
    make("tbody", {}, ...rows.map((cells) => typeof cells === "string"
      ? make("tr", {}, make("th", { colspan: head.length }, cells))
      : make("tr", {}, ...cells.map((cell) => {
        const [text, kind, title] = Array.isArray(cell) ? cell : [cell, "", ""];
        return make("td", { class: kind, title: title ?? "" }, text);
      })))));
}

const KINDS = { up: "ok", draining: "warn", checking: "warn", down: "dim" };

function upstreams(status, old, seconds) {
  const oldPeers = new Map(old?.upstreams.flatMap(({ name, peers }) =>
    peers.map((peer) => [name + "\\0" + peer.name, peer])));
  const shown = (text) => old === undefined ? "–" : text;
  const rows = status.upstreams.flatMap(({ name, queued, peers }) => {
    const cells = peers.map((peer) => {
      const was = oldPeers.get(name + "\\0" + peer.name);
      const buckets = between(was?.response, peer.response);
      const { opened, reused } = peer.connections;
      const failures = total(peer.failures);
      const kinds = Object.entries(peer.failures).filter(([, count]) => count > 0)
        .map(([kind, count]) => kind + " " + count).join(", ");
      return [
        peer.name,
        [peer.state + (peer.reason === "" ? "" : ": " + peer.reason), KINDS[peer.state] ?? "bad"],
        String(peer.weight) + (peer.backup ? " backup" : ""),
        peer.max_conns === 0 ? String(peer.active) : peer.active + " of " + peer.max_conns,
        shown(number(rate(total(peer.requests), was === undefined ? 0 : total(was.requests), seconds))),
        number(total(peer.requests)),
        [number(failures), failures > 0 ? "bad" : "", kinds],
        number(peer.retries),
        shown(time(quantile(buckets, .5))),
        shown(time(quantile(buckets, .99))),
        opened + reused === 0 ? "–" : Math.round(100 * reused / (opened + reused)) + " %",
        peer.checks === undefined ? "–" : [peer.checks.failed + " of " +
          (peer.checks.passed + peer.checks.failed) + " failed",
          peer.checks.failed > 0 ? "warn" : ""],
      ];
    });
    return [name + (queued > 0 ? " · " + queued + " wait for a peer" : ""), ...cells];
  });
  byId("upstreams").replaceChildren(rows.length === 0 ? "none" : table(["peer", "state", "weight",
    "active", "req/s", "requests", "failures", "retried", "p50", "p99", "reused", "checks"], rows));
}

function servers(status, hasRates) {
  const shown = (text) => hasRates ? text : "–";
  byId("servers").replaceChildren(table(
    ["server", "req/s", "p50", "p99", "1xx", "2xx", "3xx", "4xx", "5xx", "none", "received", "sent"],
    status.servers.map(({ name, requests, now, received_bytes, sent_bytes }) => [
      name, shown(number(now.rate)), shown(time(now.p50)), shown(time(now.p99)),
      ...["1xx", "2xx", "3xx", "4xx"].map((kind) => number(requests[kind])),
      [number(requests["5xx"]), requests["5xx"] > 0 ? "bad" : ""], number(requests.none),
      bytes(received_bytes), bytes(sent_bytes),
    ]),
  ));
}

function workers(status) {
  byId("workers").replaceChildren(table(
    ["worker", "buffers", "of", "waiting", "temp files", "on disk", "log lines lost"],
    status.workers.map(({ id, buffers, temp_files, logs }) => {
      const lost = sumOf(logs, (log) => log.lines_lost);
      const broken = logs.filter((log) => log.broken).map(({ name }) => name).join(", ");
      return [
        String(id), bytes(buffers.memory_bytes), bytes(buffers.memory_max_bytes),
        String(buffers.waiting), String(temp_files.open), bytes(temp_files.bytes),
        [number(lost) + (broken === "" ? "" : ", cannot write " + broken), lost > 0 ? "bad" : ""],
      ];
    }),
  ));
}

async function ask() {
  try {
    const headers = token === "" ? {} : { Authorization: "Bearer " + token };
    const response = await fetch("status", { headers });
    byId("ask").hidden = response.status !== 401;
    if (response.status === 401) {
      trouble(token === "" ? "" : "That is not the token.");
      byId("state").textContent = "needs the token";
      return;
    }
    if (!response.ok) throw new Error("it answered " + response.status);
    look(await response.json());
  } catch (error) {
    byId("state").textContent = "no answer";
    byId("state").className = "bad";
    trouble("Cannot ask for the status: " + error.message);
  } finally {
    setTimeout(ask, 1000);
  }
}

byId("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  token = byId("token").value.trim();
  sessionStorage.setItem("sluice token", token);
});
ask();
`;

/** The page. */
export const STATUS_PAGE = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sluice</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>${BODY}<script>${SCRIPT}</script></body>
</html>
`;

/** What the page may do: run its own script, wear its own style, ask its own server. */
export const STATUS_PAGE_POLICY: string = [
  "default-src 'none'",
  `script-src '${hashOf(SCRIPT)}'`,
  `style-src '${hashOf(STYLE)}'`,
  "img-src data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

function hashOf(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}
