import { assertEquals, assertStrictEquals } from "@std/assert";
import type { Request } from "../../../src/http/request.ts";
import { type Step, type StepResult, Steps } from "../../../src/http/step.ts";
import { type Handler, Worker } from "../../../src/http/worker.ts";
import { ErrorLog } from "../../../src/log/mod.ts";
import { testContext } from "../../support/scripted_transport.ts";

function someRequest(): Request {
  const sink = { append() {} };
  const errorLog = new ErrorLog([{ level: "error", sink }], { process: "1#0", wallMs: () => 0 });
  return new Worker(testContext(), errorLog).takeRequest();
}

function recorder() {
  const seen: string[] = [];
  const step = (name: string, result: StepResult | Promise<StepResult>): Step => ({
    run() {
      seen.push(name);
      return result;
    },
  });
  const content: Handler = { handle: () => void seen.push("content") };
  return { seen, step, content };
}

Deno.test("Steps that answer at once run in order, and no promise is made", () => {
  const { seen, step, content } = recorder();
  const steps = new Steps([step("first", "go on"), step("second", "go on")], content);
  assertStrictEquals(steps.handle(someRequest()), undefined);
  assertEquals(seen, ["first", "second", "content"]);
});

Deno.test("A step that has ended the request is the last", () => {
  const { seen, step, content } = recorder();
  const steps = new Steps([step("first", "ended"), step("second", "go on")], content);
  assertStrictEquals(steps.handle(someRequest()), undefined);
  assertEquals(seen, ["first"]);
});

Deno.test("What comes after a step that waits waits for it", async () => {
  const { seen, step, content } = recorder();
  const { promise, resolve } = Promise.withResolvers<StepResult>();
  const steps = new Steps(
    [step("first", promise), step("second", Promise.resolve("go on")), step("third", "go on")],
    content,
  );
  const handled = steps.handle(someRequest());
  assertEquals(handled instanceof Promise, true);
  assertEquals(seen, ["first"]);
  resolve("go on");
  await handled;
  assertEquals(seen, ["first", "second", "third", "content"]);
});

Deno.test("A step that waits may end the request too", async () => {
  const { seen, step, content } = recorder();
  await new Steps([step("first", Promise.resolve("ended"))], content).handle(someRequest());
  assertEquals(seen, ["first"]);
});
