/**
 * `try_files`: the first of some files that is there, or something else that answers.
 *
 * @module
 */
import type { Template } from "../log/mod.ts";
import type { Variables } from "./configured_variables.ts";
import { byteText } from "./field_text.ts";
import { fileName } from "./file_place.ts";
import type { LocationFiles } from "./location_files.ts";
import { lookAt } from "./open_file.ts";
import { refuse, toPath } from "./redirect.ts";
import type { Request } from "./request.ts";
import type { TryFilesConf } from "./static_conf.ts";
import type { Step, StepResult } from "./step.ts";

interface Candidate {
  readonly path: Template<Request>;
  readonly isFolder: boolean;
}

/** Stands in front of a location's content, which then is about the path that was found. */
export class TryFiles implements Step {
  readonly #files: LocationFiles;
  readonly #candidates: readonly Candidate[];
  readonly #conf: TryFilesConf;
  readonly #target: Template<Request> | undefined;

  constructor(conf: TryFilesConf, files: LocationFiles, variables: Variables) {
    this.#files = files;
    this.#conf = conf;
    this.#candidates = conf.files.map((text) => ({
      path: variables.compile(byteText(text.endsWith("/") ? text.slice(0, -1) : text)),
      isFolder: text.endsWith("/"),
    }));
    if (conf.end.kind === "path") this.#target = variables.compile(byteText(conf.end.target));
  }

  run(request: Request): StepResult {
    for (const { path: template, isFolder } of this.#candidates) {
      const path = this.#whole(request, template.render(request));
      const bytes = this.#files.place.fileOf(request, path);
      const name = bytes === undefined ? undefined : fileName(bytes);
      if (name === undefined) continue;
      const found = lookAt(name, this.#files.linkRule(request));
      if (typeof found !== "string" || (found === "folder") !== isFolder) continue;
      if (path !== request.path) request.rewrite(path, request.args);
      return "go on";
    }
    this.#end(request);
    return "ended";
  }

  /** With the location's prefix in front, where `alias` takes it away again: as nginx. */
  #whole(request: Request, path: string): string {
    const { kind, matchedLength } = this.#files.conf.place;
    const prefix = kind === "alias" ? request.path.slice(0, matchedLength) : "";
    if (path.startsWith(prefix)) return path.startsWith("/") ? path : `/${path}`;
    return prefix + path;
  }

  #end(request: Request): void {
    const { end } = this.#conf;
    request.isMarked = true;
    if (end.kind === "status") return refuse(request, end.status);
    request.next = end.kind === "named"
      ? { kind: "named", name: end.name }
      : toPath(this.#target!.render(request));
  }
}
