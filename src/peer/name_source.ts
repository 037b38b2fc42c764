/**
 * Where answers about names come from: DNS servers of our own choice, or the system.
 *
 * @module
 */
import { lookup } from "node:dns";
import type { Deadlines } from "../event/mod.ts";
import { type DnsRecord, isDnsName } from "../wire/mod.ts";
import type { ResolverConf } from "./conf.ts";
import { DnsClient } from "./dns_client.ts";
import { NOT_FOUND, Unresolved } from "./unresolved.ts";

/** A name that is to be looked up. */
export interface Question {
  /** Of a host; of a service, `_http._tcp.example.org`. */
  readonly name: string;
  readonly isService: boolean;
}

/** One place that a name stands for. */
export interface Endpoint {
  /** An IP address. */
  readonly hostname: string;
  /** Of a service: its port, its share, and whether it is for when no other can be had. */
  readonly service:
    | { readonly port: number; readonly weight: number; readonly isBackup: boolean }
    | undefined;
}

/** What a name stands for, and for how long. */
export interface SourceAnswer {
  /** At least one. */
  readonly endpoints: readonly Endpoint[];
  /** Undefined where nobody says. */
  readonly ttlMs: number | undefined;
}

/** Looks a name up. Rejects with {@linkcode Unresolved}; `signal` ends it, if it can be ended. */
export type NameSource = (question: Question, signal: AbortSignal) => Promise<SourceAnswer>;

/** The source that a resolver's configuration asks for. */
export function nameSource(conf: ResolverConf, deadlines: Deadlines): NameSource {
  return conf.servers.length === 0
    ? (question) => lookUpBySystem(question, conf)
    : dnsSource(conf, deadlines);
}

function dnsSource(conf: ResolverConf, deadlines: Deadlines): NameSource {
  const client = new DnsClient(conf.servers, deadlines);
  return async ({ name, isService }, signal) => {
    if (isLocalhost(name)) return loopback(conf);
    if (!isDnsName(name)) throw new Unresolved(name, NOT_FOUND);
    if (!isService) return answerOf(name, await addresses(client, conf, name, signal));
    return await services(client, conf, name, signal);
  };
}

/** A and AAAA records. One family's failure does not matter where the other has an address. */
async function addresses(
  client: DnsClient,
  { ipv4, ipv6 }: ResolverConf,
  name: string,
  signal: AbortSignal,
): Promise<readonly DnsRecord[]> {
  const results = await Promise.allSettled([
    ...(ipv4 ? [client.ask(name, "A", signal)] : []),
    ...(ipv6 ? [client.ask(name, "AAAA", signal)] : []),
  ]);
  const records = results.flatMap((result) => result.status === "fulfilled" ? result.value : []);
  if (records.length > 0) return records;
  const failures = results.filter((result) => result.status === "rejected")
    .map(({ reason }): unknown => reason);
  // What is not known to be final is not taken for it.
  throw failures.find((reason) => !(reason instanceof Unresolved && reason.isFinal)) ??
    new Unresolved(name, NOT_FOUND);
}

function answerOf(name: string, records: readonly DnsRecord[]): SourceAnswer {
  if (records.length === 0) throw new Unresolved(name, NOT_FOUND);
  return {
    endpoints: records.map(({ target }) => ({ hostname: target, service: undefined })),
    ttlMs: Math.min(...records.map(({ ttlSeconds }) => ttlSeconds)) * 1_000,
  };
}

/** The addresses of a service's targets. Those of the best priority serve, the others are backups, as in nginx. */
async function services(
  client: DnsClient,
  conf: ResolverConf,
  name: string,
  signal: AbortSignal,
): Promise<SourceAnswer> {
  // A target "." says that there is no such service (RFC 2782).
  const targets = (await client.ask(name, "SRV", signal)).filter(({ target }) =>
    isDnsName(target) && target !== ""
  );
  const results = await Promise.allSettled(
    targets.map(({ target }) => addresses(client, conf, target, signal)),
  );
  const best = Math.min(...targets.map(({ priority }) => priority));
  const endpoints: Endpoint[] = [];
  let ttlSeconds = Infinity;
  for (const [index, { port, weight, priority, ttlSeconds: own }] of targets.entries()) {
    const result = results[index];
    if (result?.status !== "fulfilled") continue;
    for (const record of result.value) {
      ttlSeconds = Math.min(ttlSeconds, own, record.ttlSeconds);
      const service = { port, weight: Math.max(1, weight), isBackup: priority > best };
      endpoints.push({ hostname: record.target, service });
    }
  }
  const failure = results.find((result) => result.status === "rejected");
  if (endpoints.length === 0) throw failure?.reason ?? new Unresolved(name, NOT_FOUND);
  return { endpoints, ttlMs: ttlSeconds * 1_000 };
}

/** getaddrinfo: the hosts file and whatever else the machine is set up with. It tells no lifetime. */
function lookUpBySystem({ name }: Question, conf: ResolverConf): Promise<SourceAnswer> {
  const { ipv4, ipv6 } = conf;
  const family = ipv4 && ipv6 ? 0 : ipv4 ? 4 : 6;
  return new Promise((resolve, reject) => {
    lookup(name, { all: true, family }, (error, found) => {
      const endpoints = (found ?? []).map(({ address }) => ({
        hostname: address,
        service: undefined,
      }));
      if (error === null && endpoints.length > 0) return resolve({ endpoints, ttlMs: undefined });
      if (isLocalhost(name)) return resolve(loopback(conf));
      // Deno says ENOTFOUND of a resolver that is down too, so it is never final.
      reject(new Unresolved(name, NOT_FOUND, false, error));
    });
  });
}

/** RFC 6761, 6.3: nobody is asked for it. */
function isLocalhost(name: string): boolean {
  return /^(?:.+\.)?localhost\.?$/i.test(name);
}

function loopback({ ipv4 }: ResolverConf): SourceAnswer {
  return {
    endpoints: [{ hostname: ipv4 ? "127.0.0.1" : "::1", service: undefined }],
    ttlMs: undefined,
  };
}
