/**
 * What is measured: one record a workload, in the order they run and are printed.
 *
 * @module
 */

/** What a configuration may have besides `proxy_pass`, and what can be measured by leaving it out. */
export const FEATURES = ["access-log", "metrics", "maps", "limit-req", "add-header"] as const;

/** One of {@linkcode FEATURES}. */
export type Feature = (typeof FEATURES)[number];

/** A load that `wrk` makes. */
export interface LoadWorkload {
  readonly kind: "load";
  readonly name: string;
  /** One line for the table's legend. */
  readonly about: string;
  readonly path: string;
  readonly connections: number;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly requestBodyBytes?: number;
  /** What the origin answers; a shorter answer makes a round invalid. */
  readonly responseBodyBytes: number;
  /** Both proxies run one nginx.conf that has these. */
  readonly features?: readonly Feature[];
  /** Measured only when `--only` names it. */
  readonly onlyByName?: boolean;
}

/** Memory of open connections that say nothing. */
export interface IdleWorkload {
  readonly kind: "idle";
  readonly name: string;
  readonly about: string;
  readonly connections: number;
  readonly onlyByName?: boolean;
}

/** From the start of the process to its first answer. */
export interface StartWorkload {
  readonly kind: "start";
  readonly name: string;
  readonly about: string;
  readonly onlyByName?: boolean;
}

/** A load beside clients that dribble heads and bodies. */
export interface BesideWorkload {
  readonly kind: "beside";
  readonly name: string;
  readonly about: string;
  /** Of the load. */
  readonly connections: number;
  readonly heads: number;
  readonly bodies: number;
  readonly onlyByName?: boolean;
}

export type Workload = LoadWorkload | IdleWorkload | StartWorkload | BesideWorkload;

/** The small answer of the origin. */
export const SMALL_BODY = "hello, world\n";
export const KIB = 1024;
export const MIB = 1024 * KIB;

/** Sizes of the files the origin serves, by path. */
export const FILES: Readonly<Record<string, number>> = {
  "1k": KIB,
  "64k": 64 * KIB,
  "1m": MIB,
};

/** A browser's field lines but Host, with a kilobyte of cookies. */
export const BROWSER_HEADERS: Readonly<Record<string, string>> = {
  "User-Agent":
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
  "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
  "Accept-Encoding": "gzip, deflate, br, zstd",
  "Accept-Language": "en-GB,en;q=0.9,de;q=0.8,fr;q=0.7",
  "Cache-Control": "max-age=0",
  "Referer": "https://www.example.org/products/list?page=3&sort=price",
  "Sec-Ch-Ua": '"Not/A)Brand";v="8", "Chromium";v="126", "Google Chrome";v="126"',
  "Sec-Ch-Ua-Mobile": "?0",
  "Sec-Ch-Ua-Platform": '"Linux"',
  "Sec-Fetch-Dest": "document",
  "Sec-Fetch-Mode": "navigate",
  "Sec-Fetch-Site": "same-origin",
  "Sec-Fetch-User": "?1",
  "Upgrade-Insecure-Requests": "1",
  "Priority": "u=0, i",
  "DNT": "1",
  "X-Request-Id": "4f6d2b1c-8a57-4c1e-9a53-0c1d7e0f2b6a",
  "If-None-Match": '"33a64df551425fcc55e4d42a148795d9f25f89d4"',
  // With Host, which wrk adds, and Cookie: twenty and one.
  "Cookie": cookies(KIB),
};

export const WORKLOADS: readonly Workload[] = [
  get("small", "small GET, keepalive, 32 clients", "/small", 32, SMALL_BODY.length),
  get("small-256", "small GET, keepalive, 256 clients", "/small", 256, SMALL_BODY.length),
  get("small-512", "small GET, keepalive, 512 clients", "/small", 512, SMALL_BODY.length),
  get("small-1000", "small GET, keepalive, 1,000 clients", "/small", 1000, SMALL_BODY.length),
  {
    ...get("browser", "small GET with 20 headers and 1 KB of cookies", "/small", 32, 13),
    headers: BROWSER_HEADERS,
  },
  {
    ...get("site", "small GET; access log, 3 maps, limit_req, add_header", "/small", 32, 13),
    features: ["access-log", "maps", "limit-req", "add-header"],
  },
  {
    ...get("site-browser", "the same, asked by a browser", "/small", 32, 13),
    features: ["access-log", "maps", "limit-req", "add-header"],
    headers: BROWSER_HEADERS,
    onlyByName: true,
  },
  get("1k", "GET, 1 KB response", "/1k", 32, KIB),
  get("64k", "GET, 64 KB response", "/64k", 32, 64 * KIB),
  get("1m", "GET, 1 MB response", "/1m", 32, MIB),
  {
    ...get("64k-unbuffered", "GET, 64 KB response, buffering off", "/unbuffered/64k", 32, 64 * KIB),
    onlyByName: true,
  },
  {
    ...get("1m-unbuffered", "GET, 1 MB response, buffering off", "/unbuffered/1m", 32, MIB),
    onlyByName: true,
  },
  {
    ...get("post-1k", "POST, 1 KB body, small response", "/small", 32, SMALL_BODY.length),
    method: "POST",
    requestBodyBytes: KIB,
  },
  {
    ...get("upload-1m", "POST, 1 MB body, small response", "/upload", 32, SMALL_BODY.length),
    method: "POST",
    requestBodyBytes: MIB,
  },
  {
    ...get("connect", "small GET, a new client connection each", "/small", 32, SMALL_BODY.length),
    headers: { "Connection": "close" },
  },
  { kind: "idle", name: "idle-10k", about: "10,000 idle keepalive clients", connections: 10_000 },
  { kind: "start", name: "start", about: "start of the process to its first answer" },
  {
    kind: "beside",
    name: "slow-10k",
    about: "small GET, 32 clients beside 5,000 that dribble a head and 5,000 a body",
    connections: 32,
    heads: 5_000,
    bodies: 5_000,
    onlyByName: true,
  },
];

function get(
  name: string,
  about: string,
  path: string,
  connections: number,
  responseBodyBytes: number,
): LoadWorkload {
  return { kind: "load", name, about, path, connections, responseBodyBytes };
}

/** A Cookie value of exactly `bytes` bytes, in pairs as sites set them. */
function cookies(bytes: number): string {
  let value = "";
  for (let i = 0; value.length < bytes; i++) {
    value += `${i > 0 ? "; " : ""}session_part_${i}=0123456789abcdefghijklmnopqrstuvwxyz`;
  }
  return value.slice(0, bytes);
}
