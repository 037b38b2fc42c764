/**
 * The reference manual, printed from the table of directives.
 *
 * @module
 */
import { DIFFERENCES } from "./differences.ts";
import type { Context, Directive, Table } from "./directive.ts";
import { BLOCKS, type Group, GROUPS } from "./directives.ts";
import type { Line, Statement } from "./nginx_form.ts";
import { ACCEPTED, isAccepted, isRefused, REFUSED } from "./nginx_known.ts";
import { parseNginx, printNginx } from "./nginx_text.ts";
import { Problems } from "./problem.ts";
import { adminApiPage, metricsPage } from "./manual_admin.ts";

/** Markdown by file name: an index and a page for each group. */
export function manualPages(): Map<string, string> {
  return new Map([
    ["README.md", indexPage()],
    ["differences.md", differencesPage()],
    ["nginx_conf.md", nginxConfPage()],
    ["admin_api.md", [NOTICE, ...adminApiPage()].join("\n\n") + "\n"],
    ["metrics.md", [NOTICE, ...metricsPage()].join("\n\n") + "\n"],
    ...GROUPS.map((group): [string, string] => [`${group.page}.md`, groupPage(group)]),
  ]);
}

const NOTICE = `<!-- deno-fmt-ignore-file -->
<!-- Written by "deno task manual" from src/config/directives/. Do not edit. -->`;

const UNITS =
  `Times are \`500ms\`, \`5s\`, \`1m\`, \`1h\`, \`1d\`, or several units from large to small (\`1h30m\`);
a bare number is seconds. Sizes are \`4k\`, \`8m\`, \`1g\`; a bare number is bytes. \`on\` and \`off\`
may be written as booleans. What a level sets replaces, as a whole, what the level around it sets.`;

function indexPage(): string {
  const blocks = BLOCKS.map(({ yaml, name, contexts, doc }) =>
    `- \`${yaml}\` (nginx: \`${name}\`), ${places(contexts)}. ${doc}`
  );
  const pages = GROUPS.map((group) => {
    const links = Object.values(group.directives).map((directive) =>
      `[${directive.name}](${group.page}.md#${anchor(title(directive))})`
    );
    return `### [${group.title}](${group.page}.md)\n\n${links.join(", ")}`;
  });
  return [
    NOTICE,
    "# Directives",
    "Each directive has nginx's name and meaning, and a key in YAML: `proxy_x` of nginx is `x` under\n`proxy`.",
    UNITS,
    "What differs from nginx beside what a directive says of itself: [differences](differences.md).\nHow an nginx.conf is read, and what may stand in it: [nginx.conf](nginx_conf.md).\nThe operator's own listener: [what it answers](admin_api.md), [metrics](metrics.md).",
    "## Blocks",
    blocks.join("\n"),
    "## By group",
    ...pages,
  ].join("\n\n") + "\n";
}

function differencesPage(): string {
  const sections = Object.entries(DIFFERENCES).flatMap(([about, differences]) => [
    `## ${about}`,
    [
      "| | nginx | Sluice | why |",
      "| --- | --- | --- | --- |",
      ...differences.map(({ what, nginx, sluice, why }) =>
        `| ${cell(what)} | ${cell(nginx)} | ${cell(sluice)} | ${cell(why)} |`
      ),
    ].join("\n"),
  ]);
  return [
    NOTICE,
    "# Differences from nginx",
    "What directives do otherwise than in nginx stands with them. This is what belongs to none, seen\n" +
    "with nginx 1.22.1 and Sluice side by side unless a line says otherwise. [All directives](README.md)",
    ...sections,
  ].join("\n\n") + "\n";
}

function nginxConfPage(): string {
  const accepted = [...ACCEPTED].filter(([name]) => isAccepted(name)).map(([name, { why }]) =>
    `| \`${name}\` | ${why} |`
  );
  const refused = REFUSED.flatMap((one) => {
    const names = one.names.filter(isRefused);
    if (names.length === 0) return [];
    const instead = one.instead === undefined ? "" : ` Instead: ${one.instead}.`;
    return [
      `### ${one.title}`,
      `${capitalized(one.why)}.${instead}\n\n${names.map((name) => `\`${name}\``).join(", ")}`,
    ];
  });
  return [
    NOTICE,
    "# nginx.conf",
    NGINX_CONF,
    "## Without an effect",
    "These may stay in a file. They change nothing that could be seen here, and `convert` leaves them out.",
    ["| | |", "| --- | --- |", ...accepted].join("\n"),
    "## Refused",
    "nginx knows these, and Sluice says of each that it does not: nothing is passed over in silence.",
    ...refused,
  ].join("\n\n") + "\n";
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const NGINX_CONF =
  `A configuration is YAML or an nginx.conf: the name of the file tells (\`.yaml\`, \`.yml\`, \`.json\`;
\`.conf\`), or how it begins. All directives of this manual can be written in either, also those that
nginx does not have. \`convert FILE\` prints a file in the other syntax, and \`-T\` prints it with all that
it includes.

The grammar is nginx's: quotes, backslashes, comments, \`include\` (with \`*\`, \`?\` and \`[…]\`) from the
folder of the file, which is also where the files of passwords and keys are looked for. All else that
is relative starts from \`-p\`, or from where the program was started.

Regexes are PCRE's, and are translated: atomic groups and possessive quantifiers, \`(?i)\` and its
like, \`\\A \\z \\h \\R\`, POSIX classes, \`(?P<name>…)\`. Recursion, conditions, \`\\K\`, \`\\G\`, \`\\p\` and verbs
cannot be, and are errors. A group that a later turn of a loop does not take part in is empty then;
a back reference to a group that has not matched is the empty text.

What is wrong is told all at once, in nginx's words where it has any, with the line and what was
probably meant.`;

function groupPage(group: Group): string {
  const { directives, parameters } = group;
  return [
    NOTICE,
    `# ${group.title}`,
    `${group.intro} [All directives](README.md)`,
    ...Object.values(directives).map((directive) =>
      section(directive, parameters?.[directive.name])
    ),
  ].join("\n\n") + "\n";
}

function section(directive: Directive<unknown>, parameters: Table | undefined): string {
  const { contexts, defaultText, doc, since, type, merge, name } = directive;
  const rows = [
    ["Where", places(contexts)],
    ["Value", cell(type.label)],
    ["Default", defaultText === undefined ? "none" : `\`${defaultText}\``],
    ["Inherited", merge === "inherit" && contexts.length > 1 ? "yes" : "no"],
    ["Since", since],
    ...(OURS.has(name) ? [["In nginx", "there is no such directive"]] : []),
  ];
  return [
    `## ${title(directive)}`,
    doc,
    ...(type.label === "not available" ? [] : [
      `\`\`\`yaml\n${yamlExample(directive)}\n\`\`\``,
      `\`\`\`nginx\n${nginxExample(directive)}\n\`\`\``,
    ]),
    ["| | |", "| --- | --- |", ...rows.map(([head, text]) => `| ${head} | ${text} |`)].join("\n"),
    ...(parameters === undefined ? [] : [parameterTable(parameters)]),
  ].join("\n\n");
}

/** Directives that nginx does not have. */
const OURS: ReadonlySet<string> = new Set([
  "admin",
  "buffer_memory",
  "shed_load",
  "temp_disk",
  "balance",
  "handler",
  "handler_timeout",
  "mirror_limit",
  "max_connections_per_address",
  "client_body_min_rate",
  "send_min_rate",
]);

function parameterTable(parameters: Table): string {
  const rows = Object.values(parameters).map(({ name, type, defaultText, doc }) => {
    const byDefault = defaultText === undefined ? "" : `\`${defaultText}\``;
    return `| \`${name}\` | ${cell(type.label)} | ${byDefault} | ${cell(doc)} |`;
  });
  return ["| Parameter | Value | Default | |", "| --- | --- | --- | --- |", ...rows].join("\n");
}

/** nginx's name alone may be that of two directives: in a server and in an upstream. */
function title({ name, contexts }: Directive<unknown>): string {
  return contexts[0] === "upstream" ? `${name} (upstream)` : name;
}

function anchor(heading: string): string {
  return heading.toLowerCase().replace(/[^\w -]/g, "").replaceAll(" ", "-");
}

/** In the levels that it stands in. */
function yamlExample(directive: Directive<unknown>): string {
  const path = directive.yaml.split(".");
  const lines = path.map((key, level) => `${"  ".repeat(level)}${key}:`);
  return `${lines.join("\n")} ${exampleText(directive, "yaml")}`;
}

/** A statement a line. */
function nginxExample(directive: Directive<unknown>): string {
  const text = exampleText(directive, "nginx");
  const problems = new Problems({ fileName: directive.name, text });
  return printNginx(parseNginx(problems, ".", undefined).map(lineOf)).trimEnd();
}

function lineOf({ name, args, block }: Statement): Line {
  const line = { name: name.text, args: args.map(({ text }) => text) };
  return block === undefined ? line : { ...line, block: block.map(lineOf) };
}

/** A value as one may write it: in YAML what follows the key, in nginx.conf whole statements. */
export function exampleText(
  { name, example, defaultText, type }: Directive<unknown>,
  syntax: "yaml" | "nginx",
): string {
  const text = example?.[syntax] ?? defaultText ?? `<${type.label}>`;
  if (syntax === "yaml" || /[;}]$/.test(text)) return text;
  return text === "" ? `${name};` : `${name} ${text};`;
}

/** In a table's cell a bar has to be escaped. */
function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

const PLACES: Readonly<Record<Context, string>> = {
  main: "top level",
  events: "top level (nginx: `events`)",
  http: "top level (nginx: `http`)",
  upstream: "upstream",
  server: "server",
  location: "location",
  server_if: "`if` in a server",
  location_if: "`if` in a location",
  limit_except: "`limit_except`",
  peer: "peer",
  listen: "listen",
  access_log: "access_log",
  error_log: "error_log",
  log_format: "log_format",
  open_log_file_cache: "open_log_file_cache",
  return: "return",
  resolver: "resolver",
  admin: "admin",
  limit_req_zone: "limit_req_zone",
  limit_conn_zone: "limit_conn_zone",
  limit_req: "limit_req",
  limit_conn: "limit_conn",
};

function places(contexts: readonly Context[]): string {
  return contexts.map((context) => PLACES[context]).join(", ");
}
