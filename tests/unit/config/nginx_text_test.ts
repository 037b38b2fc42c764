import { assertEquals, assertThrows } from "@std/assert";
import type { Statement } from "../../../src/config/nginx_form.ts";
import {
  type ConfigFiles,
  parseNginx,
  printArgument,
  printNginx,
} from "../../../src/config/nginx_text.ts";
import { ConfigError, Problems } from "../../../src/config/problem.ts";

/** Statements as nested lists of words. */
type Plain = readonly [words: readonly string[], block?: readonly Plain[]];

function plain(statements: readonly Statement[]): readonly Plain[] {
  return statements.map(({ name, args, block }) => {
    const words = [name.text, ...args.map(({ text }) => text)];
    return block === undefined ? [words] : [words, plain(block)];
  });
}

function parse(text: string, files?: ConfigFiles): readonly Plain[] {
  const problems = new Problems({ fileName: "/etc/n/nginx.conf", text });
  const statements = parseNginx(problems, "/etc/n", files);
  problems.throwIfAny();
  return plain(statements);
}

function mistakes(text: string, files?: ConfigFiles): readonly string[] {
  const { problems } = assertThrows(() => parse(text, files), ConfigError);
  return problems.map(({ line, column, message }) => `${line}:${column}: ${message}`);
}

Deno.test("nginx.conf: words, blocks, comments", () => {
  assertEquals(parse("a; # one; {\n b c\td\r\n;\nhttp{server{}}"), [
    [["a"]],
    [["b", "c", "d"]],
    [["http"], [[["server"], []]]],
  ]);
  assertEquals(parse(""), []);
  assertEquals(parse("# nothing"), []);
});

Deno.test("nginx.conf: quotes hold blanks, semicolons and braces, and nothing at all", () => {
  assertEquals(parse(`a "b; {c} # d" '' 'x"y' "x'y";`), [
    [["a", "b; {c} # d", "", 'x"y', "x'y"]],
  ]);
});

Deno.test("nginx.conf: a quote or a # inside of a word is a part of it", () => {
  assertEquals(parse(`a b"c d' e#f;`), [[["a", 'b"c', "d'", "e#f"]]]);
});

Deno.test("nginx.conf: backslashes before quotes, backslashes and t, r, n are escapes; others stay", () => {
  assertEquals(parse(String.raw`a "\"\'\\" '\t\r\n' \.php$ "\d\s" a\ b a\;b;`), [
    [["a", `"'\\`, "\t\r\n", "\\.php$", "\\d\\s", "a\\ b", "a\\;b"]],
  ]);
});

Deno.test("nginx.conf: a brace behind $ is a variable's, others begin a block", () => {
  assertEquals(parse("a ${b}c$d{}"), [[["a", "${b}c$d"], []]]);
  assertEquals(parse('if ($a = "b") { c; }'), [[["if", "($a", "=", "b", ")"], [[["c"]]]]]);
});

Deno.test("nginx.conf: what is printed reads as the same words", () => {
  const words = [
    "plain",
    "",
    "a b",
    "a;b",
    "{",
    "}",
    "a{2}",
    "${x}y",
    "#a",
    "a#b",
    '"',
    "'",
    `"'`,
    "\\",
    "a\\",
    "\\\\",
    '\\"',
    "\\n",
    "\n\t\r",
    "\\.php$",
    "^/(?<a>[^/]{1,3})\\d+$",
    "~ \\ ",
  ];
  for (const word of words) {
    assertEquals(parse(`a ${printArgument(word)};`), [[["a", word]]], printArgument(word));
  }
  const lines = [{ name: "a", args: [] }, {
    name: "b",
    args: words,
    block: [{ name: "c", args: ["d"] }, { name: "e", args: [], block: [] }],
  }];
  assertEquals(parse(printNginx(lines)), [
    [["a"]],
    [["b", ...words], [[["c", "d"]], [["e"], []]]],
  ]);
});

Deno.test("nginx.conf: mistakes of the grammar, in nginx's words", () => {
  const cases: [text: string, ...messages: string[]][] = [
    ["a;\n}", '2:1: unexpected "}" in /etc/n/nginx.conf:2'],
    [";", '1:1: unexpected ";" in /etc/n/nginx.conf:1'],
    ["a; { b; }", '1:4: unexpected "{" in /etc/n/nginx.conf:1'],
    [
      "a { b }",
      '1:7: unexpected "}" in /etc/n/nginx.conf:1: directive "b" is not terminated by ";"',
    ],
    [
      "a { b;",
      '1:7: unexpected end of file, expecting "}" in /etc/n/nginx.conf:1: a block is not closed',
    ],
    [
      "a {\nb {",
      '2:4: unexpected end of file, expecting "}" in /etc/n/nginx.conf:2: 2 blocks are not closed',
    ],
    [
      "a b",
      '1:1: unexpected end of file, expecting ";" or "}" in /etc/n/nginx.conf:1: ' +
      'directive "a" is not terminated by ";"',
    ],
    [
      'a "b',
      '1:3: unexpected end of file, expecting ";" or "}" in /etc/n/nginx.conf:1: ' +
      'this " is not closed',
    ],
    [
      'a "b"c;',
      '1:6: unexpected "c" in /etc/n/nginx.conf:1: need a blank or ; behind a quoted text',
    ],
  ];
  for (const [text, ...messages] of cases) assertEquals(mistakes(text), messages, text);
  const deep = "a {".repeat(70) + "}".repeat(70);
  assertEquals(mistakes(deep), [
    "1:195: more than 64 blocks in each other in /etc/n/nginx.conf:1",
  ]);
});

const FILES: Readonly<Record<string, string>> = {
  "/etc/n/one": "one;",
  "/etc/n/conf.d/b.conf": "b;",
  "/etc/n/conf.d/a.conf": "a; include one;",
  "/etc/n/conf.d/.hidden.conf": "hidden;",
  "/etc/n/conf.d/c.conf.off": "off;",
  "/etc/n/loop": "include loop;",
  "/etc/n/bad": "x;\n  y z",
};

const files: ConfigFiles = {
  readText(path): string {
    const text = FILES[path];
    if (text === undefined) throw new Deno.errors.NotFound();
    return text;
  },
  listNames: (folder) => [
    ...new Set(
      Object.keys(FILES).filter((path) => path.startsWith(`${folder}/`))
        .map((path) => path.slice(folder.length + 1).replace(/\/.*/, "")),
    ),
  ],
};

Deno.test("nginx.conf: include brings statements in, from the configuration's folder", () => {
  assertEquals(parse("x { include one; } include /etc/n/one; z;", files), [
    [["x"], [[["one"]]]],
    [["one"]],
    [["z"]],
  ]);
});

Deno.test("nginx.conf: include of a pattern brings what it matches in the order of the names", () => {
  const expected: readonly Plain[] = [[["a"]], [["one"]], [["b"]]];
  assertEquals(parse("include conf.d/*.conf;", files), expected);
  assertEquals(parse("include /etc/n/con?.[a-e]/[!c].conf;", files), expected);
  assertEquals(parse("include none/*.conf; x;", files), [[["x"]]]);
});

Deno.test("nginx.conf: mistakes of include, and in included files", () => {
  const at = "in /etc/n/nginx.conf:1";
  assertEquals(mistakes("include none;", files), [
    `1:9: open() "/etc/n/none" failed (2: No such file or directory) ${at}`,
  ]);
  assertEquals(mistakes("include a b;", files), [
    `1:1: invalid number of arguments in "include" directive ${at}: need one path`,
  ]);
  assertEquals(mistakes("include one;"), [
    `1:1: "include" directive is not allowed here ${at}: ` +
    "this text is no file, and has no folder to look in",
  ]);
  assertEquals(mistakes("include loop;", files), [
    '1:9: "/etc/n/loop" includes itself in /etc/n/loop:1',
  ]);
  const { problems } = assertThrows(() => parse("include bad;", files), ConfigError);
  assertEquals(problems.map(({ file, line, sourceLine }) => [file, line, sourceLine]), [
    ["/etc/n/bad", 2, "  y z"],
  ]);
});
