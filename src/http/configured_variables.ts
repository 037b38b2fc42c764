/**
 * The variables of one configuration: those that are built in, and those that it defines.
 * Made once, when the configuration is put to use; every text of it is compiled here.
 *
 * @module
 */
import { compileTemplate, type Getter, type SpanGetter, type Template } from "../log/mod.ts";
import type { VariablesConf } from "./conf.ts";
import { compileGeo } from "./geo.ts";
import { compileMap } from "./map.ts";
import type { Request } from "./request.ts";
import { REQUEST_ID_SLOT } from "./request_id.ts";
import { compileSplit } from "./split_clients.ts";
import { builtInSpan } from "./variable_spans.ts";
import { builtInVariable, settableVariable } from "./variables.ts";

/** Gives a request's variable a value. */
export type Setter = (request: Request, value: string) => void;

/** A configuration that defines none. */
export const NO_VARIABLES: VariablesConf = { settable: [], maps: [], geos: [], splits: [] };

/** Variables may lead to others this deep, as in nginx: deeper ones are a circle. */
const DEPTH_MAX = 100;

/** `$1` to `$9`. */
const CAPTURE = /^[1-9]$/;

/**
 * Finds and compiles. A variable that the configuration defines has a slot in the values of
 * a request, which its subrequests share; what is built in is read where it is.
 */
export class Variables {
  readonly #slots = new Map<string, number>();
  /** Of `map`, `geo` and `split_clients`: compiled when something uses them first. */
  readonly #definitions = new Map<string, Definition>();
  /** Names whose being read without a value is worth a warning. */
  readonly #warned = new Set<string>();
  readonly #getters = new Map<string, Getter<Request>>();
  #depth = 0;

  constructor({ settable, maps, geos, splits }: VariablesConf = NO_VARIABLES) {
    for (const { name, warnsUnset } of settable) {
      if (settableVariable(name) !== undefined) continue;
      this.#slotOf(name);
      if (warnsUnset) this.#warned.add(name);
    }
    const define = (name: string, compile: Compile, isVolatile = false): void => {
      this.#slotOf(name);
      this.#definitions.set(name, { compile, isVolatile });
    };
    for (const conf of maps) define(conf.name, () => compileMap(conf, this), conf.isVolatile);
    for (const conf of geos) define(conf.name, () => compileGeo(conf, this));
    for (const conf of splits) define(conf.name, () => compileSplit(conf, this));
  }

  /** Compiles a text of the configuration. */
  compile(text: string): Template<Request> {
    return compileTemplate(text, this.lookup);
  }

  /** How to read a variable; `undefined` when there is none of that name. */
  readonly lookup = (name: string): Getter<Request> | undefined => {
    const known = this.#getters.get(name);
    if (known !== undefined) return known;
    const getter = this.#getter(name);
    if (getter !== undefined) this.#getters.set(name, getter);
    return getter;
  };

  /** How to read a variable's bytes, where they are in the request's head and nothing else stands before them. */
  readonly spans = (name: string): SpanGetter<Request> | undefined =>
    this.#slots.has(name) ? undefined : builtInSpan(name);

  /** How to set a variable that the configuration has said it sets. */
  setter(name: string): Setter {
    const own = settableVariable(name);
    if (own !== undefined) return own;
    const slot = this.#slotOf(name);
    return (request, value) => {
      (request.values ??= this.#noValues())[slot] = value;
    };
  }

  #getter(name: string): Getter<Request> | undefined {
    if (CAPTURE.test(name)) return captureGetter(Number(name));
    const builtIn = builtInVariable(name);
    const slot = this.#slots.get(name);
    if (slot === undefined) return builtIn;
    const definition = this.#definitions.get(name);
    if (definition !== undefined) return this.#definedGetter(name, slot, definition);
    // `set $arg_x` and the like stand before the argument itself, as in nginx.
    if (builtIn !== undefined) return (request) => request.values?.[slot] ?? builtIn(request);
    if (!this.#warned.has(name)) return ({ values }) => values?.[slot] ?? "";
    return (request) => {
      const value = request.values?.[slot];
      if (value !== undefined) return value;
      request.reportUnset(name);
      (request.values ??= this.#noValues())[slot] = "";
      return "";
    };
  }

  /** The value is found once a request, unless it is volatile; one that was `set` stands before it. */
  #definedGetter(name: string, slot: number, { compile, isVolatile }: Definition): Getter<Request> {
    let find: Getter<Request> | undefined;
    return (request) => {
      const known = request.values?.[slot];
      if (known !== undefined) return known;
      if (this.#depth >= DEPTH_MAX) {
        request.report("error", `cycle while evaluating variable "${name}"`);
        return "";
      }
      this.#depth++;
      try {
        const value = (find ??= compile())(request);
        if (!isVolatile) (request.values ??= this.#noValues())[slot] = value;
        return value;
      } finally {
        this.#depth--;
      }
    };
  }

  /** With room for as many as there are: an array that grows takes more. */
  #noValues(): (string | undefined)[] {
    return new Array<string | undefined>(REQUEST_ID_SLOT + 1 + this.#slots.size);
  }

  #slotOf(name: string): number {
    const slot = this.#slots.get(name) ?? REQUEST_ID_SLOT + 1 + this.#slots.size;
    this.#slots.set(name, slot);
    return slot;
  }
}

type Compile = () => Getter<Request>;

interface Definition {
  readonly compile: Compile;
  readonly isVolatile: boolean;
}

function captureGetter(number: number): Getter<Request> {
  return ({ captures }) => captures?.[number] ?? "";
}
