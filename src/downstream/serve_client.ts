/**
 * The way of a client's connection: request after request, until one side has enough.
 *
 * @module
 */
import { Failure } from "../event/mod.ts";
import { BadMessage, BadProxyHeader } from "../wire/mod.ts";
import type { ClientConnection } from "./client_connection.ts";
import { closeGently, discardBody, lingers } from "./discard.ts";
import { busyPage, errorPage, sendSimple } from "./error_page.ts";
import { readProxiedAddress } from "./read_proxy_header.ts";
import {
  awaitRequest,
  awaitRest,
  beginIfWhole,
  readRequestHead,
  takeFirst,
  takePipelined,
} from "./read_request_head.ts";

/** What is done with requests, and told of connections. Implemented by http. */
export interface ClientHandler {
  /** Answers the current request. Never rejects. */
  handle(client: ClientConnection): Promise<void> | void;
  /** A request was refused before it could be handled, and has been answered. */
  onRefused(client: ClientConnection, refusal: BadMessage): void;
  /** The connection ended in the middle of something, and why. */
  onBroken(client: ClientConnection, failure: Failure): void;
  /** The connection does not begin with a header of the PROXY protocol: it is closed. */
  onBadProxyHeader(client: ClientConnection, error: BadProxyHeader): void;
  /** A bug of ours ended the connection, or there was no buffer memory for it. */
  onBug(client: ClientConnection, error: unknown): void;
}

/**
 * Serves a connection to its end. Never rejects; the connection is closed and holds nothing after.
 *
 * @param onEnd Called then. A `then` of the caller's would cost each idle client 200 bytes.
 */
export async function serveClient(
  client: ClientConnection,
  onEnd?: (client: ClientConnection) => void,
): Promise<void> {
  const { driver } = client;
  try {
    if (client.shared.settings.conf.proxyProtocol) {
      if (!await driver.run(readProxiedAddress(client))) return;
    }
    while (true) {
      const idle = awaitRequest(client);
      if (idle === undefined) {
        takePipelined(client);
      } else {
        await idle.blocked;
        if (!takeFirst(client)) return;
      }
      let isThere = false;
      if (client.hasHead) {
        const rest = awaitRest(client);
        if (rest !== undefined) {
          await rest.blocked;
          rest.check();
        }
        isThere = beginIfWhole(client);
      }
      if (!isThere && !await driver.run(readRequestHead(client))) return;
      const handler = client.handler = client.shared.settings.handler;
      await handler.handle(client);
      client.handler = undefined;
      if (client.response.isCut) return;
      if (!client.response.keepsAlive) return await end(client);
      if (!client.body.isDone && !await driver.run(discardBody(client))) return;
      client.endRequest();
    }
  } catch (error) {
    if (error instanceof BadMessage) await refuse(client, error);
    else tell(client, error);
  } finally {
    if (client.conn.isSending) await sendRest(client);
    close(client);
    onEnd?.(client);
  }
}

/** Sends what is on its way, and waits for the client where it may still be sending. */
async function end(client: ClientConnection): Promise<void> {
  const { conn } = client;
  while (conn.isSending) await conn.writable.blocked;
  if (lingers(client)) await client.driver.run(closeGently(client));
}

/**
 * A client that has asked for all it wants may end its direction long before it has taken the
 * last answer.
 */
async function sendRest({ conn, response }: ClientConnection): Promise<void> {
  while (conn.isSending && !conn.isClosed && !response.isCut) await conn.writable.blocked;
}

/** Tells the client that its request is no request, and ends the connection. */
async function refuse(client: ClientConnection, refusal: BadMessage): Promise<void> {
  try {
    if (client.response.status === 0) {
      client.isDraining = true;
      const { status } = refusal;
      const { serverTokens } = client.conf;
      sendSimple(client, status === 503 ? busyPage(serverTokens) : errorPage(status, serverTokens));
      handlerOf(client).onRefused(client, refusal);
    }
    await client.driver.run(closeGently(client));
  } catch (error) {
    tell(client, error);
  }
}

/** A bug in what ends a connection is told: nobody else has to go with it. */
function close(client: ClientConnection): void {
  try {
    client.close();
  } catch (error) {
    handlerOf(client).onBug(client, error);
  }
}

function tell(client: ClientConnection, error: unknown): void {
  if (error instanceof BadProxyHeader) handlerOf(client).onBadProxyHeader(client, error);
  else if (error instanceof Failure) handlerOf(client).onBroken(client, error);
  else handlerOf(client).onBug(client, error);
}

/** Of the current request; between two of them, of the configuration that is in force. */
function handlerOf({ handler, shared }: ClientConnection): ClientHandler {
  return handler ?? shared.settings.handler;
}
