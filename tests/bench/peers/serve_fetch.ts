/** Deno.serve and fetch as a reverse proxy. Arguments: listen and upstream, each `host:port`. */
const [listen = "", upstream = ""] = Deno.args;
const [hostname = "", port] = listen.split(":");

Deno.serve({ hostname, port: Number(port), onListen: () => {} }, (request) => {
  const url = new URL(request.url);
  url.host = upstream;
  return fetch(url, {
    method: request.method,
    headers: request.headers,
    body: request.body,
    redirect: "manual",
  });
});
