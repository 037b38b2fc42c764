/**
 * Phase `send_listing`: a folder's files, read and sent.
 *
 * @module
 */
import type { Phase } from "../event/mod.ts";
import { waitForRoom } from "../event/mod.ts";
import { inOrder, type Listed, type Listing } from "./autoindex.ts";
import { writeHead } from "./handler_response.ts";
import type { Request } from "./request.ts";
import { Pieces } from "./send_handler_body.ts";
import { settled } from "./time_limit.ts";

/** Files that are looked at, or written, without letting others have their turn. */
const FILES_A_TURN = 64;

/** Sends what is in a folder. @throws {Failure} The client left. @throws What the reading throws. */
export async function* sendListing(
  request: Request,
  folder: string,
  listing: Listing,
): Phase<void> {
  const files = yield* settled(filesIn(folder));
  const { client } = request;
  const { response } = client;
  while (!response.prepare()) yield* waitForRoom(client.context);
  const head = {
    status: 200,
    fields: [["Content-Type", listing.contentType]] as const,
    hasType: true,
  };
  writeHead(request, head, -1);
  if (client.head.method === "HEAD") return response.end();
  const pieces = new Pieces(request);
  const encoder = new TextEncoder();
  let text = listing.head;
  for (const [at, file] of files.entries()) {
    text += listing.line(file, at === 0);
    if (at % FILES_A_TURN !== FILES_A_TURN - 1) continue;
    yield* pieces.send(encoder.encode(text), false);
    text = "";
  }
  yield* pieces.send(encoder.encode(text + listing.tail), true);
}

/** Hidden files are left out, and those that go while they are looked at. */
async function filesIn(folder: string): Promise<readonly Listed[]> {
  const files: Listed[] = [];
  let count = 0;
  for await (const { name } of Deno.readDir(folder)) {
    // A name that is not UTF-8 comes with characters in it that nobody can ask for.
    if (name.startsWith(".") || name.includes("\ufffd")) continue;
    if (count++ % FILES_A_TURN === 0) await Deno.lstat(folder).catch(() => {}); // others' turn
    const file = listed(`${folder}${name}`, name);
    if (file !== undefined) files.push(file);
  }
  return files.sort(inOrder);
}

function listed(path: string, name: string): Listed | undefined {
  const info = lookAt(path, Deno.statSync) ?? lookAt(path, Deno.lstatSync); // a broken link
  if (info === undefined) return undefined;
  return {
    name,
    kind: info.isDirectory ? "directory" : info.isFile ? "file" : "other",
    sizeBytes: info.size,
    modifiedMs: info.mtime?.getTime() ?? 0,
  };
}

function lookAt(path: string, look: (path: string) => Deno.FileInfo): Deno.FileInfo | undefined {
  try {
    return look(path);
  } catch {
    return undefined;
  }
}
