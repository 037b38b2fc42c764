/**
 * The application behind the configurations that are compared: what it answers depends on the
 * request alone, so that both proxies are told the same.
 *
 * @module
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** An application that listens. `await using` it. */
export interface ConfigOrigin extends AsyncDisposable {
  readonly address: string;
}

const DATE = "Tue, 03 Nov 2026 10:00:00 GMT";
const MODIFIED = "Mon, 02 Nov 2026 10:00:00 GMT";

/** Which answer `?o=` asks for. */
type Answer = (request: IncomingMessage, body: string, response: ServerResponse) => void;

/** Starts an application. @param name What its answers call it. */
export async function startConfigOrigin(name: string): Promise<ConfigOrigin> {
  const server = createServer((request, response) => {
    const chunks: Uint8Array[] = [];
    request.on("data", (chunk: Uint8Array) => chunks.push(chunk));
    request.on("end", () => {
      const body = chunks.map((chunk) => new TextDecoder("latin1").decode(chunk)).join("");
      response.sendDate = false;
      response.setHeader("Date", DATE);
      response.setHeader("X-Powered-By", name);
      const wanted = new URL(request.url ?? "/", "http://origin").searchParams.get("o") ?? "echo";
      (ANSWERS[wanted] ?? echo)(request, body, response);
    });
    request.on("error", () => {});
    response.on("error", () => {});
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: `127.0.0.1:${port}`,
    async [Symbol.asyncDispose](): Promise<void> {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/**
 * What the proxy has asked, field by field, sorted: their order means nothing. `Connection` is
 * left out, which is about that connection alone.
 */
const echo: Answer = (request, body, response) => {
  const { method, url, httpVersion, rawHeaders } = request;
  const lines: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? "";
    if (name.toLowerCase() !== "connection") lines.push(`${name}: ${rawHeaders[index + 1]}`);
  }
  const sorted = lines.toSorted((a, b) => nameOf(a).localeCompare(nameOf(b))).join("\n");
  end(response, 200, "text/plain", `${method} ${url} HTTP/${httpVersion}\n${sorted}\n\n${body}`);
};

function nameOf(line: string): string {
  return line.slice(0, line.indexOf(":")).toLowerCase();
}

function end(response: ServerResponse, status: number, type: string, text: string): void {
  response.statusCode = status;
  response.setHeader("Content-Type", type);
  response.setHeader("Content-Length", new TextEncoder().encode(text).length);
  response.end(text);
}

function status(code: number): Answer {
  return (_request, _body, response) => end(response, code, "text/html", `<h1>${code}</h1>\n`);
}

const LARGE = Array.from({ length: 20_000 }, (_, line) => `line ${line}\n`).join("");

const ANSWERS: Readonly<Record<string, Answer>> = {
  echo,
  "404": status(404),
  "403": status(403),
  "401": (request, body, response) => {
    response.setHeader("WWW-Authenticate", 'Basic realm="origin"');
    status(401)(request, body, response);
  },
  "410": status(410),
  "500": status(500),
  "502": status(502),
  "503": status(503),
  "304": (_request, _body, response) => {
    response.statusCode = 304;
    response.setHeader("ETag", '"abc"');
    response.end();
  },
  "204": (_request, _body, response) => {
    response.statusCode = 204;
    response.end();
  },
  "201": (_request, _body, response) => {
    response.setHeader("Location", "/made/1");
    end(response, 201, "application/json", '{"id":1}');
  },
  redirect: (_request, _body, response) => {
    response.setHeader("Location", "http://app.internal/next?a=b");
    end(response, 302, "text/html", "moved\n");
  },
  moved: (_request, _body, response) => {
    response.setHeader("Location", "https://shop.old/a/b");
    end(response, 301, "text/html", "moved\n");
  },
  cookie: (_request, _body, response) => {
    response.setHeader("Set-Cookie", [
      "sid=1; Path=/; HttpOnly",
      "lang=en; Domain=app.internal; Path=/shop",
    ]);
    end(response, 200, "text/plain", "cookies\n");
  },
  chunked: (_request, _body, response) => {
    response.setHeader("Content-Type", "text/plain");
    response.write("one, ");
    response.write("two, ");
    response.end("three\n");
  },
  large: (_request, _body, response) => {
    response.setHeader("Last-Modified", MODIFIED);
    response.setHeader("ETag", '"large-1"');
    end(response, 200, "text/plain", LARGE);
  },
  page: (_request, _body, response) => {
    response.setHeader("Last-Modified", MODIFIED);
    response.setHeader("ETag", '"page-1"');
    response.setHeader("Cache-Control", "max-age=60");
    end(
      response,
      200,
      "text/html; charset=utf-8",
      "<!doctype html><p>gr\u00fc\u00dfe</p>\n".repeat(60),
    );
  },
  json: (_request, _body, response) =>
    end(response, 200, "application/json", JSON.stringify({ items: Array(200).fill("item") })),
  events: (_request, _body, response) => {
    response.setHeader("Content-Type", "text/event-stream");
    response.setHeader("Cache-Control", "no-cache");
    for (let event = 0; event < 5; event++) {
      response.write(`id: ${event}\ndata: ${"x".repeat(event)}\n\n`);
    }
    response.end();
  },
  accel: (_request, _body, response) => {
    response.setHeader("X-Accel-Redirect", "/protected/report.pdf?o=page");
    response.setHeader("Content-Disposition", 'attachment; filename="report.pdf"');
    response.setHeader("Set-Cookie", "seen=1");
    end(response, 200, "application/pdf", "not this\n");
  },
  accel_named: (_request, _body, response) => {
    response.setHeader("X-Accel-Redirect", "@gone");
    end(response, 200, "text/plain", "not this\n");
  },
  /** Lets in who has a session. */
  auth: (request, _body, response) => {
    const cookie = request.headers.cookie ?? "";
    const user = /session=(\w+)/.exec(cookie)?.[1];
    if (user === "banned") return status(403)(request, "", response);
    if (user === undefined) {
      response.setHeader("WWW-Authenticate", 'Basic realm="auth"');
      return status(401)(request, "", response);
    }
    response.setHeader("X-User", user);
    response.statusCode = 204;
    response.end();
  },
};

/** Every `o` that there is. */
export const ORIGIN_ANSWERS: readonly string[] = Object.keys(ANSWERS);
