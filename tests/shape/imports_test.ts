/** Holds the repository to the shape that DESIGN.md and STYLE.md give it. */
import { assertEquals } from "@std/assert";
import { checkFiles, checkTopLevel, ignoredNames, type SourceFile } from "./rules.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

Deno.test("the code keeps the import table, the names and the words of the style", () => {
  const files = [...sources("src"), ...sources("tests"), ...topLevelSources()];

  assertEquals(checkFiles(files), []);
});

Deno.test("the top level holds what DESIGN.md fixes, and nothing else", () => {
  const entries = [...Deno.readDirSync(ROOT)].map(({ name }) => name);
  const ignored = ignoredNames(Deno.readTextFileSync(`${ROOT}.gitignore`));

  assertEquals(checkTopLevel(entries, ignored), []);
});

function* sources(folder: string): Generator<SourceFile> {
  for (const { name, isDirectory } of Deno.readDirSync(ROOT + folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* sources(path);
    else if (name.endsWith(".ts")) yield { path, text: Deno.readTextFileSync(ROOT + path) };
  }
}

function* topLevelSources(): Generator<SourceFile> {
  for (const { name, isFile } of Deno.readDirSync(ROOT)) {
    if (isFile && name.endsWith(".ts")) {
      yield { path: name, text: Deno.readTextFileSync(ROOT + name) };
    }
  }
}
