import { assert } from "@std/assert";

/** The folder is listed so that a new file cannot be forgotten here. */
const FOLDER = new URL("micro/", import.meta.url);

type Definition = Deno.BenchDefinition & { readonly fn: NonNullable<Deno.BenchDefinition["fn"]> };

Deno.test("each micro-benchmark runs", async (t) => {
  const files = benchFiles(FOLDER);
  assert(files.length > 0);
  for (const file of files) {
    const name = file.href.slice(FOLDER.href.length);
    await t.step(name, async () => {
      const definitions = await definedIn(file);
      assert(definitions.length > 0, "it defines none");
      const names = new Set(definitions.map(({ name }) => name));
      assert(names.size === definitions.length, "two have one name");
      for (const { fn, name } of definitions) {
        // Twice: the first turn often finds what the others do not.
        for (let turn = 0; turn < 2; turn++) {
          await fn({ name, origin: file.href, start: () => {}, end: () => {} });
        }
      }
    });
  }
});

/** What the file hands to `Deno.bench` when it is imported, in each form that files here use. */
async function definedIn(file: URL): Promise<Definition[]> {
  const definitions: Definition[] = [];
  const original = Deno.bench;
  const record = (
    name: string,
    optionsOrFn: Partial<Deno.BenchDefinition> | Definition["fn"],
    fn?: Definition["fn"],
  ): void => {
    const body = fn ?? optionsOrFn;
    assert(typeof body === "function", `${name} is in a form that this test does not know`);
    definitions.push({ name, fn: body });
  };
  Object.defineProperty(Deno, "bench", { value: record, configurable: true, writable: true });
  try {
    await import(file.href);
  } finally {
    Object.defineProperty(Deno, "bench", { value: original, configurable: true, writable: true });
  }
  return definitions;
}

function benchFiles(folder: URL): URL[] {
  return [...Deno.readDirSync(folder)].flatMap((entry) =>
    entry.isDirectory
      ? benchFiles(new URL(`${entry.name}/`, folder))
      : entry.name.endsWith("_bench.ts")
      ? [new URL(entry.name, folder)]
      : []
  );
}
