/**
 * Makes Sluice ignore one directive: loaded before the tests, and before each Sluice that they
 * start (`deno test --preload`). A test that stands for a directive has to fail then.
 *
 * @module
 */
import { IGNORED_VARIABLE } from "../support/ignored_directive.ts";
import { entries } from "./table.ts";

const id = Deno.env.get(IGNORED_VARIABLE);
const entry = entries().find((entry) => entry.id === id);
if (entry === undefined) throw new Error(`Cannot ignore ${id}: expected a directive of the table`);
// What is not written has the value of the level around it, or the default.
Object.assign(entry.directive, { read: () => undefined });
