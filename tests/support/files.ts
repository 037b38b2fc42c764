/**
 * Sluice in front of a folder of files.
 *
 * @module
 */
import { type InProcessOptions, type InProcessSluice, withSluice } from "./in_process.ts";
import { tempDir } from "./program.ts";

/** Time of every file that is made here, so that validators can be written down. */
export const MODIFIED = "Wed, 21 Oct 2015 07:28:00 GMT";
const MODIFIED_MS = Date.parse(MODIFIED);

/** What is known of a run. */
export interface Served {
  readonly address: string;
  readonly sluice: InProcessSluice;
  /** The folder, without a slash at its end. */
  readonly root: string;
}

/** Writes files below a folder; a name with a slash at its end is a folder. All are of one time. */
export function writeFiles(
  root: string,
  files: Readonly<Record<string, string | Uint8Array>>,
): void {
  for (const [name, content] of Object.entries(files)) {
    const path = `${root}/${name}`;
    Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    if (name.endsWith("/")) continue;
    if (typeof content === "string") Deno.writeTextFileSync(path, content);
    else Deno.writeFileSync(path, content);
    Deno.utimeSync(path, MODIFIED_MS / 1_000, MODIFIED_MS / 1_000);
  }
}

/**
 * Runs a server whose one listener has `root` set to a folder with these files.
 *
 * @param server The server's settings besides, as lines of a YAML flow map.
 */
export async function withFiles(
  files: Readonly<Record<string, string | Uint8Array>>,
  server: string | ((root: string) => string),
  act: (served: Served) => Promise<void>,
  options: InProcessOptions & { readonly main?: string } = {},
): Promise<void> {
  await using dir = await tempDir();
  const root = `${dir.path}/www`;
  Deno.mkdirSync(root);
  writeFiles(root, files);
  const text = typeof server === "string" ? server : server(root);
  const yaml = `
${options.main ?? ""}
servers:
  - { listen: "127.0.0.1:0", root: "${root}"${text === "" ? "" : `, ${text}`} }
`;
  await withSluice(yaml, (address, sluice) => act({ address, sluice, root }), options);
}
