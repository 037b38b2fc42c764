/**
 * What `$upstream_*` say of a request's attempts, in nginx's list syntax: each of the lines
 * expected here is what nginx 1.22.1 wrote for the same origins, times aside. And the reason
 * why a request went wrong, in the log and for the client.
 */
import { assertEquals } from "@std/assert";
import { freePorts } from "../support/free_ports.ts";
import { connect, exchange, getRequest } from "../support/client.ts";
import { withSluice } from "../support/in_process.ts";
import {
  close,
  expectRequest,
  okResponse,
  type Origin,
  respondWith,
  send,
  startOrigin,
} from "../support/origin.ts";

const LISTS = "$request_uri|$status|a=$upstream_addr|s=$upstream_status|c=$upstream_connect_time" +
  "|h=$upstream_header_time|r=$upstream_response_time|l=$upstream_response_length" +
  "|br=$upstream_bytes_received";

/** By the names that the expected lines use. */
interface Origins {
  readonly REFUSES: string;
  readonly CLOSES: Origin;
  readonly BUSY: Origin;
  readonly OK: Origin;
  readonly ACCEL: Origin;
  readonly SILENT: Origin;
}

function yaml({ REFUSES, CLOSES, BUSY, OK, ACCEL, SILENT }: Origins): string {
  const peers = `{ address: "${REFUSES}", max_fails: 0 }, { address: "${CLOSES.address}", ` +
    `max_fails: 0 }, { address: "${BUSY.address}", max_fails: 0 }, "${OK.address}"`;
  return `
upstreams:
  mix: { servers: [${peers}] }
  dead: { servers: ["${REFUSES}", "${REFUSES}"] }
  two: { servers: ["${BUSY.address}", "${BUSY.address}"] }
servers:
  - listen: "127.0.0.1:0"
    proxy: { next_upstream: [error, timeout, http_503], read_timeout: 250ms }
    locations:
      /: { proxy: { pass: "http://${OK.address}" } }
      /mix: { proxy: { pass: "http://mix" } }
      /dead: { proxy: { pass: "http://dead" } }
      /two: { proxy: { pass: "http://two" } }
      /accel: { proxy: { pass: "http://${ACCEL.address}" } }
      /second: { internal: on, proxy: { pass: "http://${OK.address}" } }
      /page: { error_page: "502 = @two", proxy: { pass: "http://${REFUSES}" } }
      "@two": { proxy: { pass: "http://two" } }
      /slow: { proxy: { pass: "http://${SILENT.address}" } }
      /none: { return: 204 }
`;
}

/** One after the other: the peers of `dead` and `two` are out of use from the second time on. */
const LINES = [
  "/|200|a=OK|s=200|c=T|h=T|r=T|l=3|br=41",
  "/mix|200|a=REFUSES, CLOSES, BUSY, OK|s=502, 502, 503, 200|c=-, T, T, T|h=-, -, T, T" +
  "|r=T, T, T, T|l=0, 0, 0, 3|br=0, 0, 40, 41",
  "/dead|502|a=REFUSES, REFUSES|s=502, 502|c=-, -|h=-, -|r=T, T|l=0, 0|br=0, 0",
  "/dead|502|a=dead|s=502|c=-|h=-|r=T|l=0|br=0",
  "/two|503|a=BUSY, BUSY|s=503, 503|c=T, T|h=T, T|r=T, T|l=0, 2|br=40, 40",
  "/accel|200|a=ACCEL : OK|s=200 : 200|c=T : T|h=T : T|r=T : T|l=0 : 3|br=67 : 41",
  "/page|502|a=REFUSES : BUSY, two|s=502 : 503, 502|c=- : T, -|h=- : T, -|r=T : T, T" +
  "|l=0 : 0, 0|br=0 : 40, 0",
  "/slow|504|a=SILENT|s=504|c=T|h=-|r=T|l=0|br=0",
  "/none|204|a=-|s=-|c=-|h=-|r=-|l=-|br=-",
];

Deno.test("the lists of attempts: commas between tries, colons over an internal redirect, - for what was not reached", async () => {
  const [port] = freePorts(1);
  const bodies = { no: "HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno" };
  const redirect = "HTTP/1.1 200 OK\r\nX-Accel-Redirect: /second\r\nContent-Length: 2\r\n\r\nno";
  await using CLOSES = await startOrigin({ each: [expectRequest(), close()] });
  await using BUSY = await respondWith(bodies.no);
  await using OK = await respondWith(okResponse("ok\n"));
  await using ACCEL = await respondWith(redirect);
  await using SILENT = await startOrigin({ each: [expectRequest()] });
  const origins = { REFUSES: `127.0.0.1:${port}`, CLOSES, BUSY, OK, ACCEL, SILENT };
  await withSluice(yaml(origins), async (address, sluice) => {
    await using client = await connect(address);
    for (const line of LINES) {
      await client.send(getRequest(line.split("|", 1)[0]!));
      await client.readResponse();
    }
    await sluice.accessLine(LINES.length);
    const lines = sluice.accessLog.map((line) => {
      let text = line.replace(/\d+\.\d{3}(?=[ ,|]|$)/g, "T");
      for (const [name, origin] of Object.entries(origins)) {
        text = text.replaceAll(typeof origin === "string" ? origin : origin.address, name);
      }
      return text;
    });
    assertEquals(lines, LINES);
  }, { logFormat: LISTS });
});

const KEPT = "$upstream_http_x_a|$upstream_cookie_c|$upstream_cookie_missing|" +
  "$upstream_trailer_x_sum|$request_body|$request_body_file";

Deno.test("fields, cookies and trailers of a response, and the request's body, are in the log where it wants them", async () => {
  await using origin = await respondWith(
    "HTTP/1.1 200 OK\r\nX-A: one\r\nX-A: two\r\nSet-Cookie: d=2\r\nSet-Cookie: c=1; Path=/\r\n" +
      "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 42\r\n\r\n",
  );
  const settings = `
servers:
  - listen: "127.0.0.1:0"
    client_body_in_file_only: clean
    locations:
      /: { client_body_in_file_only: off, proxy: { pass: "http://${origin.address}" } }
      /file: { proxy: { pass: "http://${origin.address}", set_header: { X-File: $request_body_file } } }
`;
  await withSluice(settings, async (address, sluice) => {
    await using client = await connect(address);
    await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
    await client.readResponse();
    await client.send(getRequest());
    await client.readResponse();
    await client.send("POST /file HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
    await client.readResponse();
    assertEquals(await sluice.accessLine(1), "one, two|1|-|42|abc|-");
    assertEquals(await sluice.accessLine(2), "one, two|1|-|42|-|-");
    const file = origin.requests[2]!.fields.get("X-File")!;
    assertEquals(await sluice.accessLine(3), `one, two|1|-|42|-|${file}`);
  }, { logFormat: KEPT });
});

Deno.test("failure_header: a response that had trouble on its way says which, error pages too", async () => {
  const [port] = freePorts(1);
  await using good = await respondWith(okResponse("good"));
  await using closes = await startOrigin({ each: [expectRequest(), close()] });
  await using silent = await startOrigin({ each: [expectRequest(), send("HTTP/1.1 2")] });
  const dead = `127.0.0.1:${port}`;
  const settings = `
upstreams:
  retried: { servers: ["${dead}", "${good.address}"] }
servers:
  - listen: "127.0.0.1:0"
    proxy: { failure_header: on, read_timeout: 250ms }
    locations:
      /good: { proxy: { pass: "http://${good.address}" } }
      /retried: { proxy: { pass: "http://retried" } }
      /refused: { proxy: { pass: "http://${dead}" } }
      /closes: { proxy: { pass: "http://${closes.address}" } }
      /silent: { proxy: { pass: "http://${silent.address}" } }
      /page: { error_page: "502 = @page", proxy: { pass: "http://${dead}" } }
      "@page": { return: 200 sorry }
      /fallback: { error_page: "502 = @good", proxy: { pass: "http://${dead}" } }
      "@good": { proxy: { pass: "http://${good.address}", failure_header: off } }
      /quiet: { proxy: { pass: "http://${dead}", failure_header: off } }
`;
  const refused = `refused of ${dead} while connecting to upstream: not tried again, no tries left`;
  const reading = "while reading response header from upstream: not tried again, no tries left";
  const expected: Readonly<Record<string, string | undefined>> = {
    "/good": undefined,
    "/retried": `refused of ${dead} while connecting to upstream: another peer was tried`,
    "/refused": refused,
    "/closes": `closed of ${closes.address} ${reading}`,
    "/silent": `timeout of ${silent.address} ${reading}`,
    "/page": refused,
    "/fallback": refused,
    "/quiet": undefined,
  };
  await withSluice(settings, async (address) => {
    for (const [path, failure] of Object.entries(expected)) {
      const { fields } = await exchange(address, getRequest(path));
      assertEquals(fields.get("X-Sluice-Failure"), failure, path);
    }
  });
});
