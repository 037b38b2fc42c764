import { assertEquals } from "@std/assert";
import { areAscending, parseRanges, type RangeVerdict } from "../../../src/wire/range.ts";

/** Of a body of ten bytes. */
const CASES: Readonly<Record<string, RangeVerdict>> = {
  "bytes=0-3": [{ start: 0, end: 4 }],
  "bytes=4-": [{ start: 4, end: 10 }],
  "bytes=9-9": [{ start: 9, end: 10 }],
  "bytes=8-99": [{ start: 8, end: 10 }],
  "bytes=-3": [{ start: 7, end: 10 }],
  "bytes=-10": [{ start: 0, end: 10 }],
  "bytes=-100": [{ start: 0, end: 10 }],
  "BYTES= 1 - 2 ": [{ start: 1, end: 3 }],
  "bytes=0-0,-1": [{ start: 0, end: 1 }, { start: 9, end: 10 }],
  "bytes=99-,1-2": [{ start: 1, end: 3 }],
  "bytes=4-5,1-2": [{ start: 4, end: 6 }, { start: 1, end: 3 }],
  "bytes=0-5,0-5": "whole",
  "bytes=0-1,2-3,4-5,6-7": "whole",
  "bytes=": "whole",
  "byte=1-2": "whole",
  "items=1-2": "whole",
  "bytes=10-": "unsatisfiable",
  "bytes=5-2": "unsatisfiable",
  "bytes=-0": "unsatisfiable",
  "bytes=-": "unsatisfiable",
  "bytes=x": "unsatisfiable",
  "bytes=1-2,": "unsatisfiable",
  "bytes=1-2x": "unsatisfiable",
  "bytes=1--2": "unsatisfiable",
  "bytes=99999999999999999999-": "unsatisfiable",
};

for (const [text, expected] of Object.entries(CASES)) {
  Deno.test(`parseRanges: ${text}`, () => {
    assertEquals(parseRanges(text, 10, 3), expected);
  });
}

Deno.test("parseRanges: a body of no bytes has no range", () => {
  assertEquals(parseRanges("bytes=0-", 0, 3), "whole");
  assertEquals(parseRanges("bytes=1-", 0, 3), "unsatisfiable");
});

Deno.test("areAscending: ranges may touch, but not overlap or go back", () => {
  assertEquals(areAscending([{ start: 0, end: 2 }, { start: 2, end: 3 }]), true);
  assertEquals(areAscending([{ start: 0, end: 2 }, { start: 1, end: 3 }]), false);
  assertEquals(areAscending([{ start: 5, end: 6 }, { start: 1, end: 3 }]), false);
});
