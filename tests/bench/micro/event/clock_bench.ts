/** Deadlines: what a request pays for them, and what a sweep over many costs. @module */
import { Deadlines, type Expirable, NEVER } from "../../../../src/event/mod.ts";
import { ManualClock } from "../../../support/manual_clock.ts";

const HOLDERS = 10_000;
const FAR_MS = 60_000;

class Holder implements Expirable {
  slot = -1;
  deadlineMs = NEVER;

  expire(nowMs: number): number {
    return this.deadlineMs > nowMs ? this.deadlineMs : this.deadlineMs = NEVER;
  }
}

const clock = new ManualClock();
const deadlines = new Deadlines(clock);
const holders = Array.from({ length: HOLDERS }, () => new Holder());
for (const holder of holders) {
  deadlines.add(holder);
  holder.deadlineMs = clock.nowMs() + FAR_MS;
}
deadlines.notice(clock.nowMs() + FAR_MS);
const [first] = holders;
const passing = new Holder();

Deno.bench("deadlines: one set and noticed", { group: "deadlines" }, () => {
  first!.deadlineMs = deadlines.stamp() + FAR_MS;
  deadlines.notice(first!.deadlineMs);
});

Deno.bench("deadlines: a holder comes and goes", { group: "deadlines" }, () => {
  deadlines.add(passing);
  deadlines.remove(passing);
});

Deno.bench("deadlines: a sweep over 10,000 of which one is due", { group: "deadlines" }, (b) => {
  const timers: (() => void)[] = [];
  const swept = new Deadlines({
    nowMs: () => clock.nowMs(),
    wallMs: () => clock.wallMs(),
    arm: (_, fire) => (timers.push(fire), () => {}),
  });
  for (const holder of holders) swept.add(holder);
  first!.deadlineMs = clock.nowMs();
  swept.notice(first!.deadlineMs);
  b.start();
  timers[0]!();
  b.end();
});
