/**
 * The files that the configurations serve.
 *
 * @module
 */
import { gzipSync } from "node:zlib";

const MODIFIED = new Date("2026-11-02T10:00:00Z");

/** No number in it is as long as a port is, which answers are freed of. */
const MIB = Array.from(
  { length: 1 << 16 },
  (_, line) => `line ${line.toString(36)}`.padEnd(15) + "\n",
).join("");

/** By path below the folder; their contents. */
const FILES: Readonly<Record<string, string | Uint8Array>> = {
  "site/index.html": `<!doctype html>\n${"<p>home</p>\n".repeat(60)}`,
  "site/page.html": "<!doctype html>\n<p>short</p>\n",
  "site/a b.html": "<p>blank</p>\n",
  "site/gr\u00fc\u00dfe.html": "<p>gr\u00fc\u00dfe</p>\n",
  "site/style.css": "p { color: black }\n".repeat(50),
  "site/style.css.gz": gzipSync("p { color: black }\n".repeat(50)),
  "site/assets/app.css": "b { color: red }\n".repeat(40),
  "site/assets/app.js": "let a = 1;\n".repeat(100),
  "site/assets/app.js.gz": gzipSync("let a = 1;\n".repeat(100)),
  "site/assets/logo.svg": `<svg xmlns="http://www.w3.org/2000/svg">${"<g/>".repeat(90)}</svg>\n`,
  "site/errors/404.html": "<p>Nothing here</p>\n",
  "site/private/x": "secret\n",
  "site/.git/config": "secret\n",
  "site/downloads/big.bin": MIB,
  "site/downloads/empty.bin": "",
  "site/folder/index.html": "<p>folder</p>\n",
  "site/folder/more.html": "<p>more</p>\n",
  "manual/guide.txt": "Read me.\n".repeat(200),
  "manual/A & B <1>.txt": "odd name\n",
  "manual/sub/index.html": "<p>sub</p>\n",
  "manual/sub2/a.txt": "a\n",
  "app/index.html": "<!doctype html><div id=app></div>\n",
  "app/static/app.js": "let app;\n",
  "app/deep/er/path.html": "<p>deep</p>\n",
  "maintenance/maintenance.html": "<h1>Back soon</h1>\n",
  "maintenance/images/logo.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>\n",
  "maintenance/robots.txt": "not this\n",
};

/** Writes them below a folder, all with the same time. */
export function writeSite(folder: string): void {
  for (const [path, content] of Object.entries(FILES)) {
    const full = `${folder}/${path}`;
    Deno.mkdirSync(full.slice(0, full.lastIndexOf("/")), { recursive: true });
    if (typeof content === "string") Deno.writeTextFileSync(full, content);
    else Deno.writeFileSync(full, content);
    Deno.utimeSync(full, MODIFIED, MODIFIED);
  }
  for (const name of ["manual/sub", "manual/sub2"]) {
    Deno.utimeSync(`${folder}/${name}`, MODIFIED, MODIFIED);
  }
}

/** `ann`, whose password is `secret`, and `bob`, whose is another: as `openssl passwd -apr1` writes them. */
export const HTPASSWD = "ann:{PLAIN}secret\nbob:$apr1$abcdefgh$Lf7XgyNRSp3Y8vTMkkXXP.\n";
