/** How `balance` is written: nginx's words, or a map for `hash`. @module */
import type { BalanceConf } from "../../peer/conf.ts";
import type { ArgumentType, Reading } from "../directive.ts";
import { nearestName } from "../nearest.ts";
import { type NginxForm, someWords, switchText, wordsNode, wordTexts } from "../nginx_form.ts";
import { type Mapping, type Node, wordsOf } from "../node.ts";
import { flag, template } from "../types.ts";

const WAYS = ["round_robin", "least_conn", "ip_hash", "random", "ewma"] as const;
const EXPECTED = "one of round_robin, least_conn, least_time header, least_time last_byte, ewma, " +
  "ip_hash, random, random two, or {hash: KEY, consistent: on}";

/** nginx has a directive for each way; `balance` is what reaches those that are ours. */
const form: NginxForm = {
  ...someWords,
  names: ["least_conn", "least_time", "ip_hash", "random", "hash"],
  arity: { least: 0, most: 3 },
  read: ([statement]) => {
    const { name, args, span } = statement!;
    const words = name.text === "balance" ? args : [name, ...args];
    return wordsNode(words, span);
  },
  print: (node) => {
    const [way, ...args] = node.kind === "mapping" ? wordsOfMap(node) : wordTexts(node);
    if (way === undefined || way === "round_robin") return [];
    return form.names?.includes(way)
      ? [{ name: way, args }]
      : [{ name: "balance", args: [way, ...args] }];
  },
};

function wordsOfMap({ entries }: Mapping): readonly string[] {
  const textOf = (name: string) => {
    const value = entries.find(({ key }) => key === name)?.value;
    return value?.kind === "scalar" ? value.text : "";
  };
  const isConsistent = switchText(textOf("consistent")) === "on";
  return ["hash", textOf("hash"), ...(isConsistent ? ["consistent"] : [])];
}

export const balance: ArgumentType<BalanceConf> = {
  nginx: form,
  label: "round_robin | least_conn | least_time header | least_time last_byte | ewma | ip_hash | " +
    "random [two [least_conn | least_time=header | least_time=last_byte]] | " +
    "hash KEY [consistent] | NAME [KEY]",
  expected: EXPECTED,
  read(node, reading): BalanceConf | undefined {
    if (node.kind === "mapping") return readMap(node, reading);
    const [first, ...rest] = wordsOf(node) ?? [];
    if (first === undefined) return reading.refuse(node, EXPECTED);
    if (reading.known.balancers.has(first.text) && rest.length <= 1) {
      const key = rest.length === 0 ? "" : template.read(rest[0]!, reading);
      return key === undefined ? undefined : { kind: "custom", name: first.text, key };
    }
    const [second, third] = rest.map(({ text }) => text);
    const way = WAYS.find((way) => way === first.text);
    if (way !== undefined && rest.length === 0) return { kind: way };
    if (first.text === "random" && second === "two" && rest.length <= 2) {
      const [, time] = /^least_time=(header|last_byte)$/.exec(third ?? "") ?? [];
      if (time !== undefined) return { kind: "random_two_least_time", isToHead: time === "header" };
      // nginx's `least_conn` is what it does anyway.
      if (third === undefined || third === "least_conn") return { kind: "random_two" };
    }
    if (first.text === "least_time" && rest.length === 1) {
      if (second === "header" || second === "last_byte") {
        return { kind: "least_time", isToHead: second === "header" };
      }
    }
    if (first.text === "hash" && rest.length > 0 && rest.length <= 2) {
      if (third === undefined || third === "consistent") {
        return readHash(rest[0]!, third !== undefined, reading);
      }
    }
    return reading.refuse(node, EXPECTED);
  },
};

function readMap(node: Mapping, reading: Reading): BalanceConf | undefined {
  let key: Node | undefined;
  let isConsistent = false;
  for (const { key: name, keySpan, value } of node.entries) {
    if (name === "hash") key = value;
    else if (name === "consistent") {
      isConsistent = flag.read(value, reading.of("consistent")) ?? false;
    } else {
      const nearest = nearestName(name, ["hash", "consistent"]);
      reading.refusePart(keySpan, name, "no such parameter", nearest);
    }
  }
  if (key === undefined) return reading.refuse(node, EXPECTED);
  return readHash(key, isConsistent, reading.of("hash"));
}

function readHash(node: Node, isConsistent: boolean, reading: Reading): BalanceConf | undefined {
  const key = template.read(node, reading);
  if (key === undefined) return undefined;
  if (key === "") return reading.refuse(node, 'a text with $variables such as "$request_uri"');
  return { kind: "hash", key, isConsistent };
}
