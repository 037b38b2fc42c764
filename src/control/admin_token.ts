/**
 * The admin listener's token, wherever the configuration keeps it.
 *
 * @module
 */
import { isToken } from "../config/directives/admin.ts";
import type { AdminConf } from "../http/conf.ts";
import { CannotUseFile } from "./explain.ts";

/** A token file is not larger than this. */
const TOKEN_FILE_BYTES_MAX = 4_096;

/** Undefined: there is none. @throws {CannotUseFile} It cannot be read, or has no token in it. */
export function tokenOf({ token, tokenPath }: AdminConf): string | undefined {
  return token ?? (tokenPath === undefined ? undefined : readToken(tokenPath));
}

function readToken(path: string): string {
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    throw new CannotUseFile("admin.token_file", path, error);
  }
  const token = text.slice(0, TOKEN_FILE_BYTES_MAX).split("\n", 1)[0]!.trim();
  if (isToken(token)) return token;
  throw new CannotUseFile(
    "admin.token_file",
    path,
    "need a token of at least 16 characters, without blanks, as its first line",
  );
}
