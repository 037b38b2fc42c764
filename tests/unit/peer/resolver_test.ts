import { assert, assertEquals, assertThrows } from "@std/assert";
import { AGAIN, Deadlines } from "../../../src/event/mod.ts";
import type { ResolverConf } from "../../../src/peer/conf.ts";
import { type Resolution, Resolver, RETRY_MS } from "../../../src/peer/resolver.ts";
import type { NameSource, SourceAnswer } from "../../../src/peer/name_source.ts";
import { Unresolved } from "../../../src/peer/unresolved.ts";
import { ManualClock, settled } from "../../support/manual_clock.ts";

const CONF: ResolverConf = {
  servers: [],
  validMs: undefined,
  timeoutMs: 5_000,
  ipv4: true,
  ipv6: true,
};

/** A resolver whose source the test answers for. */
class Bench {
  readonly clock = new ManualClock();
  readonly deadlines = new Deadlines(this.clock);
  readonly asked: {
    name: string;
    answer: PromiseWithResolvers<SourceAnswer>;
    signal: AbortSignal;
  }[] = [];
  readonly reports: string[] = [];
  readonly resolver: Resolver;

  constructor(conf: Partial<ResolverConf> = {}) {
    const source: NameSource = ({ name }, signal) => {
      const answer = Promise.withResolvers<SourceAnswer>();
      this.asked.push({ name, answer, signal });
      return answer.promise;
    };
    const report = (level: string, message: string) => this.reports.push(`${level}: ${message}`);
    this.resolver = new Resolver({ ...CONF, ...conf }, this.deadlines, report, source);
  }

  lookUp(name = "a.test"): Resolution {
    return this.resolver.lookUp({ name, isService: false });
  }

  /** Answers the last question. */
  async answer(hostname: string, ttlMs: number | "none" = 1_000): Promise<void> {
    const endpoints = [{ hostname, service: undefined }];
    this.asked.at(-1)!.answer.resolve({
      endpoints,
      ttlMs: ttlMs === "none" ? undefined : ttlMs,
    });
    await settled();
  }

  async fail(code: number): Promise<void> {
    const { name, answer } = this.asked.at(-1)!;
    answer.reject(new Unresolved(name, code));
    await settled();
  }

  /** Nothing is asked, and no timer is armed. */
  assertQuiet(): void {
    assertEquals([this.deadlines.outstanding(), this.clock.armedCount], [[], 0]);
  }
}

function hostOf(resolution: Resolution): string {
  const answer = resolution.answer();
  assert(answer !== AGAIN, "still being asked");
  return answer.endpoints.map(({ hostname }) => hostname).join(" ");
}

function failureOf(resolution: Resolution): number {
  const error = assertThrows(() => resolution.answer());
  assert(error instanceof Unresolved);
  return error.code;
}

Deno.test("resolver: one question for all who wait, and none while its answer lives", async () => {
  const bench = new Bench();
  const [one, two] = [bench.lookUp(), bench.lookUp("A.test")];
  assertEquals([one.answer(), two.answer(), bench.asked.length], [AGAIN, AGAIN, 1]);
  const wakes: string[] = [];
  one.arm(() => wakes.push("one"));
  two.arm(() => wakes.push("two"));
  await bench.answer("192.0.2.1");
  assertEquals(wakes, ["one", "two"]);
  assertEquals([hostOf(one), hostOf(two)], ["192.0.2.1", "192.0.2.1"]);
  await bench.clock.advance(999);
  bench.deadlines.stamp();
  assertEquals([hostOf(bench.lookUp()), bench.asked.length], ["192.0.2.1", 1]);
  await bench.clock.advance(1);
  bench.deadlines.stamp();
  const later = bench.lookUp();
  assertEquals([later.answer(), bench.asked.length], [AGAIN, 2]);
  await bench.answer("192.0.2.2");
  assertEquals(hostOf(later), "192.0.2.2");
  bench.assertQuiet();
});

Deno.test("resolver: valid stands before the answer's own lifetime; the system's has 30 s", async () => {
  for (
    const [validMs, ttlMs, livesMs] of [[500, 9_000, 500], [undefined, "none", 30_000]] as const
  ) {
    const bench = new Bench({ validMs });
    const resolution = bench.lookUp();
    await bench.answer("192.0.2.1", ttlMs);
    const answer = resolution.answer();
    assert(answer !== AGAIN);
    assertEquals(answer.untilMs - bench.deadlines.nowMs, livesMs);
  }
});

Deno.test("resolver: a failure is remembered briefly, and not longer", async () => {
  const bench = new Bench();
  const first = bench.lookUp();
  await bench.fail(3);
  assertEquals([failureOf(first), failureOf(bench.lookUp()), bench.asked.length], [3, 3, 1]);
  await bench.clock.advance(RETRY_MS);
  bench.deadlines.stamp();
  const second = bench.lookUp();
  assertEquals(bench.asked.length, 2);
  await bench.answer("192.0.2.1");
  assertEquals(hostOf(second), "192.0.2.1");
  assertEquals(bench.reports, []);
  bench.assertQuiet();
});

Deno.test("resolver: no answer in time is 110, the question is ended, and a late answer is nobody's", async () => {
  const bench = new Bench();
  const resolution = bench.lookUp();
  await bench.clock.advance(4_999);
  assertEquals(resolution.answer(), AGAIN);
  await bench.clock.advance(1);
  assertEquals([failureOf(resolution), bench.asked[0]!.signal.aborted], [110, true]);
  bench.assertQuiet();
  await bench.answer("192.0.2.1");
  assertEquals(failureOf(bench.lookUp()), 110);
});

Deno.test("resolver: while it fails the last answer is used on, told once an episode", async () => {
  const bench = new Bench();
  bench.lookUp();
  await bench.answer("192.0.2.1");
  for (let round = 0; round < 3; round++) {
    await bench.clock.advance(1_000);
    bench.deadlines.stamp();
    const resolution = bench.lookUp();
    await bench.fail(2);
    assertEquals(hostOf(resolution), "192.0.2.1");
    assertEquals(hostOf(bench.lookUp()), "192.0.2.1", "and not asked for again at once");
  }
  assertEquals(bench.asked.length, 4);
  await bench.clock.advance(1_000);
  bench.deadlines.stamp();
  bench.lookUp();
  await bench.answer("192.0.2.2");
  assertEquals(bench.reports, [
    "error: a.test could not be resolved (2: Server failure), what it was before is used on",
    "notice: a.test could be resolved again",
  ]);
});

Deno.test("resolver: who finds an outdated answer does not wait for a silent server for long", async () => {
  const bench = new Bench();
  bench.lookUp();
  await bench.answer("192.0.2.1");
  await bench.clock.advance(1_000);
  bench.deadlines.stamp();
  const resolution = bench.lookUp();
  await bench.clock.advance(1_799);
  assertEquals(resolution.answer(), AGAIN);
  await bench.clock.advance(1);
  assertEquals(hostOf(resolution), "192.0.2.1");
  assertEquals(
    [hostOf(bench.lookUp()), bench.asked.length],
    ["192.0.2.1", 2],
    "no second question",
  );
  await bench.answer("192.0.2.2");
  assertEquals(hostOf(bench.lookUp()), "192.0.2.2");
  bench.assertQuiet();
});

Deno.test("resolver: a name that is gone is not used on", async () => {
  const bench = new Bench();
  bench.lookUp();
  await bench.answer("192.0.2.1");
  await bench.clock.advance(1_000);
  bench.deadlines.stamp();
  const resolution = bench.lookUp();
  await bench.fail(3);
  assertEquals(failureOf(resolution), 3);
});

Deno.test("resolver: what a source throws besides is a failure of the server", async () => {
  const bench = new Bench();
  const resolution = bench.lookUp();
  bench.asked[0]!.answer.reject(new Deno.errors.NotCapable("no"));
  await settled();
  assertEquals(failureOf(resolution), 2);
});

Deno.test("resolver: who gives up is not woken, and the others are", async () => {
  const bench = new Bench();
  const [one, two] = [bench.lookUp(), bench.lookUp()];
  one.abandon();
  await bench.answer("192.0.2.1");
  assertEquals([one.answer(), hostOf(two)], [AGAIN, "192.0.2.1"]);
});

Deno.test("resolver: names that are remembered are bounded, the longest unused goes first", async () => {
  const bench = new Bench();
  for (let count = 0; count < 1_000; count++) {
    bench.lookUp(`n${count}.test`);
    await bench.answer("192.0.2.1", 1e9);
  }
  bench.lookUp("n0.test");
  bench.lookUp("more.test");
  await bench.answer("192.0.2.1", 1e9);
  bench.lookUp("yet-more.test");
  await bench.answer("192.0.2.1", 1e9);
  assertEquals(bench.resolver.count <= 1_001, true);
  const asked = bench.asked.length;
  bench.lookUp("n0.test");
  assertEquals(bench.asked.length, asked, "the one that was used is remembered");
  bench.lookUp("n1.test");
  assertEquals(bench.asked.length, asked + 1, "the longest unused is not");
  bench.resolver.close();
});

Deno.test("resolver: closing ends what is asked", () => {
  const bench = new Bench();
  const resolution = bench.lookUp();
  bench.resolver.close();
  assertEquals([failureOf(resolution), bench.asked[0]!.signal.aborted], [110, true]);
  bench.assertQuiet();
});
