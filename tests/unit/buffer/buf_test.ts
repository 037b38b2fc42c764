import { assert, assertEquals, assertThrows } from "@std/assert";
import { Buf } from "../../../src/buffer/mod.ts";

type State = "pooled" | "owned" | "lent" | "leaving";

/** A Buf in a given state, and how often its pool got it back. */
function inState(state: State): { buf: Buf; back: () => number } {
  let back = 0;
  const buf = new Buf(new Uint8Array(16), { takeBack: () => back++ });
  if (state !== "pooled") buf.handOut("test");
  if (state === "lent" || state === "leaving") buf.lendRoom();
  if (state === "leaving") buf.release();
  assertEquals(buf.state, state);
  return { buf, back: () => back };
}

const ACTIONS: Readonly<Record<string, (buf: Buf) => unknown>> = {
  handOut: (buf) => buf.handOut("next"),
  lendRoom: (buf) => buf.lendRoom(),
  lentRoom: (buf) => buf.lentRoom,
  lendData: (buf) => buf.lendData(),
  settleRead: (buf) => buf.settleRead(0),
  settleWrite: (buf) => buf.settleWrite(),
  release: (buf) => buf.release(),
  reset: (buf) => buf.reset(),
};

/** Where each action leads from each state. What is not named here is refused. */
const TRANSITIONS: Readonly<Record<State, Readonly<Record<string, State>>>> = {
  pooled: { handOut: "owned" },
  owned: { lendRoom: "lent", lendData: "lent", release: "pooled", reset: "owned" },
  lent: { lentRoom: "lent", settleRead: "owned", settleWrite: "owned", release: "leaving" },
  leaving: { lentRoom: "leaving", settleRead: "pooled", settleWrite: "pooled" },
};

for (const state of ["pooled", "owned", "lent", "leaving"] as const) {
  for (const [name, act] of Object.entries(ACTIONS)) {
    const next = TRANSITIONS[state][name];
    Deno.test(`a ${state} Buf ${next === undefined ? "refuses" : "takes"} ${name}`, () => {
      const { buf, back } = inState(state);
      if (next === undefined) {
        const { message } = assertThrows(() => act(buf), Error, `a ${state} Buf`);
        assert(message.startsWith("Cannot "));
        assertEquals([buf.state, back()], [state, 0]);
      } else {
        act(buf);
        assertEquals([buf.state, back()], [next, next === "pooled" ? 1 : 0]);
      }
    });
  }
}

Deno.test("a refusal names the last holder", () => {
  const { buf } = inState("owned");
  buf.release();
  assertThrows(() => buf.release(), Error, "last held by test");
});

Deno.test("the lent room is what is behind the unread bytes, up to end", () => {
  const { buf } = inState("owned");
  buf.last = 4;
  buf.end = 10;
  buf.lendRoom();
  const room = buf.lentRoom;
  assertEquals([room.byteOffset - buf.cell.byteOffset, room.length], [4, 6]);
  buf.settleRead(6);
  assertEquals([buf.size, buf.room], [10, 0]);
  assertThrows(() => buf.lendRoom(), Error, "no room");
  assertEquals(buf.state, "owned");
});

Deno.test("an empty Buf lends its whole cell", () => {
  const { buf } = inState("owned");
  buf.lendRoom();
  assertEquals(buf.lentRoom.length, 16);
});

Deno.test("a read cannot have brought more than was lent", () => {
  const { buf } = inState("owned");
  buf.end = 4;
  buf.lendRoom();
  assertThrows(() => buf.settleRead(5), Error, "more than was lent");
  buf.settleRead(4);
  assertEquals(buf.size, 4);
});

Deno.test("a Buf handed out again is empty, with all of its cell as room", () => {
  const { buf } = inState("owned");
  buf.reset(3, 2);
  assertEquals([buf.pos, buf.last, buf.end], [3, 3, 14]);
  buf.release();
  buf.handOut("next");
  assertEquals([buf.pos, buf.last, buf.end, buf.holder], [0, 0, 16, "next"]);
});

Deno.test("data is the unread bytes, without a copy", () => {
  const { buf } = inState("owned");
  buf.pos = 2;
  buf.last = 5;
  buf.data()[0] = 9;
  assertEquals([buf.cell[2], buf.data().length], [9, 3]);
});
