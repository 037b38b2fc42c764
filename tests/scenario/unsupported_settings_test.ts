/** What a directive of nginx asks for and the runtime cannot do is said at the start, and not passed over. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { tempDir } from "../support/program.ts";
import { runSluice, startSluice } from "../support/sluice.ts";

/** Statements of `http`, but for `main`, and what is said of them. */
const REFUSED: readonly (readonly [statement: string, words: string])[] = [
  ["proxy_send_lowat 1k;", "need 0 (the runtime has no SO_SNDLOWAT)"],
  [
    "proxy_ssl_ciphers HIGH;",
    "the runtime chooses among its own ciphers, all of them forward secret",
  ],
  ["proxy_ssl_conf_command Options x;", "the runtime has no OpenSSL that could be given commands"],
  ["proxy_ssl_crl a.pem;", "the runtime does not look at lists of revoked certificates"],
  ["proxy_ssl_password_file a.txt;", "keys with a password are not supported"],
  ["proxy_ssl_session_reuse on;", "the runtime resumes no TLS sessions"],
  // Whose effect shows in memory and system calls alone.
  ["proxy_busy_buffers_size 1;", 'Cannot set proxy_busy_buffers_size to "1": need a size'],
  ["proxy_temp_file_write_size 1;", 'Cannot set proxy_temp_file_write_size to "1": need a size'],
  ["gzip_buffers some 8k;", 'Cannot set gzip_buffers to "some"'],
  ["gunzip_buffers 16 some;", 'Cannot set gunzip_buffers to "some"'],
];
const DAEMON = "off: the process that is started is the server itself, and a supervisor keeps it";

Deno.test("check: all that cannot be done is said, of each directive in its line", async () => {
  await using dir = await tempDir();
  const path = `${dir.path}/nginx.conf`;
  const statements = REFUSED.map(([statement]) => `  ${statement}`).join("\n");
  const rest = "server { listen 127.0.0.1:0; return 204; }";
  await Deno.writeTextFile(path, `daemon on;\nevents { }\nhttp {\n${statements}\n  ${rest}\n}\n`);

  const { code, stderr } = await runSluice(["check", "-c", path]);

  assertEquals(code, 1);
  assertStringIncludes(stderr, DAEMON);
  for (const [at, [, words]] of REFUSED.entries()) {
    const place = new RegExp(`nginx\\.conf:${at + 4}:\\d+: .*`).exec(stderr)?.[0] ?? "";
    assertStringIncludes(place, words);
  }
  assertEquals(stderr.match(/nginx\.conf:\d+:\d+: /g)?.length, REFUSED.length + 1);
});

Deno.test("-t -e: what is wrong is in that log too, but for stderr, where it is printed", async () => {
  await using dir = await tempDir();
  const path = `${dir.path}/nginx.conf`;
  await Deno.writeTextFile(path, "evnts { }\n");
  for (const log of [`${dir.path}/error.log`, "stderr"]) {
    const { code, stderr } = await runSluice(["-t", "-c", path, "-e", log, "-p", dir.path]);
    assertEquals(code, 1);
    assertStringIncludes(stderr, 'unknown directive "evnts"');
  }
  assertMatch(
    await Deno.readTextFile(`${dir.path}/error.log`),
    /\[emerg\] .*unknown directive "evnts"/,
  );
  const names = [...Deno.readDirSync(dir.path)].map(({ name }) => name);
  assertEquals(names.toSorted(), ["error.log", "nginx.conf"]);
});

Deno.test("worker_rlimit_nofile: a process that may open fewer files does not start", async () => {
  await using dir = await tempDir();
  const path = `${dir.path}/sluice.yaml`;
  await Deno.writeTextFile(
    path,
    'worker_rlimit_nofile: 999999999\nservers: [{ listen: "127.0.0.1:1", return: 204 }]\n',
  );

  const { code, stderr } = await runSluice(["run", "-c", path]);

  assertEquals(code, 1);
  assertStringIncludes(
    stderr,
    "Cannot set worker_rlimit_nofile to 999999999: the process may open",
  );
});

Deno.test("user: root is told how to start as that user, anybody else that it has no effect", async () => {
  const yaml = 'user: nobody\nservers: [{ listen: "127.0.0.1:0", return: 204 }]\n';
  if (Deno.uid() === 0) {
    await using dir = await tempDir();
    await Deno.writeTextFile(`${dir.path}/sluice.yaml`, yaml);
    const { code, stderr } = await runSluice(["run", "-c", `${dir.path}/sluice.yaml`]);
    assertEquals(code, 1);
    assertStringIncludes(stderr, 'Cannot become user "nobody": a process in Deno keeps its user');
  } else {
    await using sluice = await startSluice(yaml);
    await sluice.program.waitForLine(/the "user" directive makes sense only if the process runs/);
  }
});
