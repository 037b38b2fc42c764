/** The program with an nginx.conf in several files. */
import { assert, assertEquals } from "@std/assert";
import { exchange, getRequest } from "../support/client.ts";
import { okResponse, respondWith } from "../support/origin.ts";
import { tempDir } from "../support/program.ts";
import { runSluice, startSluice } from "../support/sluice.ts";

/** An nginx.conf with a server in a file of its own. */
function write(dir: string, address: string): string {
  Deno.mkdirSync(`${dir}/sites`);
  Deno.writeTextFileSync(`${dir}/proxy.conf`, 'proxy_set_header Connection "";\n');
  Deno.writeTextFileSync(
    `${dir}/sites/a.conf`,
    `server {
      listen 127.0.0.1:0;
      location /a { include proxy.conf; proxy_pass http://${address}; }
      location ~ ^/b(?<rest>/.*)$ { return 200 "rest is $rest\\n"; }
    }\n`,
  );
  return "worker_processes 1;\nevents { use epoll; }\n" +
    "http {\n  access_log off;\n  sendfile on;\n  include sites/*.conf;\n}\n";
}

Deno.test("an nginx.conf runs as it is, with all that it includes", async () => {
  await using origin = await respondWith(okResponse("hello"));
  await using sluice = await startSluice((dir) => write(dir, origin.address), {
    fileName: "nginx.conf",
  });
  assertEquals((await exchange(sluice.address, getRequest("/a"))).bodyText, "hello");
  assertEquals((await exchange(sluice.address, getRequest("/b/c"))).bodyText, "rest is /c\n");
});

Deno.test("what convert makes of an nginx.conf runs too, and so does what it makes of that", async () => {
  await using origin = await respondWith(okResponse("hello"));
  await using dir = await tempDir();
  let path = `${dir.path}/nginx.conf`;
  await Deno.writeTextFile(path, write(dir.path, origin.address));
  for (const name of ["sluice.yaml", "again.conf"]) {
    const { code, stdout } = await runSluice(["convert", path]);
    assertEquals(code, 0);
    path = `${dir.path}/${name}`;
    await Deno.writeTextFile(path, stdout);
    await using sluice = await startSluice(stdout, { fileName: name });
    assertEquals((await exchange(sluice.address, getRequest("/a"))).bodyText, "hello");
    assertEquals((await exchange(sluice.address, getRequest("/b/c"))).bodyText, "rest is /c\n");
  }
});

Deno.test("-T prints every file that was read, each under its name", async () => {
  await using dir = await tempDir();
  const path = `${dir.path}/nginx.conf`;
  await Deno.writeTextFile(path, write(dir.path, "127.0.0.1:1"));
  const { code, stdout } = await runSluice(["-T", "-c", path]);
  assertEquals(code, 0);
  const names = stdout.split("\n").filter((line) => line.startsWith("# configuration file "));
  assertEquals(names, [
    `# configuration file ${path}:`,
    `# configuration file ${dir.path}/sites/a.conf:`,
    `# configuration file ${dir.path}/proxy.conf:`,
  ]);
});

Deno.test("a mistake in an included file is told with that file's name, line and column", async () => {
  await using dir = await tempDir();
  const path = `${dir.path}/nginx.conf`;
  await Deno.writeTextFile(path, write(dir.path, "127.0.0.1:1"));
  const site = `${dir.path}/sites/b.conf`;
  await Deno.writeTextFile(site, "server {\n  lisen 80;\n}\n");
  const { code, stderr } = await runSluice(["check", "-c", path]);
  assertEquals(code, 1);
  const expected = `${site}:2:3: unknown directive "lisen" in ${site}:2; did you mean "listen"?\n` +
    " 2 |   lisen 80;\n   |   ^~~~~";
  assert(stderr.includes(expected), stderr);
});
