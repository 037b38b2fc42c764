/**
 * The variables of one configuration: those that are built in, and those that it defines.
 * Made once, when the configuration is put to use; every text of it is compiled here.
 *
 * @module
 */
import { compileTemplate, type Getter, type Template } from "../log/mod.ts";
import type { VariablesConf } from "./conf.ts";
import type { Request } from "./request.ts";
import { builtInVariable, settableVariable } from "./variables.ts";

/** Gives a request's variable a value. */
export type Setter = (request: Request, value: string) => void;

/** A configuration that defines none. */
export const NO_VARIABLES: VariablesConf = { settable: [] };

/** `$1` to `$9`. */
const CAPTURE = /^[1-9]$/;

/**
 * Finds and compiles. A variable that the configuration defines has a slot in the values of
 * a request, which its subrequests share; what is built in is read where it is.
 */
export class Variables {
  readonly #slots = new Map<string, number>();

  constructor({ settable }: VariablesConf = NO_VARIABLES) {
    for (const name of settable) {
      if (settableVariable(name) === undefined) this.#slotOf(name);
    }
  }

  /** Compiles a text of the configuration. Borrowing: several may be made of one text. */
  compile(text: string): Template<Request> {
    return compileTemplate(text, this.lookup);
  }

  /** How to read a variable; `undefined` when there is none of that name. */
  readonly lookup = (name: string): Getter<Request> | undefined => {
    if (CAPTURE.test(name)) return captureGetter(Number(name));
    const builtIn = builtInVariable(name);
    const slot = this.#slots.get(name);
    if (slot === undefined) return builtIn;
    // `set $arg_x` and the like stand before the argument itself, as in nginx.
    if (builtIn !== undefined) return (request) => request.values?.[slot] ?? builtIn(request);
    return ({ values }) => values?.[slot] ?? "";
  };

  /** How to set a variable that the configuration has said it sets. */
  setter(name: string): Setter {
    const own = settableVariable(name);
    if (own !== undefined) return own;
    const slot = this.#slotOf(name);
    return (request, value) => {
      (request.values ??= [])[slot] = value;
    };
  }

  #slotOf(name: string): number {
    const slot = this.#slots.get(name) ?? this.#slots.size;
    this.#slots.set(name, slot);
    return slot;
  }
}

function captureGetter(number: number): Getter<Request> {
  return ({ captures }) => captures?.[number] ?? "";
}
