/**
 * A request as variables, maps, limits and logs see it, without a connection.
 *
 * @module
 */
import type { Client } from "../../src/downstream/mod.ts";
import type { Request } from "../../src/http/request.ts";
import { Variables } from "../../src/http/configured_variables.ts";
import { type Server, Worker } from "../../src/http/worker.ts";
import { ErrorLog } from "../../src/log/mod.ts";
import type { RequestHead } from "../../src/wire/mod.ts";
import { testContext } from "./scripted_transport.ts";

/** A request that was answered with a small 200 and is about to be logged. Its head was parsed. */
export function answeredRequest(head: RequestHead): Request {
  const context = testContext();
  const errorLog = new ErrorLog([], { process: "1#0", wallMs: () => 0 });
  const request = new Worker(context, errorLog).takeRequest();
  const remote = { transport: "tcp", hostname: "203.0.113.7", port: 50_000 };
  const client = {
    context,
    id: 1,
    conn: { remote, local: remote },
    remote,
    requests: 1,
    startedAtMs: context.deadlines.nowMs,
    head,
    body: { bytes: 0 },
    response: { status: 200, bodyBytes: 13, sentBytes: 170 },
  };
  const server: Server = {
    variables: new Variables(),
    mergesSlashes: true,
    answerSubrequest: () => Promise.resolve(),
    end: () => {},
    fail: () => {},
  };
  // The rest of a client is its connection, which nothing that is measured here looks at.
  request.begin(client as unknown as Client, server, 8080);
  return request;
}
