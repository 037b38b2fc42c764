import { assertEquals, assertMatch } from "@std/assert";
import { errorTime, timeIso8601, timeLocal } from "../../../src/log/time_text.ts";

const MOMENT = new Date(2026, 10, 2, 4, 5, 6, 789);

Deno.test("times: as nginx writes them, in local time", () => {
  const wallMs = MOMENT.getTime();
  assertMatch(timeLocal(wallMs), /^02\/Nov\/2026:04:05:06 [+-]\d{4}$/);
  assertMatch(timeIso8601(wallMs), /^2026-11-02T04:05:06[+-]\d\d:\d\d$/);
  assertEquals(errorTime(wallMs), "2026/11/02 04:05:06");
});

Deno.test("times: ISO 8601 names the same second", () => {
  assertEquals(Date.parse(timeIso8601(MOMENT.getTime())), MOMENT.getTime() - 789);
});

Deno.test("times: the next second, and an earlier one, are new texts", () => {
  const wallMs = MOMENT.getTime();
  assertEquals(errorTime(wallMs + 210), "2026/11/02 04:05:06");
  assertEquals(errorTime(wallMs + 211), "2026/11/02 04:05:07");
  assertEquals(errorTime(wallMs), "2026/11/02 04:05:06");
});
