/**
 * The types of the npm package `ws`, which ships none: a WebSocket client and server
 * that is not ours, for tests only. Only what they use is declared.
 */

declare module "ws" {
  import type { EventEmitter } from "node:events";

  type Data = Uint8Array | ArrayBuffer | Uint8Array[];

  /** One end of a WebSocket. */
  export class WebSocket extends EventEmitter {
    constructor(address: string, protocols?: readonly string[], options?: {
      readonly maxPayload?: number;
      readonly perMessageDeflate?: boolean;
    });
    readonly protocol: string;
    send(data: string | Uint8Array, onSent?: (error?: Error) => void): void;
    close(code?: number, reason?: string): void;
    terminate(): void;
    on(event: "open", listener: () => void): this;
    on(event: "message", listener: (data: Data, isBinary: boolean) => void): this;
    on(event: "close", listener: (code: number, reason: Uint8Array) => void): this;
    on(event: "error", listener: (error: Error) => void): this;
  }

  /** Accepts WebSockets on a port of its own. */
  export class WebSocketServer extends EventEmitter {
    constructor(
      options: { readonly host: string; readonly port: number },
      onListening?: () => void,
    );
    address(): { readonly port: number };
    close(onClosed?: () => void): void;
    readonly clients: ReadonlySet<WebSocket>;
    on(event: "connection", listener: (socket: WebSocket) => void): this;
  }
}
