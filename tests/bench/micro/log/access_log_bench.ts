/** A line of the access log, into a sink whose writes cost nothing. @module */
import { Variables } from "../../../../src/http/configured_variables.ts";
import { AccessLog, LineFormat, LOG_FORMATS, LogSink } from "../../../../src/log/mod.ts";
import { answeredRequest } from "../../../support/answered_request.ts";
import { BROWSER_REQUEST, parsed, SMALL_REQUEST } from "../messages.ts";

const CONF = { bufferBytes: 65_536, flushMs: 1_000 };
const variables = new Variables();

for (const [name, { text, escape }] of Object.entries(LOG_FORMATS)) {
  for (
    const [size, message] of Object.entries({ small: SMALL_REQUEST, browser: BROWSER_REQUEST })
  ) {
    const log = new AccessLog(
      new LineFormat(text, escape, variables.lookup, { spans: variables.spans }),
      nowhere(),
    );
    const request = answeredRequest(parsed(message));
    Deno.bench(`access log: ${name}, ${size} request`, { group: "access log" }, () => {
      log.write(request);
    });
  }
}

const timed = answeredRequest(parsed(SMALL_REQUEST));
const attempt = timed.exchange.beginAttempt("192.0.2.1:80");
attempt.status = 200;
attempt.headerMs = attempt.responseMs = 1.3;
const times = new AccessLog(
  new LineFormat(
    "$request_time $upstream_addr $upstream_status $upstream_header_time $upstream_response_time",
    "default",
    variables.lookup,
  ),
  nowhere(),
);
Deno.bench("access log: three times, the peer and its status", { group: "access log" }, () => {
  times.write(timed);
});

const template = variables.compile("$remote_addr via $host for $request_method $request_uri");
const request = answeredRequest(parsed(BROWSER_REQUEST));
Deno.bench("template: four variables and text between them", () => {
  template.render(request);
});

function nowhere(): LogSink {
  return new LogSink({
    name: "nowhere",
    open: () => ({ write: (bytes) => Promise.resolve(bytes.length), close: () => {} }),
    report: (message) => {
      throw new Error(message);
    },
    after: () => () => {},
  }, CONF);
}
