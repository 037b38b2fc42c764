import { assert, assertEquals, assertRejects } from "@std/assert";
import { Failure } from "../../../src/event/failure.ts";
import { startTls } from "../../../src/event/start_tls.ts";
import { TlsClient } from "../../../src/event/tls_client.ts";
import { CLOSED, RESET, type Script, ScriptedTransport } from "../../support/scripted_transport.ts";

const client = new TlsClient({
  trusted: undefined,
  verifyDepth: 1,
  certificate: undefined,
  certificateKey: undefined,
  sendsServerName: false,
  minVersion: "TLSv1.2",
  maxVersion: "TLSv1.3",
});

function begin(script: Script, signal = new AbortController().signal) {
  const transport = new ScriptedTransport(script);
  return { transport, started: startTls(transport, { client, name: "app.test" }, signal) };
}

Deno.test("a handshake that the peer ends, breaks or answers with something else is a tls failure", async () => {
  const cases: [script: Script, message: RegExp][] = [
    [{ reads: [CLOSED] }, /^peer closed connection in SSL handshake$/],
    [
      { reads: [RESET] },
      /^peer closed connection in SSL handshake \(104: Connection reset by peer\)$/,
    ],
    [{ reads: ["HTTP/1.1 400 Bad Request\r\n\r\n"] }, /^SSL_do_handshake\(\) failed \(SSL: /],
    [{ writes: [RESET] }, /^peer closed connection in SSL handshake \(32: Broken pipe\)$/],
  ];
  for (const [script, message] of cases) {
    const { transport, started } = begin(
      script.writes === undefined ? script : { ...script, reads: [CLOSED] },
    );
    const failure = await assertRejects(() => started, Failure);
    assertEquals([failure.side, failure.kind], ["upstream", "tls"]);
    assert(message.test(failure.message), failure.message);
    assert(transport.isClosed);
  }
});

Deno.test("a handshake that is given up ends, and closes its transport", async () => {
  const abort = new AbortController();
  const { transport, started } = begin({}, abort.signal);
  abort.abort();
  await assertRejects(() => started, Failure);
  assert(transport.isClosed);
});

Deno.test("a handshake that was given up before it began never begins to wait", async () => {
  const { transport, started } = begin({}, AbortSignal.abort());
  await assertRejects(() => started, Failure);
  assert(transport.isClosed);
});
