/**
 * Opens many keepalive clients; each asks once and then stays silent. A program of
 * its own, for its own limit of open files. Arguments: address and count. Says
 * "open" when all are answered; a line on standard input asks how many were
 * closed since; its end ends the program.
 *
 * @module
 */
import { SMALL_BODY } from "./workloads.ts";

/** Opened side by side; more would only queue in the accept backlog. */
const AT_ONCE = 64;

const [address = "", count = "0"] = Deno.args;
const [hostname = "", port] = address.split(":");
const request = new TextEncoder().encode(`GET /small HTTP/1.1\r\nHost: ${address}\r\n\r\n`);
const clients: Deno.TcpConn[] = [];
let wanted = Number(count);
let lost = 0;

try {
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    while (wanted-- > 0) clients.push(await openClient());
  }));
} catch (failure) {
  console.log(`${failure}`);
  Deno.exit(1);
}
console.log("open");
for await (const _order of Deno.stdin.readable) console.log(lost);
Deno.exit(0);

async function openClient(): Promise<Deno.TcpConn> {
  const conn = await Deno.connect({ hostname, port: Number(port) });
  await conn.write(request);
  const buf = new Uint8Array(1024);
  let answer = "";
  while (!answer.endsWith(SMALL_BODY)) {
    const received = await conn.read(buf);
    if (received === null) throw new Error("closed before the answer was complete");
    answer += new TextDecoder().decode(buf.subarray(0, received));
  }
  conn.read(new Uint8Array(1)).then(countLost, countLost);
  return conn;
}

function countLost(): void {
  lost++;
}
