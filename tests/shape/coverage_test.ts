/** Each directive and parameter has a scenario test, which is there and names it. */
import { assertEquals } from "@std/assert";
import { COVERAGE } from "../coverage/index.ts";
import { entries } from "../coverage/table.ts";
import { texts } from "./messages.ts";

const SCENARIOS = new URL("../scenario/", import.meta.url).pathname;

Deno.test("each directive of the table has a scenario test, and no other has one", () => {
  assertEquals(Object.keys(COVERAGE).toSorted(), entries().map(({ id }) => id).toSorted());
});

Deno.test("the scenario test of a directive is there, in a file that names the directive", () => {
  const sources = new Map<string, { readonly text: string; readonly texts: readonly string[] }>();
  const sourceOf = (file: string) => {
    let source = sources.get(file);
    if (source === undefined) {
      const text = Deno.readTextFileSync(`${SCENARIOS}${file}_test.ts`);
      sources.set(file, source = { text, texts: texts(`${file}_test.ts`, text) });
    }
    return source;
  };
  const wrong = entries().flatMap(({ id, spellings }) => {
    const [file, test] = COVERAGE[id]!;
    const source = sourceOf(file);
    if (!source.texts.some((text) => text.startsWith(test))) {
      return [`${id}: ${file}_test.ts has no test "${test}"`];
    }
    const isNamed = spellings.some((name) =>
      new RegExp(`(?<![\\w])${name}(?!\\w)`).test(source.text)
    );
    return isNamed ? [] : [`${id}: ${file}_test.ts does not name it`];
  });
  assertEquals(wrong, []);
});
