/**
 * `handler`: a location that a function of the embedding program answers.
 *
 * @module
 */
import { Driver, Failure, type Phase, waitForRoom } from "../event/mod.ts";
import { BadMessage } from "../wire/mod.ts";
import { Departure } from "./departure.ts";
import { Context, type HandlerContext } from "./handler_context.ts";
import { type HandlerResponse, understand, writeHead } from "./handler_response.ts";
import { refuse } from "./redirect.ts";
import type { Request } from "./request.ts";
import { sendHandlerBody } from "./send_handler_body.ts";
import { settled, TimedOut, TimeLimit } from "./time_limit.ts";
import type { Handler } from "./worker.ts";

/** A function that answers requests. */
export type CustomHandler = (
  context: HandlerContext,
) => HandlerResponse | Promise<HandlerResponse>;

const CLIENT_CLOSED_REQUEST = 499;
const INTERNAL_SERVER_ERROR = 500;
const GATEWAY_TIMEOUT = 504;

/** A location that a function answers. */
export class HandlerLocation implements Handler {
  readonly name: string;
  readonly #function: CustomHandler;
  readonly #timeoutMs: number;

  /** @param timeoutMs `handler_timeout`: for the response, and for each next piece of a stream. */
  constructor(name: string, answer: CustomHandler, timeoutMs: number) {
    this.name = name;
    this.#function = answer;
    this.#timeoutMs = timeoutMs;
  }

  async handle(request: Request): Promise<void> {
    const { client } = request;
    const driver = new Driver();
    const departure = new Departure(request.worker);
    const limit = new TimeLimit(client.context.deadlines, this.#timeoutMs, driver);
    const context = new Context(request, departure);
    departure.add(() => driver.interrupt(clientGone()));
    departure.watch(client);
    let isStarted = false;
    try {
      limit.begin();
      const given = await driver.run(settled(context.answer(this.#function)));
      const response = understand(given);
      if (!client.response.prepare()) await driver.run(roomForHead(request));
      writeHead(request, response, response.body instanceof Uint8Array ? response.body.length : -1);
      isStarted = true;
      await driver.run(sendHandlerBody(request, response, limit));
    } catch (error) {
      this.#fail(request, driver.interruption ?? error, isStarted);
    } finally {
      limit.end();
      await context.close();
      departure.end();
    }
  }

  #fail(request: Request, error: unknown, isStarted: boolean): void {
    const { response } = request.client;
    const isClientGone = error instanceof Failure && error.side === "downstream";
    if (isClientGone) {
      request.report("info", error.message);
    } else if (error instanceof TimedOut) {
      request.report("error", `handler "${this.name}" timed out (110: Connection timed out)`);
    } else if (error instanceof BadMessage) {
      request.report("info", `client sent an invalid request: ${error.message}`);
    } else {
      const text = error instanceof Error ? error.stack ?? error.message : String(error);
      request.report("error", `handler "${this.name}" failed: ${text}`);
    }
    if (isClientGone) {
      response.cutShort();
      if (!isStarted) response.status = CLIENT_CLOSED_REQUEST;
    } else if (isStarted) {
      response.cutShort();
    } else if (error instanceof BadMessage) {
      refuse(request, error.status);
    } else {
      refuse(request, error instanceof TimedOut ? GATEWAY_TIMEOUT : INTERNAL_SERVER_ERROR);
    }
  }
}

function clientGone(): Failure {
  return new Failure("downstream", "closed", "client prematurely closed connection");
}

async function* roomForHead({ client }: Request): Phase<void> {
  while (!client.response.prepare()) yield* waitForRoom(client.context);
}
