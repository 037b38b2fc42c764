/**
 * How the requests of one location get to its peers.
 *
 * @module
 */
import type { DialOptions, TlsClient } from "../event/mod.ts";
import type { ProxyAction } from "./conf.ts";
import type { Variables } from "./configured_variables.ts";
import type { Request } from "./request.ts";

/**
 * The way that a request's connection is made. Requests that want the same get the
 * same record as far as possible, and share idle connections in any case.
 */
export function compileDial(
  { dial, proxyHost, variable: varies }: ProxyAction,
  client: TlsClient | undefined,
  variables: Variables,
): (request: Request, isTls: boolean) => DialOptions {
  const { bind, socketKeepalive, tls } = dial;
  const plain: DialOptions = { tls: undefined, bind, socketKeepalive };
  if (tls === undefined || client === undefined) return () => plain;
  const withName = (name: string): DialOptions => ({
    tls: { client, name },
    bind,
    socketKeepalive,
  });
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
