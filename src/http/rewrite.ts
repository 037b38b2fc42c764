/**
 * nginx's rewrite module: what is done with a request's URI before a location is looked for,
 * and again in the location that was found.
 *
 * @module
 */
import type { LocationConf, RewritePhaseConf, RewriteStepConf } from "./conf.ts";
import type { Setter, Variables } from "./configured_variables.ts";
import type { MediaTypes } from "./media_types.ts";
import { CapturingRegex, compileRegex } from "./regex.ts";
import { refuse } from "./redirect.ts";
import type { Request } from "./request.ts";
import { Return } from "./return.ts";
import { compileCondition, type Condition } from "./rewrite_condition.ts";
import { RewriteText, unescapeRedirect } from "./rewrite_text.ts";
import type { Location } from "./server.ts";

/**
 * What has become of a request. `"moved"`: it has another URI, whose location has to be
 * looked for. `"ended"`: it is answered.
 */
export type Rewritten = "go on" | "moved" | "ended";

/** What comes after a step. `"stop"`: none of those that follow. */
type Flow = "next" | "stop" | "ended";

type Step = (request: Request) => Flow;

type RewriteOf = Extract<RewriteStepConf, { kind: "rewrite" }>;
type IfOf = Extract<RewriteStepConf, { kind: "if" }>;

const INTERNAL_SERVER_ERROR = 500;
const MOVED_PERMANENTLY = 301;
const FOUND = 302;

/** The directives of one server or location, compiled. Runs to its end at once. */
export class Rewriter {
  readonly #variables: Variables;
  readonly #types: MediaTypes;
  readonly #openIf: (location: LocationConf) => Location;
  readonly #log: ((request: Request, message: string) => void) | undefined;
  readonly #steps: readonly Step[];
  readonly #methods: ReadonlySet<string> | undefined;
  /** Of the run that is under way: whether the URI is another one. */
  #isMoved = false;
  /** Likewise: whether captures are escaped outside of queries too. */
  #isQuoted = true;

  /**
   * @param types Of what `return` answers with.
   * @param openIf Makes the location that an `if` is, where it says more than what to rewrite.
   * @param methods Those of `limit_except`: requests with others are at a place of their own, which
   * rewrites nothing.
   */
  constructor(
    { steps, isLogged }: RewritePhaseConf,
    types: MediaTypes,
    variables: Variables,
    openIf: (location: LocationConf) => Location,
    methods?: ReadonlySet<string>,
  ) {
    this.#methods = methods;
    this.#variables = variables;
    this.#types = types;
    this.#openIf = openIf;
    this.#log = isLogged ? (request, message) => request.report("notice", message) : undefined;
    this.#steps = this.#compileAll(steps);
  }

  /** An `if` that held, and is a location, is the request's location then. */
  run(request: Request): Rewritten {
    if (this.#methods !== undefined && !this.#methods.has(request.method)) return "go on";
    this.#isMoved = false;
    this.#isQuoted = true;
    const flow = this.#runAll(this.#steps, request);
    if (flow === "ended") return "ended";
    return this.#isMoved ? "moved" : "go on";
  }

  #runAll(steps: readonly Step[], request: Request): Flow {
    for (const step of steps) {
      const flow = step(request);
      if (flow !== "next") return flow;
    }
    return "next";
  }

  #compileAll(steps: readonly RewriteStepConf[]): readonly Step[] {
    return steps.map((step) => this.#compile(step));
  }

  #compile(step: RewriteStepConf): Step {
    switch (step.kind) {
      case "set":
        return this.#compileSet(step.name, step.value);
      case "rewrite":
        return this.#compileRewrite(step);
      case "if":
        return this.#compileIf(step);
      case "break":
        return () => {
          this.#isMoved = false;
          return "stop";
        };
      case "return": {
        const answer = new Return(step, this.#types, this.#variables);
        return (request) => {
          answer.handle(request);
          return "ended";
        };
      }
    }
  }

  #compileSet(name: string, text: string): Step {
    const set: Setter = this.#variables.setter(name);
    const value = new RewriteText(text, this.#variables, false);
    return (request) => {
      set(request, value.render(request, this.#isQuoted).text);
      return "next";
    };
  }

  #compileIf({ condition, steps, location }: IfOf): Step {
    const holds: Condition = compileCondition(condition, this.#variables, this.#log);
    const inner = this.#compileAll(steps);
    const place = location && this.#openIf(location);
    return (request) => {
      if (!holds(request, this.#isQuoted)) return "next";
      if (place !== undefined) request.location = place;
      return this.#runAll(inner, request);
    };
  }

  #compileRewrite({ regex, replacement, flag }: RewriteOf): Step {
    const pattern = new CapturingRegex(compileRegex(regex, false), this.#variables);
    const keepsArgs = !replacement.endsWith("?");
    const text = keepsArgs ? replacement : replacement.slice(0, -1);
    const isRedirect = flag === "redirect" || flag === "permanent" ||
      /^(?:https?:\/\/|\$scheme)/.test(replacement);
    const replaced = new RewriteText(text, this.#variables, !isRedirect);
    const apply = isRedirect
      ? this.#redirect(replaced, flag === "permanent" ? MOVED_PERMANENTLY : FOUND, text, keepsArgs)
      : this.#replace(replaced, flag, keepsArgs);
    return (request) => {
      const { path } = request;
      const matches = pattern.match(request, path);
      this.#log?.(request, `"${regex}" ${matches ? "matches" : "does not match"} "${path}"`);
      if (!matches) {
        request.captures = undefined; // as in nginx; elsewhere those of the last match stay
        return "next";
      }
      this.#isQuoted = false;
      return apply(request);
    };
  }

  #redirect(replaced: RewriteText, status: number, source: string, keepsArgs: boolean): Step {
    const joint = source.includes("?") ? "&" : "?";
    return (request) => {
      let url = unescapeRedirect(replaced.render(request, true).text);
      if (keepsArgs && request.args !== "") url += joint + request.args;
      this.#log?.(request, `rewritten redirect: "${url}"`);
      refuse(request, status, url);
      return "ended";
    };
  }

  #replace(replaced: RewriteText, flag: RewriteOf["flag"], keepsArgs: boolean): Step {
    return (request) => {
      const { text, queryAt } = replaced.render(request, false);
      const before = keepsArgs ? request.args : "";
      const path = queryAt < 0 ? text : text.slice(0, queryAt);
      let args = before;
      if (queryAt >= 0) args = text.slice(queryAt) + (before === "" ? "" : `&${before}`);
      this.#log?.(request, `rewritten data: "${path}", args: "${args}"`);
      if (path === "") {
        request.report("error", "the rewritten URI has a zero length");
        refuse(request, INTERNAL_SERVER_ERROR);
        return "ended";
      }
      request.rewrite(path, args);
      request.isInternal = true;
      this.#isMoved = flag !== "break";
      if (flag === "break") request.isBeyondPrefix = true;
      return flag === undefined ? "next" : "stop";
    };
  }
}
