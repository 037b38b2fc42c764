/** http-proxy-3 as a reverse proxy. Arguments: listen and upstream, each `host:port`. */
import { Agent, createServer, type IncomingMessage, type ServerResponse } from "node:http";

// Named at run time, so that checking types and locking need not fetch it.
const HTTP_PROXY_3 = "npm:http-proxy-3@2.0.1";

interface HttpProxy3 {
  createProxyServer(options: { readonly target: string; readonly agent: Agent }): {
    web(request: IncomingMessage, response: ServerResponse): void;
    on(event: "error", listener: (failure: Error) => void): void;
  };
}

const [listen = "", upstream = ""] = Deno.args;
const [host = "", port] = listen.split(":");
const { createProxyServer }: HttpProxy3 = await import(HTTP_PROXY_3);
const agent = new Agent({ keepAlive: true });
const proxy = createProxyServer({ target: `http://${upstream}`, agent });
proxy.on("error", (failure) => console.error(failure.message));

createServer((request, response) => proxy.web(request, response)).listen(Number(port), host);
