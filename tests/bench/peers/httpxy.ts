/** httpxy as a reverse proxy. Arguments: listen and upstream, each `host:port`. */
import { Agent, createServer, type IncomingMessage, type ServerResponse } from "node:http";

// Named at run time, so that checking types and locking need not fetch it.
const HTTPXY = "npm:httpxy@0.5.6";

interface Httpxy {
  createProxyServer(options: { readonly target: string; readonly agent: Agent }): {
    web(request: IncomingMessage, response: ServerResponse): Promise<void>;
  };
}

const [listen = "", upstream = ""] = Deno.args;
const [host = "", port] = listen.split(":");
const { createProxyServer }: Httpxy = await import(HTTPXY);
const agent = new Agent({ keepAlive: true });
const proxy = createProxyServer({ target: `http://${upstream}`, agent });

createServer((request, response) => {
  proxy.web(request, response).catch(() => response.destroy());
}).listen(Number(port), host);
