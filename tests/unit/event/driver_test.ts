import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { Driver, Failure, type Phase, Signal, type Wait } from "../../../src/event/mod.ts";
import { settled } from "../../support/manual_clock.ts";

const GONE = new Failure("downstream", "closed", "the client has left");

/** A Wait that tells whether it was given up. */
class Watched extends Signal {
  isAbandoned = false;
  override abandon(): void {
    this.isAbandoned = true;
    super.abandon();
  }
}

Deno.test("run returns what the phase returns", async () => {
  // deno-lint-ignore require-yield -- a phase that never blocks
  async function* phase(): Phase<number> {
    return await Promise.resolve(7);
  }
  assertEquals(await new Driver().run(phase()), 7);
});

Deno.test("run waits at each yield, and goes straight on where nothing blocks any more", async () => {
  const [first, second] = [new Signal(), new Signal()];
  second.ring();
  const steps: string[] = [];
  async function* phase(): Phase<string> {
    steps.push("begun");
    yield first;
    steps.push("first");
    yield second;
    steps.push("second");
    return "done";
  }
  const run = new Driver().run(phase());
  await settled();
  assertEquals(steps, ["begun"]);
  first.ring();
  assertEquals(await run, "done");
  assertEquals(steps, ["begun", "first", "second"]);
});

Deno.test("what the phase throws ends the run", async () => {
  async function* phase(): Phase<void> {
    yield ring(new Signal());
    throw GONE;
  }
  const error = await assertRejects(() => new Driver().run(phase()));
  assertStrictEquals(error, GONE);
});

Deno.test("an interruption is thrown at the yield, and the phase's finally runs", async () => {
  const driver = new Driver();
  const wait = new Watched();
  const trace: string[] = [];
  const run = driver.run(blockOn(wait, trace));
  await settled();
  driver.interrupt(GONE);
  assertStrictEquals(await assertRejects(() => run), GONE);
  assertEquals(trace, ["begun", "thrown", "finally"]);
  assert(wait.isAbandoned);
  assertStrictEquals(driver.interruption, GONE);
});

Deno.test("an interruption before the wait is thrown at the next yield, which is given up too", async () => {
  const driver = new Driver();
  const wait = new Watched();
  const trace: string[] = [];
  driver.interrupt(GONE);
  await assertRejects(() => driver.run(blockOn(wait, trace)));
  assertEquals(trace, ["begun", "thrown", "finally"]);
  assert(wait.isAbandoned, "what the phase was about to wait for goes on for nobody");
});

Deno.test("an interruption while the phase runs is thrown at its next yield", async () => {
  const driver = new Driver();
  const wait = new Watched();
  async function* phase(): Phase<void> {
    driver.interrupt(GONE);
    yield wait;
  }
  assertStrictEquals(await assertRejects(() => driver.run(phase())), GONE);
  assert(wait.isAbandoned);
});

Deno.test("an interruption in the tick in which the wait ends is thrown all the same", async () => {
  const driver = new Driver();
  const wait = new Watched();
  const run = driver.run(blockOn(wait, []));
  await settled();
  wait.ring();
  driver.interrupt(GONE);
  assertStrictEquals(await assertRejects(() => run), GONE);
});

Deno.test("an interruption after the last wait does not harm the result", async () => {
  const driver = new Driver();
  async function* phase(): Phase<string> {
    yield ring(new Signal());
    driver.interrupt(GONE);
    return "done";
  }
  assertEquals(await driver.run(phase()), "done");
  driver.reset();
  assertEquals(driver.interruption, undefined);
  assertEquals(await driver.run(blockOn(ring(new Signal()), [])), undefined);
});

Deno.test("the first of two interruptions is the reason", async () => {
  const driver = new Driver();
  const run = driver.run(blockOn(new Signal(), []));
  await settled();
  driver.interrupt(GONE);
  driver.interrupt(new Error("later"));
  assertStrictEquals(await assertRejects(() => run), GONE);
});

Deno.test("a phase that cleans up with a yield of its own is thrown at there as well", async () => {
  const driver = new Driver();
  const [first, second] = [new Watched(), new Watched()];
  const trace: string[] = [];
  async function* phase(): Phase<void> {
    try {
      yield first;
    } finally {
      trace.push("cleaning");
      yield second;
    }
  }
  const run = driver.run(phase());
  await settled();
  driver.interrupt(GONE);
  assertStrictEquals(await assertRejects(() => run), GONE);
  assertEquals([trace, second.isAbandoned], [["cleaning"], true]);
});

async function* blockOn(wait: Wait, trace: string[]): Phase<void> {
  trace.push("begun");
  try {
    yield wait;
  } catch (error) {
    trace.push("thrown");
    throw error;
  } finally {
    trace.push("finally");
  }
}

function ring(signal: Signal): Signal {
  signal.ring();
  return signal;
}
