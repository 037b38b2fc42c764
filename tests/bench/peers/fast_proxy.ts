/** fast-proxy as a reverse proxy. Arguments: listen and upstream, each `host:port`. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

// Named at run time, so that checking types and locking need not fetch it.
const FAST_PROXY = "npm:fast-proxy@2.2.0";

type Proxy = (
  request: IncomingMessage,
  response: ServerResponse,
  url: string | undefined,
  options: Record<string, never>,
) => void;

interface FastProxy {
  default(options: { readonly base: string; readonly disableCache: boolean }): {
    readonly proxy: Proxy;
  };
}

const [listen = "", upstream = ""] = Deno.args;
const [host = "", port] = listen.split(":");
const { default: fastProxy }: FastProxy = await import(FAST_PROXY);
const { proxy } = fastProxy({ base: `http://${upstream}`, disableCache: true });

createServer((request, response) => proxy(request, response, request.url, {}))
  .listen(Number(port), host);
