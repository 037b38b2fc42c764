import { assertEquals, assertThrows } from "@std/assert";
import { convertConf } from "../../../src/config/convert.ts";
import { readConf } from "../../../src/config/read_conf.ts";
import { ConfigError } from "../../../src/config/problem.ts";
import { readYaml } from "../../../src/config/read_yaml.ts";
import type { HealthCheckConf, UpstreamGroupConf } from "../../../src/peer/conf.ts";

function groupOf(settings: string, balancers: readonly string[] = []): UpstreamGroupConf {
  const { groups } = readYaml(
    `upstreams: { app: { servers: [192.0.2.1, 192.0.2.2], ${settings} } }
servers: [{ locations: { /: { proxy: { pass: "http://app" } } } }]`,
    "t",
    { balancers },
  );
  return groups[0]!;
}

function problemsOf(settings: string): string {
  return assertThrows(() => groupOf(settings), ConfigError).message;
}

const DEFAULT: HealthCheckConf = {
  type: "http",
  method: "GET",
  path: "/",
  host: "app",
  headers: [],
  statuses: [[200, 299], [300, 399]],
  body: undefined,
  intervalMs: 5_000,
  jitterMs: 0,
  timeoutMs: 5_000,
  fails: 1,
  passes: 1,
  port: undefined,
  tls: undefined,
  isMandatory: false,
  keepaliveTimeMs: 0,
};

Deno.test("health_check: none without it; all by default with on, or with nothing behind it", () => {
  assertEquals(groupOf("keepalive: 1").healthCheck, undefined);
  for (const text of ["health_check: on", "health_check: ", "health_check: {}"]) {
    assertEquals(groupOf(text).healthCheck, DEFAULT, text);
  }
});

Deno.test("health_check: words and a map say the same", () => {
  const words =
    '"path=/h?a=1 interval=1s jitter=100ms fails=3 passes=2 port=81 status=200-204 mandatory"';
  const map = "{ path: '/h?a=1', interval: 1s, jitter: 100ms, fails: 3, passes: 2, port: 81, " +
    "status: [200-204], mandatory: on }";
  for (const text of [words, map]) {
    assertEquals(groupOf(`health_check: ${text}`).healthCheck, {
      ...DEFAULT,
      path: "/h?a=1",
      intervalMs: 1_000,
      jitterMs: 100,
      fails: 3,
      passes: 2,
      port: 81,
      statuses: [[200, 204]],
      isMandatory: true,
    }, text);
  }
});

Deno.test("health_check: headers are a map, or lines", () => {
  for (const headers of ["{ X-A: b, X-C: 'd e' }", '"X-A: b\\nX-C: d e"']) {
    assertEquals(groupOf(`health_check: { headers: ${headers} }`).healthCheck?.headers, [
      ["X-A", "b"],
      ["X-C", "d e"],
    ]);
  }
});

Deno.test("health_check: what a body has to match", () => {
  const bodyOf = (text: string) => groupOf(`health_check: { body: ${text} }`).healthCheck?.body;
  assertEquals(bodyOf("ok"), { text: "ok", isNegated: false, regex: undefined });
  assertEquals(bodyOf('"! ~* ^no"'), { text: "~* ^no", isNegated: true, regex: undefined });
  assertEquals(bodyOf('"!~* ^no"'), { text: "^no", isNegated: true, regex: /^no/iu });
  assertEquals(bodyOf('"~ a b"'), { text: "a b", isNegated: false, regex: /a b/u });
});

for (
  const [text, expected] of [
    ["{ path: x }", 'Cannot set path to "x": need a path such as "/healthz", without blanks'],
    ["{ status: 2x }", 'Cannot set status to "2x": need statuses such as 200, 200-399 or 2xx'],
    ["{ status: 299-200 }", "need statuses such as 200, 200-399 or 2xx"],
    ["{ headers: { Host: x } }", "Cannot set headers to a map: need a map of fields to values"],
    ["{ headers: x }", "need a map of fields to values, or lines"],
    ["{ body: '~ (' }", 'Cannot set body to "~ (": need a regex: /(/u: Unterminated group'],
    ["{ interval: 0 }", "Cannot set interval"],
    ["{ fails: 0 }", "Cannot set fails"],
    ["{ tls: on, ssl_verify: on }", "need ssl_trusted_certificate for ssl_verify"],
    ["{ tls: on, ssl_certificate: x.pem }", "need ssl_certificate and ssl_certificate_key"],
    ["{ pth: /x }", 'Cannot use "pth" in health_check: no such parameter'],
    ["[a, b]", 'Cannot use "a" in health_check: no such parameter'],
  ] as const
) {
  Deno.test(`health_check: ${text} is refused with the reason`, () => {
    const message = problemsOf(`health_check: ${text}`);
    assertEquals(message.includes(expected), true, message);
  });
}

Deno.test("panic_threshold: a share, and nothing else", () => {
  assertEquals(groupOf("panic_threshold: 50%").panicThreshold, 0.5);
  assertEquals(groupOf("panic_threshold: 12.5%").panicThreshold, 0.125);
  for (const text of ["50", "101%", "-1%", "x"]) {
    const message = problemsOf(`panic_threshold: ${text}`);
    assertEquals(message.includes("need a share from 0% to 100%"), true, message);
  }
});

Deno.test("outlier_detection: none without it; all by default with on; words and a map say the same", () => {
  assertEquals(groupOf("keepalive: 1").outliers, undefined);
  const conf = groupOf("outlier_detection: on").outliers;
  assertEquals([conf?.consecutive5xx, conf?.maxEjectedShare, conf?.successRateStdevFactor], [
    5,
    0.1,
    1.9,
  ]);
  const words = "consecutive_5xx=2 max_ejection_percent=50% base_ejection_time=1s";
  const map = "{ consecutive_5xx: 2, max_ejection_percent: 50%, base_ejection_time: 1s }";
  for (const text of [words, map]) {
    assertEquals(groupOf(`outlier_detection: ${text}`).outliers, {
      ...conf,
      consecutive5xx: 2,
      maxEjectedShare: 0.5,
      baseEjectionMs: 1_000,
    });
  }
  const message = problemsOf("outlier_detection: { success_rate_stdev_factor: x }");
  assertEquals(message.includes('need a number such as "1.9"'), true, message);
});

Deno.test("retry_budget: a share, and how many there always are", () => {
  assertEquals(groupOf("retry_budget: 20%").retryBudget, { share: 0.2, minPerSecond: 10 });
  for (const text of ["5% min_per_second=3", "{ percent: 5%, min_per_second: 3 }"]) {
    assertEquals(groupOf(`retry_budget: ${text}`).retryBudget, { share: 0.05, minPerSecond: 3 });
  }
  const message = problemsOf("retry_budget: 20");
  assertEquals(message.includes("need a share from 0% to 100%"), true, message);
});

Deno.test("balance: random two by time, and balancers of the program, with a text or without", () => {
  assertEquals(groupOf("balance: random two least_time=header").balance, {
    kind: "random_two_least_time",
    isToHead: true,
  });
  assertEquals(groupOf("balance: random two least_time=last_byte").balance, {
    kind: "random_two_least_time",
    isToHead: false,
  });
  for (const [text, key] of [["mine", ""], ["mine $arg_x", "$arg_x"]] as const) {
    const conf = groupOf(`balance: ${text}`, ["mine"]).balance;
    assertEquals(conf, { kind: "custom", name: "mine", key });
  }
  const message = problemsOf("balance: mine");
  assertEquals(message.includes('Cannot set balance to "mine": need one of'), true, message);
});

Deno.test("sticky learn: words and a map say the same; what is missing is said", () => {
  const conf = {
    kind: "learn",
    create: ["$upstream_cookie_a", "$upstream_http_b"],
    lookup: ["$cookie_a"],
    zone: { name: "s", sizeBytes: 1 << 20 },
    timeoutMs: 3_600_000,
    isAtHeader: true,
  };
  const words =
    "learn create=$upstream_cookie_a create=$upstream_http_b lookup=$cookie_a zone=s:1m " +
    "timeout=1h header";
  const map = "{ learn: { create: [$upstream_cookie_a, $upstream_http_b], lookup: $cookie_a, " +
    "zone: s:1m, timeout: 1h, header: on } }";
  for (const text of [words, map]) {
    assertEquals(groupOf(`sticky: ${text}`).sticky as unknown, conf, text);
  }
  for (
    const text of [
      "learn",
      "learn create=$x lookup=$y",
      "learn create=$x zone=s:1m",
      "learn create= lookup=$y zone=s:1m",
    ]
  ) {
    const message = problemsOf(`sticky: ${text}`);
    assertEquals(
      message.includes("create and lookup, texts with $variables, and zone"),
      true,
      message,
    );
  }
});

/** Statements of a group in nginx.conf, and what they are in YAML. */
const SPELLINGS: readonly (readonly [nginx: string, yaml: string])[] = [
  ["health_check;", "health_check: on"],
  [
    'health_check path=/h "headers=X-A: b\nX-C: d" "status=200 404" "body=~ a b" mandatory;',
    "health_check: { path: /h, headers: { X-A: b, X-C: d }, status: [200, 404], body: '~ a b', " +
    "mandatory: on }",
  ],
  ["outlier_detection;", "outlier_detection: on"],
  ["outlier_detection consecutive_5xx=3;", "outlier_detection: { consecutive_5xx: 3 }"],
  ["retry_budget 20% min_per_second=1;", "retry_budget: { percent: 20%, min_per_second: 1 }"],
  ["panic_threshold 50%;", "panic_threshold: 50%"],
  ["random two least_time=header;", "balance: random two least_time=header"],
  [
    "sticky learn create=$upstream_cookie_a create=$upstream_http_b lookup=$cookie_a zone=s:1m;",
    "sticky: { learn: { create: [$upstream_cookie_a, $upstream_http_b], lookup: $cookie_a, " +
    "zone: s:1m } }",
  ],
];

for (const [nginx, yaml] of SPELLINGS) {
  Deno.test(`both spellings are one, and each is printed as the other: ${nginx}`, () => {
    const inNginx = (statements: string) =>
      `events {} http { upstream app { server 192.0.2.1; server 192.0.2.2; ${statements} }
server { location / { proxy_pass http://app; } } }`;
    const expected = groupOf(yaml);
    const fromNginx = readConf(inNginx(nginx), "nginx.conf").conf.groups[0];
    assertEquals(fromNginx, expected);
    const text = `upstreams: { app: { servers: [192.0.2.1, 192.0.2.2], ${yaml} } }
servers: [{ locations: { /: { proxy: { pass: "http://app" } } } }]`;
    const there = convertConf(readConf(text, "t.yaml"));
    assertEquals(readConf(there, "nginx.conf").conf.groups[0], expected, there);
    const back = convertConf(readConf(inNginx(nginx), "nginx.conf"));
    assertEquals(readConf(back, "t.yaml").conf.groups[0], expected, back);
  });
}
