/**
 * An origin that answers by path, with raw bytes.
 *
 * @module
 */
import { act, type Origin, repeat, startOrigin } from "./origin.ts";
import { readChunked, readRequestHead } from "./http_text.ts";

/**
 * Answers each path with its bytes, and all others with a text that tells the method,
 * the target and the body that came.
 */
export function startRoutes(routes: Readonly<Record<string, string>>): Promise<Origin> {
  const answer = act("answer by path", async (connection) => {
    const head = await readRequestHead(connection.inbox);
    const isChunked = head.fields.get("Transfer-Encoding") === "chunked";
    const length = Number(head.fields.get("Content-Length") ?? 0);
    const body = isChunked
      ? (await readChunked(connection.inbox)).body
      : await connection.inbox.exactly(length);
    connection.note(head);
    const told = `${head.method} ${head.target} ${new TextDecoder().decode(body)}`.trim();
    const response = routes[head.target.split("?")[0]!] ?? answerOf("200 OK", told);
    const headOnly = response.slice(0, response.indexOf("\r\n\r\n") + 4);
    await connection.write(
      new TextEncoder().encode(head.method === "HEAD" ? headOnly : response),
    );
  });
  return startOrigin({ each: [repeat(answer)] });
}

/** A response with a length. */
export function answerOf(status: string, body = "", ...lines: readonly string[]): string {
  return [`HTTP/1.1 ${status}`, `Content-Length: ${body.length}`, ...lines, "", body].join("\r\n");
}
