/**
 * Asks the proxy's admin listener, as an operator does.
 *
 * @module
 */
import type { StatusJson } from "../../../src/control/status_json.ts";

export type { StatusJson };

export class AdminClient implements Disposable {
  readonly #address: string;
  /** Keeps no connection: descriptors are counted here. */
  readonly #http = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });

  constructor(address: string) {
    this.#address = address;
  }

  /** @throws {Error} When it does not answer as it should. */
  async status(): Promise<StatusJson> {
    const response = await fetch(`http://${this.#address}/status`, { client: this.#http });
    const text = await response.text();
    if (response.status !== 200) throw new Error(`Cannot ask: ${response.status} ${text}`);
    return JSON.parse(text) as StatusJson;
  }

  [Symbol.dispose](): void {
    this.#http.close();
  }
}
