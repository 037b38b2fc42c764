import { assertEquals, assertStrictEquals } from "@std/assert";
import { Failure } from "../../../src/event/failure.ts";
import { isCancelled, systemErrorText } from "../../../src/event/system_error.ts";
import { handshakeFailure, TlsClient } from "../../../src/event/tls_client.ts";
import { isSameDial, PLAIN_DIAL } from "../../../src/event/dial.ts";

function error(message: string, code: string, errno?: number): Error {
  return Object.assign(new Error(message), { code, ...(errno === undefined ? {} : { errno }) });
}

function client(sendsServerName: boolean): TlsClient {
  return new TlsClient({
    trusted: undefined,
    verifyDepth: 1,
    certificate: undefined,
    certificateKey: undefined,
    sendsServerName,
    minVersion: "TLSv1.2",
    maxVersion: "TLSv1.3",
  });
}

Deno.test("how a handshake's end is told, in nginx's words", () => {
  const cases: [error: Error, message: string][] = [
    [
      error("certificate has expired", "CERT_HAS_EXPIRED"),
      "upstream SSL certificate verify error: (10:certificate has expired)",
    ],
    [
      error("no", "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"),
      "upstream SSL certificate verify error: (20:unable to get local issuer certificate)",
    ],
    [error("left", "ECONNRESET"), "peer closed connection in SSL handshake"],
    [
      error("received fatal alert: ProtocolVersion", "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION"),
      "SSL_do_handshake() failed (SSL: received fatal alert: ProtocolVersion)",
    ],
    [new Error("whatever"), "SSL_do_handshake() failed (SSL: whatever)"],
  ];
  for (const [cause, message] of cases) {
    const failure = handshakeFailure(cause);
    assertEquals([failure.side, failure.kind, failure.message], ["upstream", "tls", message]);
  }
  const own = new Failure("upstream", "tls", "upstream SSL certificate does not match");
  assertStrictEquals(handshakeFailure(own), own);
});

Deno.test("a name is sent when it is asked for and is one", () => {
  const cases: [name: string, sent: string | undefined][] = [
    ["app.test", "app.test"],
    ["_x.a-b.test", "_x.a-b.test"],
    ["192.0.2.1", undefined],
    ["::1", undefined],
    ["", undefined],
    ["a b", undefined],
  ];
  for (const [name, sent] of cases) {
    assertEquals(client(true).connectOptions(name).servername, sent, name);
    assertEquals(client(false).connectOptions(name).servername, undefined);
  }
});

Deno.test("system errors have their number and errno's text, whoever tells of them", () => {
  const cases: [error: unknown, text: string][] = [
    [new Error("Connection refused (os error 111)"), "111: Connection refused"],
    [error("connect ECONNREFUSED 127.0.0.1:1", "ECONNREFUSED", -111), "111: Connection refused"],
    [error("connect EWHATEVER", "EWHATEVER", -999), "999: EWHATEVER"],
    [error("alert", "ERR_SSL_X"), "alert"],
    ["a string", "a string"],
  ];
  for (const [cause, text] of cases) assertEquals(systemErrorText(cause), text);
  assertEquals(isCancelled(new Deno.errors.Interrupted("x")), true);
  assertEquals(isCancelled(error("x", "ECANCELED")), true);
  assertEquals(isCancelled(error("x", "EPIPE")), false);
});

Deno.test("a connection serves those who would have made it the same", () => {
  const one = client(true);
  const secure = { ...PLAIN_DIAL, tls: { client: one, name: "a" } };
  assertEquals(isSameDial(secure, { ...PLAIN_DIAL, tls: { client: one, name: "a" } }), true);
  assertEquals(isSameDial(secure, { ...PLAIN_DIAL, tls: { client: one, name: "b" } }), false);
  assertEquals(
    isSameDial(secure, { ...PLAIN_DIAL, tls: { client: client(true), name: "a" } }),
    false,
  );
  assertEquals(isSameDial(secure, PLAIN_DIAL), false);
  assertEquals(isSameDial(PLAIN_DIAL, { ...PLAIN_DIAL, bind: "::1" }), false);
  assertEquals(isSameDial(PLAIN_DIAL, { ...PLAIN_DIAL, socketKeepalive: true }), false);
  assertEquals(isSameDial(PLAIN_DIAL, { ...PLAIN_DIAL, greeting: "PROXY UNKNOWN\r\n" }), false);
});
