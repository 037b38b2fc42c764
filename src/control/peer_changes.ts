/**
 * What an operator has changed of groups' peers since the configuration came into force: what a
 * worker that begins later has to do too.
 *
 * @module
 */
import type { PeerOrder } from "./process_control.ts";

/** As few orders as lead to the same: there are no more than peers that were ever changed. */
export class PeerChanges {
  readonly #orders = new Map<string, PeerOrder[]>();

  get all(): PeerOrder[] {
    return [...this.#orders.values()].flat();
  }

  add(order: PeerOrder): void {
    const key = `${order.group}\0${order.kind === "add" ? order.peer.name : order.name}`;
    const before = this.#orders.get(key) ?? [];
    const last = before.at(-1);
    if (order.kind === "change" && last?.kind === "change") {
      before[before.length - 1] = { ...order, change: { ...last.change, ...order.change } };
    } else if (order.kind === "remove") {
      // One that is in the configuration has to be removed; one that was added does not come.
      const isAdded = before[0]?.kind === "add";
      before.splice(0);
      if (!isAdded) before.push(order);
    } else before.push(order);
    if (before.length > 0) this.#orders.set(key, before);
    else this.#orders.delete(key);
  }

  clear(): void {
    this.#orders.clear();
  }
}
