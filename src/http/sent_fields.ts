/**
 * `$sent_http_NAME` and `$sent_trailer_NAME`: what the client was told. While a head is being
 * written it is read where it is; afterwards from a copy, which is made where some text of
 * the configuration uses such a variable.
 *
 * @module
 */
import type { Getter } from "../log/mod.ts";
import { fieldToBe } from "./compression.ts";
import type { Request } from "./request.ts";

const DECODER = new TextDecoder("latin1");

/** How to read a field of the response, by its name in lower case with underscores. */
export function sentField(name: string): Getter<Request> {
  const written = fieldOf(name, ({ client }) => client.response.headBytes());
  const lower = name.toLowerCase().replaceAll("_", "-");
  return (request) => {
    const { headToBe } = request;
    return headToBe === undefined ? written(request) : fieldToBe(headToBe, lower);
  };
}

/** Likewise of its trailers. */
export function sentTrailer(name: string): Getter<Request> {
  return fieldOf(name, ({ client }) => client.response.trailerBytes?.());
}

function fieldOf(
  name: string,
  bytesOf: (request: Request) => Uint8Array | undefined,
): Getter<Request> {
  const field = name.toLowerCase().replaceAll("_", "-").replace(/[^\w-]/g, "");
  const line = new RegExp(`^${field}:[ \\t]*(.*?)[ \\t]*\r?$`, "gim");
  return (request) => {
    const bytes = bytesOf(request);
    if (bytes === undefined) return "";
    const lines = DECODER.decode(bytes).matchAll(line);
    return Array.from(lines, ([, value = ""]) => value).join(", ");
  };
}
