/**
 * Static files: the content of a location that passes its requests on to nobody.
 *
 * @module
 */
import { Driver, Failure, OutOfBuffers, type Phase, waitForRoom } from "../event/mod.ts";
import type { Template } from "../log/mod.ts";
import { bytesOf, escapePath } from "../wire/mod.ts";
import { listingOf } from "./autoindex.ts";
import { byteText } from "./field_text.ts";
import { Compression } from "./compression.ts";
import type { CompressionConf } from "./response_conf.ts";
import type { Variables } from "./configured_variables.ts";
import { fileName } from "./file_place.ts";
import { type FileAnswer, fileView, writeFileHead } from "./file_head.ts";
import type { LocationFiles } from "./location_files.ts";
import { type Found, lookAt, type NotFound, openFile, whyNot } from "./open_file.ts";
import { isConditional, precondition } from "./preconditions.ts";
import { askedRanges, contentRange, multipart } from "./ranges.ts";
import { fileRate } from "./rate.ts";
import { refuse } from "./redirect.ts";
import type { Request } from "./request.ts";
import { sendListing } from "./send_listing.ts";
import { FileCut, FileUnreadable, readInto, type Segment, sendFile } from "./send_file.ts";
import type { AutoindexConf, FilesConf } from "./static_conf.ts";
import { argument } from "./variables.ts";
import type { Handler } from "./worker.ts";

const MOVED_PERMANENTLY = 301;
const BAD_REQUEST = 400;
const FORBIDDEN = 403;
const NOT_FOUND = 404;
const NOT_ALLOWED = 405;
const RANGE_NOT_SATISFIABLE = 416;
/** The largest cell of the pool: a larger file passes through several. */
const ONE_CELL_BYTES = 65_536;

/** What there is of a file in gzip. */
interface Packed {
  /** Undefined: it is there, but not for this client. */
  readonly found: Found | undefined;
}

/** Serves the files of one location. */
export class StaticFiles implements Handler {
  readonly #conf: FilesConf;
  readonly #files: LocationFiles;
  /** Where there is `gzip_static`. */
  readonly #compression: Compression | undefined;
  readonly #index: readonly Template<Request>[];

  constructor(files: LocationFiles, compression: CompressionConf, variables: Variables) {
    this.#files = files;
    if (files.conf.gzipStatic !== "off") this.#compression = new Compression(compression);
    this.#conf = files.conf;
    this.#index = files.conf.index.map((name) => variables.compile(byteText(name)));
  }

  handle(request: Request): Promise<void> | void {
    const { method, path } = request;
    const mayRead = method === "GET" || method === "HEAD";
    if (!mayRead && method !== "POST") return refuse(request, NOT_ALLOWED);
    if (path.endsWith("/")) return this.#answerFolder(request, path);
    const name = this.#nameOf(request, path);
    if (name === undefined) return refuse(request, NOT_FOUND);
    const packed = this.#compression === undefined || !mayRead
      ? undefined
      : this.#openPacked(request, name, this.#compression);
    const found = packed?.found ?? openFile(name, this.#files.linkRule(request));
    if (found.kind === "none") return this.#refuse(request, found);
    if (found.kind === "folder") return redirectToFolder(request, path);
    let isSending = false;
    try {
      if (!mayRead) return refuse(request, NOT_ALLOWED);
      const answer = this.#answerFor(request, name, found, packed);
      if (answer === undefined) return;
      const rest = this.#send(request, name, answer, found.file);
      isSending = rest !== undefined;
      return rest;
    } finally {
      if (!isSending) found.file.close();
    }
  }

  /** `gzip_static`: the file in gzip, if it is there; undefined where nobody is told of it. */
  #openPacked(
    request: Request,
    name: string,
    compression: Compression,
  ): Packed | undefined {
    const isTaken = this.#conf.gzipStatic === "always" || compression.takesGzip(request);
    if (!isTaken && !compression.varies) return undefined;
    const found = openFile(`${name}.gz`, this.#files.linkRule(request));
    if (found.kind !== "file") return found.kind === "none" && found.isOurs ? { found } : undefined;
    if (isTaken) return { found };
    found.file.close();
    return { found: undefined };
  }

  /** The file of a path, as Deno takes it. */
  #nameOf(request: Request, path: string): string | undefined {
    const bytes = this.#files.place.fileOf(request, path);
    const name = bytes === undefined ? undefined : fileName(bytes);
    if (name === undefined && this.#conf.logNotFound) {
      const why = bytes === undefined ? "it leads out of the root" : "it is not UTF-8";
      request.report("error", `cannot open a file for "${path}": ${why}`);
    }
    return name;
  }

  #refuse(request: Request, { status, message, isOurs }: NotFound): void {
    if (status !== NOT_FOUND || this.#conf.logNotFound) {
      request.report(isOurs ? "crit" : "error", message);
    }
    refuse(request, status);
  }

  /** nginx's order: an index file, then a listing, then 403. */
  #answerFolder(request: Request, path: string): Promise<void> | void {
    const rule = this.#files.linkRule(request);
    let isFolderThere = false;
    for (const template of this.#index) {
      const index = template.render(request);
      if (index === "") continue;
      if (index.startsWith("/")) return leadTo(request, index);
      const name = this.#nameOf(request, path + index);
      if (name === undefined) return refuse(request, NOT_FOUND);
      const found = lookAt(name, rule);
      if (typeof found === "string") return leadTo(request, path + index);
      if (found.status !== NOT_FOUND || / \((?:20|36): /.test(found.message)) {
        return this.#refuseIndex(request, name, found);
      }
      if (isFolderThere) continue;
      isFolderThere = typeof lookAt(name.slice(0, name.lastIndexOf("/") + 1), rule) === "string";
      if (!isFolderThere) return this.#refuseIndex(request, name, found);
    }
    const folder = this.#nameOf(request, path);
    if (folder === undefined) return refuse(request, NOT_FOUND);
    const { autoindex } = this.#conf;
    const isRead = request.method === "GET" || request.method === "HEAD";
    if (autoindex !== undefined && isRead) {
      return this.#list(request, path, folder, autoindex);
    }
    request.report("error", `directory index of "${folder}" is forbidden`);
    refuse(request, FORBIDDEN);
  }

  async #list(
    request: Request,
    path: string,
    folder: string,
    conf: AutoindexConf,
  ): Promise<void> {
    const callback = conf.format === "jsonp" ? argument(request.args, "callback") : "";
    if (!/^[A-Za-z0-9_.]*$/.test(callback)) {
      request.report("info", `client sent invalid callback name: "${callback}"`);
      return refuse(request, BAD_REQUEST);
    }
    try {
      const listing = listingOf(conf, fileName(path) ?? path, callback);
      await new Driver().run(sendListing(request, folder, listing));
    } catch (error) {
      if (error instanceof Failure || error instanceof OutOfBuffers) {
        return this.#fail(request, folder, error);
      }
      if (request.client.response.status !== 0) throw error;
      this.#refuse(request, whyNot(folder, error, "opendir"));
    }
  }

  #refuseIndex(request: Request, name: string, { status, message, isOurs }: NotFound): void {
    const number = /\(\d+: [^()]*\)$/.exec(message)?.[0] ?? "";
    const what = status === FORBIDDEN ? "forbidden" : "not found";
    const text = status === 500 ? message : `"${name}" is ${what} ${number}`;
    this.#refuse(request, { kind: "none", status, message: text, isOurs });
  }

  /** What is to be told and sent of a file; undefined if the request was refused. */
  #answerFor(
    request: Request,
    name: string,
    { sizeBytes, modifiedS }: Extract<Found, { kind: "file" }>,
    packed: Packed | undefined,
  ): FileAnswer | undefined {
    const { etag: hasEtag, ifModifiedSince } = this.#conf;
    const etag = hasEtag ? `"${modifiedS.toString(16)}-${sizeBytes.toString(16)}"` : "";
    const type = request.carriedType || this.#files.types.of(request, name);
    const answer: FileAnswer = {
      status: request.statusOverride === 0 ? 200 : request.statusOverride,
      type,
      etag,
      modifiedS,
      bodyBytes: sizeBytes,
      encoding: packed?.found === undefined ? "" : "gzip",
      varies: packed !== undefined && this.#compression!.varies,
      hasRanges: packed?.found === undefined,
      isMultipart: false,
      segments: sizeBytes === 0 ? [] : [{ start: 0, end: sizeBytes }],
      lines: [],
    };
    if (answer.status !== 200 || request.depth > 0) return answer;
    const { fields } = request.head;
    if (isConditional(fields)) {
      const verdict = precondition(fields, etag, modifiedS, ifModifiedSince);
      if (verdict === 412) return void refuse(request, verdict);
      if (verdict === 304) return { ...answer, status: verdict, type: "", segments: [] };
    }
    if (!answer.hasRanges) return answer;
    const ranges = askedRanges(request, sizeBytes, () => ({
      etag,
      lastModified: new Date(modifiedS * 1_000).toUTCString(),
    }));
    if (ranges === "whole") return answer;
    // What is compressed has no ranges, as in nginx.
    if (request.policy?.reshaper?.recodes(request, fileView(answer))) return answer;
    if (ranges === "unsatisfiable") {
      request.isMarked = true;
      const line = `Content-Range: bytes */${sizeBytes}\r\n`;
      request.carried = [...request.carried, bytesOf(line)];
      return void refuse(request, RANGE_NOT_SATISFIABLE);
    }
    // A part says of itself what the whole would (RFC 9110, 15.3.7).
    const varies = answer.varies ||
      request.policy?.reshaper?.varies(request, fileView(answer)) === true;
    const [first] = ranges;
    if (ranges.length === 1 && first !== undefined) {
      return {
        ...answer,
        varies,
        status: 206,
        bodyBytes: first.end - first.start,
        segments: [first],
        lines: [`Content-Range: ${contentRange(first, sizeBytes)}`],
      };
    }
    const { heads, end, bodyBytes, lines } = multipart(
      ranges,
      sizeBytes,
      request.policy?.reshaper?.typed(request, type) ?? type,
    );
    const segments: Segment[] = ranges.flatMap((range, at) => [{ bytes: heads[at]! }, range]);
    segments.push({ bytes: end });
    return { ...answer, varies, status: 206, isMultipart: true, bodyBytes, segments, lines };
  }

  /** Small files at once; others, and those that have to wait for memory, as time goes by. */
  #send(
    request: Request,
    name: string,
    answer: FileAnswer,
    file: Deno.FsFile,
  ): Promise<void> | void {
    const { response, context } = request.client;
    const { segments, status } = answer;
    const [segment] = segments;
    const hasBody = request.head.method !== "HEAD" && status !== 304 && status !== 204;
    const rate = fileRate(request);
    const isWhole = segment === undefined || !hasBody;
    const isSmall = isWhole || (rate === undefined && segments.length === 1 &&
      "start" in segment && answer.bodyBytes <= ONE_CELL_BYTES);
    if (!isSmall || !response.prepare(hasBody ? answer.bodyBytes : 0)) {
      return this.#sendLater(request, name, answer, file, hasBody);
    }
    if (isWhole) {
      writeFileHead(request, answer, hasBody);
      return response.end();
    }
    const buf = context.pool.acquire(answer.bodyBytes, "file");
    if (buf === undefined) return this.#sendLater(request, name, answer, file, hasBody);
    try {
      const start = "start" in segment ? segment.start : 0;
      if (start > 0) file.seekSync(start, 0 satisfies Deno.SeekMode.Start);
      readInto(file, buf, answer.bodyBytes, start);
      writeFileHead(request, answer, hasBody);
      response.send(buf, true);
    } catch (error) {
      this.#fail(request, name, error);
    } finally {
      buf.release(); // when it is sent
    }
  }

  /** Owns the file. */
  async #sendLater(
    request: Request,
    name: string,
    answer: FileAnswer,
    file: Deno.FsFile,
    hasBody: boolean,
  ): Promise<void> {
    const { outputBufferCount, outputBufferBytes } = this.#conf;
    const { client } = request;
    const driver = new Driver();
    try {
      if (!client.response.prepare()) await driver.run(roomForHead(request));
      if (!hasBody || answer.segments.length === 0) {
        writeFileHead(request, answer, hasBody);
        return client.response.end();
      }
      await driver.run(sendFile(request, {
        file,
        segments: answer.segments,
        mayBeChunked: request.policy?.reshaper !== undefined,
        bufferCount: outputBufferCount,
        bufferBytes: outputBufferBytes,
        rate: fileRate(request),
        begin: () => writeFileHead(request, answer, hasBody),
      }));
    } catch (error) {
      this.#fail(request, name, error);
    } finally {
      file.close();
    }
  }

  #fail(request: Request, name: string, error: unknown): void {
    const { response } = request.client;
    if (error instanceof FileCut) {
      request.report("alert", `"${name}" was truncated at ${error.atBytes} while it was sent`);
    } else if (error instanceof Failure) {
      request.report("info", error.message);
    } else if (error instanceof OutOfBuffers) {
      request.report("alert", error.message);
      if (response.status === 0) return refuse(request, 503);
    } else if (error instanceof FileUnreadable) {
      request.report("crit", `read() "${name}" failed (${error.message})`);
      if (response.status === 0) return refuse(request, 500);
    } else {
      throw error;
    }
    response.cutShort(); // so that the client sees that something is missing
  }
}

async function* roomForHead({ client }: Request): Phase<void> {
  while (!client.response.prepare()) yield* waitForRoom(client.context);
}

/** `/x` is a folder: its files are below `/x/`. */
function redirectToFolder(request: Request, path: string): void {
  const { args } = request;
  refuse(request, MOVED_PERMANENTLY, `${escapePath(path)}/${args === "" ? "" : `?${args}`}`);
}

/** An internal redirect that keeps the query. */
function leadTo(request: Request, path: string): void {
  request.isMarked = true;
  request.next = { kind: "path", path, args: request.args };
}
