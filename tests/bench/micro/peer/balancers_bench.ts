/** A peer chosen and given back, by each balancer, of few and of many. @module */
import { balancerOf } from "../../../../src/peer/balancer_of.ts";
import type { BalanceConf } from "../../../../src/peer/conf.ts";
import { Peer, Selection } from "../../../../src/peer/peer.ts";
import { peerConf } from "../../../unit/peer/peer_conf.ts";

const BALANCERS: Readonly<Record<string, BalanceConf>> = {
  "round_robin": { kind: "round_robin" },
  "least_conn": { kind: "least_conn" },
  "ip_hash": { kind: "ip_hash" },
  "hash": { kind: "hash", key: "", isConsistent: false },
  "hash consistent": { kind: "hash", key: "", isConsistent: true },
  "least_time": { kind: "least_time", isToHead: true },
  "ewma": { kind: "ewma" },
  "random": { kind: "random" },
  "random two": { kind: "random_two" },
  "random two least_time": { kind: "random_two_least_time", isToHead: true },
};
/** Keys and addresses of clients: enough of them that none is always the same. */
const KEYS = Array.from({ length: 256 }, (_, at) => `203.0.113.${at}`);

for (const count of [3, 100]) {
  for (const [name, conf] of Object.entries(BALANCERS)) {
    const peers = Array.from({ length: count }, () => new Peer(peerConf()));
    const balancer = balancerOf(conf, peers);
    const selection = new Selection();
    let turn = 0;
    Deno.bench(`${name}, ${count} peers`, { group: `balancers, ${count} peers` }, () => {
      selection.key = KEYS[turn++ & 0xff]!;
      balancer.begin(selection);
      const peer = balancer.get(selection, turn);
      if (peer === undefined) throw new Error("no peer was chosen");
      balancer.free(selection, peer, "ok", turn);
    });
  }
}
