/**
 * Writes the manual to `deploy/manual/` and the schema for editors beside it; with `--check` only says whether it is out of date.
 *
 * `deno run --allow-read=deploy --allow-write=deploy src/config/write_manual.ts [--check]`
 *
 * @module
 */
import { manualPages } from "./manual.ts";
import { schemaText } from "./schema.ts";

const FOLDER = "deploy/manual";
const SCHEMA = "deploy/sluice.schema.json";

/** The names of pages that differ from what is written, and of files that are no page. */
function outdated(pages: ReadonlyMap<string, string>): string[] {
  const changed = [...pages].filter(([name, text]) => textOf(`${FOLDER}/${name}`) !== text)
    .map(([name]) => name);
  return [...changed, ...strangers(pages)];
}

function strangers(pages: ReadonlyMap<string, string>): string[] {
  try {
    return [...Deno.readDirSync(FOLDER)].map(({ name }) => name)
      .filter((name) => name.endsWith(".md") && !pages.has(name));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

function textOf(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

if (import.meta.main) {
  const pages = manualPages();
  if (Deno.args.includes("--check")) {
    const names = [
      ...outdated(pages),
      ...(textOf(SCHEMA) === schemaText() ? [] : [SCHEMA]),
    ];
    if (names.length > 0) {
      console.error(`${FOLDER} is out of date: ${names.join(", ")}. Run "deno task manual".`);
      Deno.exit(1);
    }
  } else {
    Deno.mkdirSync(FOLDER, { recursive: true });
    for (const name of strangers(pages)) Deno.removeSync(`${FOLDER}/${name}`);
    Deno.writeTextFileSync(SCHEMA, schemaText());
    for (const [name, text] of pages) Deno.writeTextFileSync(`${FOLDER}/${name}`, text);
  }
}
