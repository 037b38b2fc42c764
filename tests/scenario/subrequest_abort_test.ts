/**
 * Clients that leave and peers that break at any moment of a request with subrequests:
 * in the end nothing is held.
 *
 * @module
 */
import type { CustomHandler } from "../../mod.ts";
import { connect, getRequest } from "../support/client.ts";
import { withSluice } from "../support/in_process.ts";
import { act, expectHead, okResponse, repeat, send, startOrigin } from "../support/origin.ts";
import { type Random, withRandom } from "../support/random.ts";

const CLIENTS = 150;
/** At once. */
const WIDTH = 15;
const DELAY_MAX_MS = 12;

function delay(random: Random): Promise<void> {
  const ms = random.integer(0, DELAY_MAX_MS);
  return new Promise((resolve) => setTimeout(resolve, ms));
}

Deno.test("subrequests: clients leave and peers break at any moment, and nothing is held in the end", async () => {
  await withRandom(async (random) => {
    await using origin = await startOrigin({
      each: [repeat(
        expectHead(),
        act("a moment", async (connection) => {
          await delay(random);
          if (random.integer(0, 9) === 0) connection.socket.resetAndDestroy();
        }),
        send(okResponse("x".repeat(3_000))),
      )],
    });
    const answer: CustomHandler = async (context) => {
      const body = await context.body();
      const answers = await Promise.all([
        context.subrequest("/peer/1"),
        context.subrequest("/peer/2", { method: "PUT", body }),
      ]);
      return { body: new Blob(answers.map((one) => one.body)).stream() };
    };
    await withSluice(
      `
upstreams: { app: { servers: [${origin.address}], keepalive: 4 } }
servers:
  - listen: 127.0.0.1:0
    auth_request: /auth
    mirror: /copy
    locations:
      /: { proxy: { pass: http://app } }
      /handler: { handler: answer }
      /peer/: { proxy: { pass: http://app } }
      = /auth: { proxy: { pass: http://app } }
      = /copy: { proxy: { pass: http://app } }
`,
      async (address) => {
        const client = async (): Promise<void> => {
          await using client = await connect(address);
          const path = random.integer(0, 1) === 0 ? "/" : "/handler";
          const post = `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello`;
          const request = random.integer(0, 1) === 0 ? getRequest(path) : post;
          const cut = random.integer(0, 3) === 0 ? random.integer(1, request.length) : undefined;
          await client.send(request.slice(0, cut));
          await delay(random);
          if (random.integer(0, 1) === 0) await client.reset();
        };
        for (let done = 0; done < CLIENTS; done += WIDTH) {
          await Promise.all(Array.from({ length: WIDTH }, client));
        }
      },
      { handlers: { answer } },
    );
  });
});
