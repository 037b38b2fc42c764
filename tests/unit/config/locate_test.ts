import { assert, assertEquals } from "@std/assert";
import { parse } from "@std/yaml";
import { locate, markYaml, type Path } from "../../../src/config/locate.ts";
import { Random } from "../../support/random.ts";

/** `line:column` of key and value at a path. */
function places(text: string, ...path: Path): string {
  const { key, value } = locate(text, path);
  return `${key.line}:${key.column} ${value.line}:${value.column}`;
}

Deno.test("locate: a value in block style", () => {
  const text = `
servers:
  - listen: 8080
    locations:
      /: # all
        proxy:
          pass: http://app
          read_timeout:   60s
`;
  assertEquals(places(text, "servers"), "2:1 3:3");
  assertEquals(places(text, "servers", 0), "3:5 3:5");
  assertEquals(places(text, "servers", 0, "listen"), "3:5 3:13");
  assertEquals(
    places(text, "servers", 0, "locations", "/", "proxy", "read_timeout"),
    "8:11 8:27",
  );
});

Deno.test("locate: a list in its key's own column, and what follows it", () => {
  const text = "a:\n- 1\n- b: 2\n  c: 3\nd: 4\n";
  assertEquals(places(text, "a", 1, "c"), "4:3 4:6");
  assertEquals(places(text, "d"), "5:1 5:4");
});

Deno.test("locate: lists in lists, on one line and on several", () => {
  const text = "- - a\n  - b\n-\n  - c: 1\n";
  assertEquals(places(text, 0, 1), "2:5 2:5");
  assertEquals(places(text, 1, 0, "c"), "4:5 4:8");
});

Deno.test("locate: flow style, over several lines, with comments and no blanks", () => {
  const text = 'a: {b: [1, "x,y", {c: http://d:80/, "e":2}],\n  # {no: 1}\n  f: g h }\ni: []\n';
  assertEquals(places(text, "a", "b", 1), "1:12 1:12");
  assertEquals(places(text, "a", "b", 2, "c"), "1:20 1:23");
  assertEquals(places(text, "a", "b", 2, "e"), "1:37 1:41");
  assertEquals(places(text, "a", "f"), "3:3 3:6");
  assertEquals(places(text, "i"), "4:1 4:4");
});

Deno.test("locate: a map in a flow list without braces, and keys without values", () => {
  const text = "a: [b: 1, c]\nd: {e, f: , g: 2}\nh:\ni: 3\n";
  assertEquals(places(text, "a", 0, "b"), "1:5 1:8");
  assertEquals(places(text, "a", 1), "1:11 1:11");
  assertEquals(places(text, "d", "e"), "2:5 2:6");
  assertEquals(places(text, "d", "g"), "2:13 2:16");
  assertEquals(places(text, "h"), "3:1 3:3");
  assertEquals(places(text, "i"), "4:1 4:4");
});

Deno.test("locate: quoted keys, with escapes", () => {
  const text = `"= /h": 1\n'it''s': 2\n"a\\x62\\u0063\\n": 3\n"~* \\\\.php$" : {x: 4}\n`;
  assertEquals(places(text, "= /h"), "1:1 1:9");
  assertEquals(places(text, "it's"), "2:1 2:10");
  assertEquals(places(text, "abc\n"), "3:1 3:18");
  assertEquals(places(text, "~* \\.php$", "x"), "4:17 4:20");
});

Deno.test("locate: plain keys with blanks, colons and number signs", () => {
  const text = "~ ^/a:b#c: 1\n= /x: {y: 2}\n-x: 3\n";
  assertEquals(places(text, "~ ^/a:b#c"), "1:1 1:12");
  assertEquals(places(text, "= /x", "y"), "2:8 2:11");
  assertEquals(places(text, "-x"), "3:1 3:5");
});

Deno.test("locate: after scalars of several lines", () => {
  const text = [
    "a: |",
    "  b: 1",
    "",
    "  c",
    "d: >-",
    "    e",
    "f: g",
    "  h",
    "  i # end",
    'j: "k',
    '  l: 2"',
    "m:",
    "  - |+",
    "    n: 3",
    "    o",
    "  - p",
    "q: 1",
  ].join("\n");
  assertEquals(places(text, "a"), "1:1 1:4");
  assertEquals(places(text, "d"), "5:1 5:4");
  assertEquals(places(text, "f"), "7:1 7:4");
  assertEquals(places(text, "j"), "10:1 10:4");
  assertEquals(places(text, "m", 1), "16:5 16:5");
  assertEquals(places(text, "q"), "17:1 17:4");
});

Deno.test("locate: anchors, aliases, tags, directives, document marks, a byte order mark", () => {
  const text =
    "\uFEFF%YAML 1.2\n--- # begin\na: &x {b: 1}\nc: *x\n&k d: !!str e\nf: &y\n  g: 2\nh: 3\n...\n";
  assertEquals(places(text, "a", "b"), "3:8 3:11");
  assertEquals(places(text, "c"), "4:1 4:4");
  assertEquals(places(text, "c", "b"), "4:4 4:4");
  assertEquals(places(text, "d"), "5:4 5:13");
  assertEquals(places(text, "f", "g"), "7:3 7:6");
  assertEquals(places(text, "h"), "8:1 8:4");
});

Deno.test("locate: carriage returns before line feeds", () => {
  const text = "a:\r\n  b: 1\r\nc: x\r\n";
  assertEquals(places(text, "a", "b"), "2:3 2:6");
  assertEquals(markYaml(text).keys.get("c")?.value.span, { start: 15, end: 16 });
});

Deno.test("locate: an unknown path leads to the deepest value on the way", () => {
  const text = "a:\n  b: 1\n";
  assertEquals(places(text, "a", "c", "d"), "2:3 2:3");
  assertEquals(places("", "a"), "1:1 1:1");
});

Deno.test("locate: too deep for it leads to the beginning", () => {
  assertEquals(places("[".repeat(5000), 0), "1:1 1:1");
});

Deno.test("locate: every value of random documents in random styles is where it was written", () => {
  for (let seed = 1; seed <= 400; seed++) {
    const writer = new Writer(seed);
    const value = writer.document();
    assertEquals(parse(writer.text), value, `seed ${seed}:\n${writer.text}`);
    for (const { path, key, value } of writer.places) {
      const found = locate(writer.text, path);
      const message = `seed ${seed}, ${path.join("/")}:\n${writer.text}`;
      assertEquals(
        found,
        { key: placeOf(writer.text, key), value: placeOf(writer.text, value) },
        message,
      );
    }
  }
});

Deno.test("locate: walks over any text without failing", () => {
  const random = below(7);
  const alphabet = "ab:- \n\t#'\"[]{},&*!|>?%\\\r.~";
  for (let round = 0; round < 3000; round++) {
    let text = "";
    for (let length = random(40); length > 0; length--) text += alphabet[random(alphabet.length)];
    const { start, end } = markYaml(text).span;
    assert(start >= 0 && end <= text.length, JSON.stringify(text));
  }
});

function placeOf(text: string, offset: number): { line: number; column: number } {
  const lines = text.slice(0, offset).split("\n");
  return { line: lines.length, column: (lines.at(-1) ?? "").length + 1 };
}

interface Written {
  readonly path: Path;
  readonly key: number;
  readonly value: number;
}

/** Writes a random document in random style, and remembers where it wrote what. */
class Writer {
  text = "";
  readonly places: Written[] = [];
  readonly #random: (bound: number) => number;

  constructor(seed: number) {
    this.#random = below(seed);
  }

  document(): unknown {
    if (this.#random(3) === 0) this.text += "# a comment: with colon\n---\n";
    return this.#blockMap([], "", 0);
  }

  #blockMap(path: Path, indent: string, depth: number, isInLine = false): unknown {
    const map: Record<string, unknown> = {};
    const count = 1 + this.#random(4);
    for (let index = 0; index < count; index++) {
      if (index > 0 || !isInLine) this.text += indent;
      const name = `k${index}${["", " b", "/c:d", "#e"][this.#random(4)]}`;
      const key = this.text.length;
      this.text += this.#quoteKey(name) + ":";
      map[name] = this.#blockValue([...path, name], key, indent, depth);
    }
    return map;
  }

  #blockList(path: Path, indent: string, depth: number): unknown {
    const items: unknown[] = [];
    const count = 1 + this.#random(3);
    for (let index = 0; index < count; index++) {
      this.text += indent + "-";
      const itemPath = [...path, index];
      if (depth < 3 && this.#random(3) === 0) {
        this.text += " ";
        const start = this.text.length;
        this.places.push({ path: itemPath, key: start, value: start });
        items.push(this.#blockMap(itemPath, indent + "  ", depth + 1, true));
      } else {
        this.text += " ";
        const start = this.text.length;
        this.places.push({ path: itemPath, key: start, value: start });
        items.push(this.#flow(itemPath, depth));
        this.#endLine();
      }
    }
    return items;
  }

  #blockValue(path: Path, key: number, indent: string, depth: number): unknown {
    const kind = depth < 3 ? this.#random(6) : this.#random(3);
    if (kind < 2) {
      this.text += " ".repeat(1 + this.#random(3));
      this.places.push({ path, key, value: this.text.length });
      const value = this.#flow(path, depth);
      this.#endLine();
      return value;
    }
    if (kind === 2) return this.#blockScalar(path, key, indent);
    this.#endLine();
    if (this.#random(4) === 0) this.text += "\n   # between\n";
    const isList = kind === 3;
    const inner = indent + (isList && this.#random(2) === 0 ? "" : "  ");
    this.places.push({ path, key, value: this.text.length + inner.length });
    return isList
      ? this.#blockList(path, inner, depth + 1)
      : this.#blockMap(path, inner, depth + 1);
  }

  #blockScalar(path: Path, key: number, indent: string): unknown {
    this.text += " ";
    this.places.push({ path, key, value: this.text.length });
    this.text += `|\n${indent}  a: [b\n\n${indent}    - c\n`;
    return "a: [b\n\n  - c\n";
  }

  #flow(path: Path, depth: number): unknown {
    const kind = depth < 4 ? this.#random(5) : 0;
    if (kind === 3) {
      this.text += "[";
      const items: unknown[] = [];
      for (let index = this.#random(3); index >= 0; index--) {
        this.#flowBlank();
        const start = this.text.length;
        const itemPath = [...path, items.length];
        this.places.push({ path: itemPath, key: start, value: start });
        items.push(this.#flow(itemPath, depth + 1));
        this.text += index > 0 ? "," : "";
      }
      this.text += " ]";
      return items;
    }
    if (kind === 4) {
      this.text += "{";
      const map: Record<string, unknown> = {};
      for (let index = this.#random(3); index >= 0; index--) {
        this.#flowBlank();
        const name = `f${index}`;
        const key = this.text.length;
        this.text += this.#quoteKey(name) + ": ";
        this.places.push({ path: [...path, name], key, value: this.text.length });
        map[name] = this.#flow([...path, name], depth + 1);
        this.text += index > 0 ? "," : "";
      }
      this.text += " }";
      return map;
    }
    const text = ["http://a:80/x", "it's", "a b", "x-y"][this.#random(4)] ?? "";
    const style = this.#random(3);
    this.text += style === 0
      ? text
      : style === 1
      ? `'${text.replaceAll("'", "''")}'`
      : JSON.stringify(text);
    return text;
  }

  #flowBlank(): void {
    this.text += " ".repeat(1 + this.#random(2));
  }

  #quoteKey(name: string): string {
    const style = this.#random(3);
    return style === 0 ? name : style === 1 ? `'${name}'` : JSON.stringify(name);
  }

  #endLine(): void {
    this.text += ["\n", " # so: it\n", "\n\n"][this.#random(3)] ?? "\n";
  }
}

/** Random whole numbers below a bound, the same for the same seed. */
function below(seed: number): (bound: number) => number {
  const random = new Random(seed);
  return (bound) => random.integer(0, bound - 1);
}
