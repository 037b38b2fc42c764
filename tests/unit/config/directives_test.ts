import { assert, assertEquals, assertMatch } from "@std/assert";
import { BLOCKS, DIRECTIVES, GROUPS } from "../../../src/config/directives.ts";
import { manualPages } from "../../../src/config/manual.ts";
import { DIFFERENCES } from "../../../src/config/differences.ts";

Deno.test("directives: one of each name in a context, and one at each place in YAML", () => {
  const names = new Set<string>();
  const places = new Set<string>();
  for (const { name, yaml, contexts } of [...DIRECTIVES, ...BLOCKS]) {
    assert(contexts.length > 0, name);
    const levels = new Set<string>();
    for (const context of contexts) {
      assert(!names.has(`${context} ${name}`), `${name} twice in ${context}`);
      names.add(`${context} ${name}`);
      // At the top level of YAML these are one place.
      const level = ["main", "events", "http"].includes(context) ? "top" : context;
      if (levels.has(level)) continue;
      levels.add(level);
      assert(!places.has(`${level} ${yaml}`), `${yaml} twice at ${level}`);
      places.add(`${level} ${yaml}`);
    }
  }
});

Deno.test("directives: each says in a sentence what it does, and since when", () => {
  const parameters = GROUPS.flatMap(({ parameters = {} }) =>
    Object.values(parameters).flatMap((table) => Object.values(table))
  );
  for (const { name, doc, since } of [...DIRECTIVES, ...parameters]) {
    assertMatch(doc, /^[A-Z\d`].*\.$/s, name);
    assertMatch(since, /^\d+\.\d+\.\d+$/, name);
  }
});

Deno.test("directives: proxy_x of nginx is x under proxy", () => {
  for (const { name, yaml } of DIRECTIVES) {
    if (name.startsWith("proxy_")) assertEquals(yaml, name.replace("proxy_", "proxy."));
  }
});

Deno.test("manual: a page for each group with all its directives, one of differences, and an index", () => {
  const pages = manualPages();
  const groups = GROUPS.map(({ page }) => `${page}.md`);
  const fixed = ["README.md", "differences.md", "nginx_conf.md", "admin_api.md", "metrics.md"];
  assertEquals([...pages.keys()], [...fixed, ...groups]);
  for (const [about, differences] of Object.entries(DIFFERENCES)) {
    const text = pages.get("differences.md") ?? "";
    assert(text.includes(`## ${about}`), about);
    for (const { what } of differences) assert(text.includes(what), what);
  }
  for (const { page, directives } of GROUPS) {
    const text = pages.get(`${page}.md`) ?? "";
    const titles = [...text.matchAll(/^## (\w+)/gm)].map(([, name]) => name);
    assertEquals(titles, Object.values(directives).map(({ name }) => name));
  }
  for (const { name } of DIRECTIVES) assert(pages.get("README.md")?.includes(`[${name}`), name);
});

Deno.test("manual: a directive in both spellings, with context, value, default and meaning", () => {
  const text = manualPages().get("proxy.md") ?? "";
  const start = text.indexOf("## proxy_read_timeout");
  assertEquals(
    text.slice(start, text.indexOf("\n## ", start)),
    `## proxy_read_timeout

The longest time between two reads from the peer.

\`\`\`yaml
proxy:
  read_timeout: 60s
\`\`\`

\`\`\`nginx
proxy_read_timeout 60s;
\`\`\`

| | |
| --- | --- |
| Where | top level (nginx: \`http\`), server, location |
| Value | time |
| Default | \`60s\` |
| Inherited | yes |
| Since | 0.1.0 |
`,
  );
});

Deno.test("manual: every link leads to a heading", () => {
  const pages = manualPages();
  for (
    const [, file = "", anchor = ""] of (pages.get("README.md") ?? "").matchAll(
      /\((\w+\.md)#([\w-]+)\)/g,
    )
  ) {
    const headings = [...(pages.get(file) ?? "").matchAll(/^## (.*)$/gm)].map(([, heading = ""]) =>
      heading.toLowerCase().replace(/[^\w -]/g, "").replaceAll(" ", "-")
    );
    assert(headings.includes(anchor), `${file}#${anchor}`);
  }
});
