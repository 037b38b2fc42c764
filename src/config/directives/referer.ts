/** The directive of nginx's referer module. @module */
import { compileRegex } from "../../http/regex.ts";
import { regexProblem } from "../building.ts";
import { type ArgumentType, directive, type Settings, type Table } from "../directive.ts";
import { gatheredWords } from "../nginx_form.ts";
import { wordsOf } from "../node.ts";

const EXPECTED =
  'some of none, blocked, server_names, names such as "*.example.org/path" and "~regex"';

/** Words as they are written, regexes checked. */
const referers: ArgumentType<readonly string[]> = {
  label: "none | blocked | server_names | name[/path] | ~regex …",
  expected: EXPECTED,
  nginx: gatheredWords,
  read(node, reading): readonly string[] | undefined {
    const words = wordsOf(node);
    if (words === undefined || words.length === 0) return reading.refuse(node, EXPECTED);
    return words.flatMap(({ text, span }) => {
      if (text.startsWith("~")) {
        const wrong = regexProblem(() => compileRegex(text.slice(1), true));
        if (wrong === undefined) return [text];
        return reading.refusePart(span, text, `need a regex (${wrong})`) ?? [];
      }
      const isName = /^(?:\*?\.)?[^*/:\s]+(?:\.\*)?(?:\/\S*)?$/.test(text);
      return isName ? [text] : reading.refusePart(span, text, `need ${EXPECTED}`) ?? [];
    });
  },
};

export const refererDirectives = {
  validReferers: directive({
    name: "valid_referers",
    contexts: ["server", "location"],
    type: referers,
    example: {
      yaml: '[none, blocked, server_names, "*.example.org/shop", "~friend"]',
      nginx: "none blocked server_names *.example.org/shop ~friend",
    },
    doc:
      "Pages that may lead here: `$invalid_referer` is empty for requests that they sent, else " +
      "`1`. `none` is a request without `Referer`, `blocked` one whose `Referer` is no URL; a name " +
      "may have a path behind it, and a regex is matched against what follows `http://`. Refuse " +
      "the others with `if`.",
  }),
} satisfies Table;

export type RefererSettings = Settings<typeof refererDirectives>;
