/** What is wrong with an nginx.conf, in the words that a real nginx has for it, and at its lines. */
import { assert } from "@std/assert";
import { ConfigError, readConf } from "../../src/config/mod.ts";
import { configFiles } from "../../src/control/config_files.ts";
import { isKnownVariable } from "../../src/http/variables.ts";
import { tempDir } from "../support/program.ts";
import { need, realServerTest } from "../support/real_servers.ts";

/** Each with one mistake. `DIR` is where the file is. */
const MISTAKES: readonly string[] = [
  "events { }\nhttp {\n  proxy_pas http://a;\n}\n",
  "events { }\nhttp {\n  proxy_pass http://127.0.0.1:1;\n}\n",
  "events { }\nhttp { }\nserver { }\n",
  "worker_connections 5;\nevents { }\nhttp { }\n",
  "events { }\nhttp {\n  server {\n    location / { worker_processes 1; }\n  }\n}\n",
  "events { }\nhttp {\n  keepalive_requests 1 2;\n}\n",
  "events { }\nhttp {\n  proxy_set_header A;\n}\n",
  "events { }\nhttp {\n  server { listen; }\n}\n",
  "events { }\nhttp {\n  server { location { } }\n}\n",
  "events { }\nhttp {\n  upstream { server 127.0.0.1:1; }\n}\n",
  "events { }\nhttp {\n  send_timeout 1s;\n  send_timeout 2s;\n}\n",
  "events { }\nhttp { }\nhttp { }\n",
  "events { }\nhttp {\n  server { internal; }\n}\n",
  "events { }\nhttp {\n  server { location / { internal yes; } }\n}\n",
  "events { }\nhttp {\n  send_timeout 1s { }\n}\n",
  "events { }\nhttp {\n  server;\n}\n",
  "events { }\nhttp {\n  send_timeout 1s\n}\n",
  "events { }\nhttp {\n",
  "events { }\nhttp { }\n}\n",
  "events { }\n;\nhttp { }\n",
  "events { }\nhttp {\n  {\n  }\n}\n",
  'events { }\nhttp {\n  send_timeout "1s"x;\n}\n',
  "events { }\nhttp {\n  include none.conf;\n}\n",
  "events { }\nhttp {\n  include bad.conf;\n}\n",
  "events { }\nhttp {\n  include a b;\n}\n",
  "events { }\nhttp {\n  server { location / { if ($host) { listen 80; } } }\n}\n",
  "events { }\nhttp {\n  server { location / { limit_except GET { proxy_buffering on; } } }\n}\n",
  "events { use; }\nhttp { }\n",
  "events { }\nhttp {\n  types { text/html html }\n}\n",
];

realServerTest("configuration errors: nginx's words, file and line", ["nginx"], async () => {
  await using dir = await tempDir();
  const path = `${dir.path}/nginx.conf`;
  await Deno.writeTextFile(`${dir.path}/bad.conf`, "# fine\n\nsend_timeuot 5s;\n");
  for (const text of MISTAKES) {
    await Deno.writeTextFile(path, text);
    const expected = await wordsOfNginx(path, dir.path);
    const found = problemsOf(text, path);
    assert(
      found.some((message) => message.startsWith(expected)),
      [
        text,
        `nginx: ${expected}`,
        ...found.map((message) => `Sluice: ${message}`),
      ].join("\n"),
    );
  }
});

/** What `nginx -t` says is wrong. */
async function wordsOfNginx(path: string, dir: string): Promise<string> {
  const { stderr } = await new Deno.Command(need("nginx"), {
    args: ["-t", "-p", dir, "-c", path, "-e", "stderr", "-g", `pid ${dir}/pid;`],
    stdout: "null",
    stderr: "piped",
  }).output();
  const text = new TextDecoder().decode(stderr);
  const [, words] = /\[emerg\](?: \d+#\d+:)? (.*)$/m.exec(text) ?? [];
  if (words === undefined) throw new Error(`nginx finds nothing wrong:\n${text}`);
  return words;
}

function problemsOf(text: string, path: string): readonly string[] {
  try {
    readConf(text, path, { isKnownVariable, files: configFiles });
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(({ message }) => message);
  }
}
