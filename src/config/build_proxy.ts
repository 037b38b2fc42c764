/**
 * `proxy`: what a location's settings make of it.
 *
 * @module
 */
import type { ProxyAction, StoreConf } from "../http/conf.ts";
import type { HeaderPolicyConf } from "../http/response_conf.ts";
import type { UpstreamConf } from "../upstream/conf.ts";
import { buildDial } from "./build_dial.ts";
import type { FilesLevel } from "./build_files.ts";
import { readPass, refusePass } from "./build_pass.ts";
import type { Groups } from "./build_upstream.ts";
import type { Settings } from "./directive.ts";
import type { proxyDirectives } from "./directives/proxy.ts";
import { DEFAULT_REDIRECT } from "./directives/proxy_headers.ts";
import { resolverConf, type resolverDirectives } from "./directives/resolver.ts";
import type { Pattern } from "./location_pattern.ts";
import { type Problems, quote } from "./problem.ts";
import type { Located } from "./types.ts";

type ProxySettings = Settings<typeof proxyDirectives>;

/** What a location's proxy needs of the levels around it. */
export interface ProxyLevels {
  readonly groups: Groups;
  readonly resolver: Settings<typeof resolverDirectives>;
  readonly files: FilesLevel;
}

/** @param pattern Of the location; undefined in a place without one (`if`, `limit_except`). */
export function buildProxy(
  pass: Located,
  proxy: ProxySettings,
  pattern: Pattern | undefined,
  { groups, resolver, files }: ProxyLevels,
  problems: Problems,
): ProxyAction | undefined {
  const passed = readPass(pass, groups, resolverConf(resolver), problems);
  if (passed === undefined) return undefined;
  const { isTls, ...target } = passed;
  const isPrefix = pattern === undefined || !/^[~@]/.test(pattern.modifier);
  if (target.uri !== undefined && !isPrefix) {
    return refusePass(
      pass,
      `need no path after the address, here ${quote(target.uri)}: ${
        pattern.modifier === "@" ? "a name" : "a regex"
      } matches no part that it could replace`,
      problems,
    );
  }
  const setHeaders = proxy.setHeaders ?? [];
  const hasHost = setHeaders.some(([name]) => name.toLowerCase() === "host");
  return {
    kind: "proxy",
    ...target,
    dial: buildDial(pass, isTls, proxy, problems),
    upstream: {
      connectTimeoutMs: proxy.connectTimeoutMs,
      sendTimeoutMs: proxy.sendTimeoutMs,
      readTimeoutMs: proxy.readTimeoutMs,
      bufferSizeBytes: proxy.bufferSizeBytes,
      ...responseBuffers(proxy),
      requestBuffering: proxy.requestBuffering,
      nextUpstream: {
        conditions: proxy.nextUpstream,
        tries: proxy.nextUpstreamTries,
        timeoutMs: proxy.nextUpstreamTimeoutMs,
      },
      // What is stored is fetched to its end, as in nginx.
      ignoreClientAbort: proxy.ignoreClientAbort || proxy.store !== "off",
      isStored: proxy.store !== "off",
      ignoreHeaders: proxy.ignoreHeaders,
    },
    method: proxy.method,
    passRequestHeaders: proxy.passRequestHeaders,
    passRequestBody: proxy.passRequestBody,
    setBody: proxy.setBody,
    failureHeader: proxy.failureHeader,
    headers: headerPolicy(pass, target.uri, isPrefix ? pattern?.pattern ?? "" : "", proxy),
    interceptErrors: proxy.interceptErrors,
    forceRanges: proxy.forceRanges,
    setHeaders: hasHost ? setHeaders : [["Host", "$proxy_host"], ...setHeaders],
    limitRate: proxy.limitRate,
    passTrailers: proxy.passTrailers,
    store: storeConf(pass, proxy, files, problems),
    httpVersion: proxy.httpVersion,
  };
}

function storeConf(
  pass: Located,
  { store, storeMode, tempPath }: ProxySettings,
  { place }: FilesLevel,
  problems: Problems,
): StoreConf | undefined {
  if (store === "off") return undefined;
  if (store !== "on") return { path: store, mode: storeMode, tempPath };
  if (place === undefined || !place.path.startsWith("/")) {
    const expected = "need a root or alias that begins with a slash";
    return problems.add({ span: pass.span, cannot: "set store to on", found: "none", expected });
  }
  return { path: place, mode: storeMode, tempPath };
}

/** `busy_buffers_size` and `temp_file_write_size` follow the buffers, as in nginx. */
function responseBuffers(
  proxy: ProxySettings,
): Pick<
  UpstreamConf,
  | "buffering"
  | "bufferCount"
  | "bufferBytes"
  | "busyBuffersSizeBytes"
  | "maxTempFileSizeBytes"
  | "tempFileWriteSizeBytes"
  | "tempPath"
  | "cyclicTempFile"
> {
  const { count, sizeBytes } = proxy.buffers;
  const twice = 2 * Math.max(proxy.bufferSizeBytes, sizeBytes);
  return {
    buffering: proxy.buffering,
    bufferCount: count,
    bufferBytes: sizeBytes,
    busyBuffersSizeBytes: proxy.busyBuffersSizeBytes ?? twice,
    maxTempFileSizeBytes: proxy.maxTempFileSizeBytes,
    tempFileWriteSizeBytes: proxy.tempFileWriteSizeBytes ?? twice,
    tempPath: proxy.tempPath,
    cyclicTempFile: proxy.cyclicTempFile,
  };
}

function headerPolicy(
  pass: Located,
  uri: string | undefined,
  prefix: string,
  proxy: ProxySettings,
): HeaderPolicyConf {
  // nginx's: what `pass` says becomes what the location says.
  const byDefault = uri === undefined
    ? { from: `${pass.text}/`, to: "/" }
    : { from: pass.text, to: prefix };
  const hasVariables = pass.text.includes("$");
  return {
    hide: proxy.hideHeaders ?? [],
    pass: proxy.passHeaders ?? [],
    redirects: proxy.redirects.flatMap((rule) => {
      if (rule !== DEFAULT_REDIRECT) return [rule];
      return hasVariables ? [] : [byDefault];
    }),
    cookies: { domains: proxy.cookieDomains, paths: proxy.cookiePaths, flags: proxy.cookieFlags },
  };
}
