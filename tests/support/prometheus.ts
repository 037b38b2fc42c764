/**
 * A strict reader of Prometheus's text format 0.0.4, written from its specification: what it
 * takes, any scraper takes.
 *
 * @module
 */

/** One line that is no comment. */
export interface Sample {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
}

/** A metric with all its samples. */
export interface Family {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly samples: readonly Sample[];
}

const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*/;
const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*/;
const NUMBER = /^(?:[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]Inf|NaN)$/;

/** @throws {Error} Of the first thing that is wrong, with its line. */
export function readPrometheus(text: string): ReadonlyMap<string, Family> {
  if (!text.endsWith("\n")) throw new Error("the last line has no end");
  const families = new Map<string, Family & { samples: Sample[] }>();
  const seen = new Set<string>();
  let current: (Family & { samples: Sample[] }) | undefined;
  let help: { name: string; text: string } | undefined;
  text.slice(0, -1).split("\n").forEach((line, at) => {
    const fail = (what: string): never => {
      throw new Error(`line ${at + 1}: ${what}: ${line}`);
    };
    if (line.startsWith("# HELP ")) {
      const [, name = "", text = ""] = /^# HELP (\S+) (.+)$/.exec(line) ?? fail("no help");
      help = { name, text };
      return;
    }
    if (line.startsWith("# TYPE ")) {
      const [, name = "", type] = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line) ??
        fail("no type");
      if (help?.name !== name) fail("the help before it is of another metric");
      if (families.has(name)) fail("it was there before");
      current = { name, type: type as Family["type"], help: help!.text, samples: [] };
      families.set(name, current);
      return;
    }
    const sample = readSample(line) ?? fail("no sample");
    const suffixes = current?.type === "histogram" ? ["_bucket", "_sum", "_count"] : [""];
    if (!suffixes.some((suffix) => sample.name === current?.name + suffix)) {
      fail(`it is no sample of ${current?.name}`);
    }
    const key = sample.name + JSON.stringify([...sample.labels].sort());
    if (seen.has(key)) fail("it was there before");
    seen.add(key);
    if (current!.type === "counter" && !(sample.value >= 0)) fail("a counter below 0");
    current!.samples.push(sample);
  });
  for (const family of families.values()) checkFamily(family);
  return families;
}

/** The value of one sample. @throws {Error} There is none. */
export function sampleOf(
  families: ReadonlyMap<string, Family>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  for (const { samples } of families.values()) {
    const found = samples.find((sample) =>
      sample.name === name &&
      Object.entries(labels).every(([key, value]) => sample.labels.get(key) === value)
    );
    if (found !== undefined) return found.value;
  }
  throw new Error(`no sample ${name} ${JSON.stringify(labels)}`);
}

function readSample(line: string): Sample | undefined {
  const name = METRIC_NAME.exec(line)?.[0];
  if (name === undefined) return undefined;
  let rest = line.slice(name.length);
  const labels = new Map<string, string>();
  if (rest.startsWith("{")) {
    rest = rest.slice(1);
    while (!rest.startsWith("}")) {
      const label = LABEL_NAME.exec(rest)?.[0];
      if (label === undefined || labels.has(label)) return undefined;
      const quoted = /^="((?:[^"\\]|\\[\\"n])*)"(,?)/.exec(rest.slice(label.length));
      if (quoted === null) return undefined;
      labels.set(label, quoted[1]!.replace(/\\(.)/g, (_, kind) => kind === "n" ? "\n" : kind));
      rest = rest.slice(label.length + quoted[0].length);
      if (quoted[2] === "" && !rest.startsWith("}")) return undefined;
    }
    rest = rest.slice(1);
  }
  const value = /^ (\S+)$/.exec(rest)?.[1];
  if (value === undefined || !NUMBER.test(value)) return undefined;
  return { name, labels, value: Number(value.replace("Inf", "Infinity")) };
}

function checkFamily({ name, type, samples }: Family): void {
  if (type === "counter" && !name.endsWith("_total")) throw new Error(`${name}: need _total`);
  if (type !== "histogram") return;
  const series = Map.groupBy(
    samples,
    ({ labels }) => JSON.stringify([...labels].filter(([label]) => label !== "le").sort()),
  );
  for (const [labels, of] of series) {
    const buckets = of.filter((sample) => sample.name === `${name}_bucket`);
    const bounds = buckets.map(({ labels }) =>
      Number(labels.get("le")!.replace("+Inf", "Infinity"))
    );
    const isRising = buckets.every(({ value }, at) =>
      at === 0 || (value >= buckets[at - 1]!.value && bounds[at]! > bounds[at - 1]!)
    );
    const count = of.find((sample) => sample.name === `${name}_count`)?.value;
    const hasSum = of.some((sample) => sample.name === `${name}_sum`);
    if (!isRising || bounds.at(-1) !== Infinity || buckets.at(-1)?.value !== count || !hasSum) {
      throw new Error(`${name}${labels}: a histogram that does not add up`);
    }
  }
}
