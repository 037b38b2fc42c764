/**
 * How the requests of one location get to its peers.
 *
 * @module
 */
import { type DialOptions, PLAIN_DIAL, type TlsClient } from "../event/mod.ts";
import { type ProxiedAddress, writeProxyHeader } from "../wire/mod.ts";
import type { ProxyAction } from "./conf.ts";
import type { Variables } from "./configured_variables.ts";
import type { Request } from "./request.ts";

/**
 * The way that a request's connection is made. Requests that want the same get the
 * same record as far as possible, and share idle connections in any case.
 */
export function compileDial(
  action: ProxyAction,
  client: TlsClient | undefined,
  variables: Variables,
): (request: Request, isTls: boolean) => DialOptions {
  const dialOf = compileUngreeted(action, client, variables);
  const { protocol } = action.dial;
  if (protocol === "off") return dialOf;
  return (request, isTls) => ({
    ...dialOf(request, isTls),
    greeting: writeProxyHeader(protocol, ...endsOf(request)),
  });
}

/** The client, as `$remote_addr` knows it, and where it has connected to. */
function endsOf(request: Request): readonly [ProxiedAddress, ProxiedAddress] {
  const { client, remoteAddress } = request;
  return [{ hostname: remoteAddress, port: client.remote.port }, client.conn.local];
}

/** The same, where nothing is sent before TLS. */
function compileUngreeted(
  { dial, proxyHost, variable: varies }: ProxyAction,
  client: TlsClient | undefined,
  variables: Variables,
): (request: Request, isTls: boolean) => DialOptions {
  const { bind, socketKeepalive, tls } = dial;
  const plain: DialOptions = { ...PLAIN_DIAL, bind, socketKeepalive };
  if (tls === undefined || client === undefined) return () => plain;
  const withName = (name: string): DialOptions => ({ ...plain, tls: { client, name } });
  const name = variables.compile(tls.name);
  if (name.isConstant || (tls.name === "$proxy_host" && varies === undefined)) {
    const options = withName(withoutPort(name.isConstant ? tls.name : proxyHost));
    return (_, isTls) => isTls ? options : plain;
  }
  let last = withName("");
  return (request, isTls) => {
    if (!isTls) return plain;
    const text = withoutPort(name.render(request));
    if (last.tls?.name !== text) last = withName(text);
    return last;
  };
}

/** Of `host:port` or `[::1]:port`, as `$proxy_host` and `$http_host` are: the host. */
function withoutPort(text: string): string {
  const [, bracketed, plain = ""] = /^(?:\[([^\]]*)\]|([^:]*))/.exec(text) ?? [];
  return bracketed ?? plain;
}
