/** The life of the process: signals, the pid file, rotated logs, what nginx's scripts expect. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { connect, exchange, getRequest } from "../support/client.ts";
import { eventually } from "../support/in_process.ts";
import { runSluice, type Sluice, startSluice } from "../support/sluice.ts";

function conf(dir: string, text: string, main = ""): string {
  return `
log: { access: { path: ${dir}/access.log }, error: { path: ${dir}/error.log, level: notice } }
pid: ${dir}/sluice.pid
${main}
servers:
  - { listen: "127.0.0.1:0", locations: { /: { return: "200 ${text}" } } }
`;
}

const start = (text: string, main = ""): Promise<Sluice> =>
  startSluice((dir) => conf(dir, text, main));

async function errorLine(sluice: Sluice, pattern: RegExp): Promise<void> {
  await eventually(
    () => `${pattern} in the error log:\n${sluice.readLog("error.log").join("\n")}`,
    () => sluice.readLog("error.log").some((line) => pattern.test(line)),
  );
}

/** What the error log says, without times and numbers. */
function messages(sluice: Sluice): string[] {
  return sluice.readLog("error.log")
    .map((line) => line.replace(/^\S+ \S+ (\[\w+\]) \d+#0: /, "$1 "))
    .map((line) => line.replaceAll(String(sluice.pid), "PID").replace(/\d+\.\d+\.\d+/, "VERSION"));
}

async function bodyFrom(sluice: Sluice): Promise<string> {
  return (await exchange(sluice.address, getRequest())).bodyText;
}

function fileExists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

Deno.test("SIGHUP: the file is read again, and the error log tells it in nginx's words", async () => {
  await using sluice = await start("old");
  await Deno.writeTextFile(sluice.configPath, conf(sluice.dir, "new"));
  sluice.program.kill("SIGHUP");
  await errorLine(sluice, /exiting$/);
  assertEquals(await bodyFrom(sluice), "new");
  assertEquals(await sluice.program.stop("SIGQUIT"), { code: 0, signal: null });
  assertEquals(messages(sluice), [
    "[notice] sluice/VERSION",
    "[notice] start worker process PID",
    "[notice] signal 1 (SIGHUP) received, reconfiguring",
    "[notice] reconfiguring",
    "[notice] gracefully shutting down",
    "[notice] exiting",
    "[notice] start worker process PID",
    "[notice] signal 3 (SIGQUIT) received, shutting down",
    "[notice] gracefully shutting down",
    "[notice] exiting",
    "[notice] worker process PID exited with code 0",
    "[notice] exit",
  ]);
});

Deno.test("SIGHUP with a file that is wrong: the old configuration stays, and the error log says what is wrong", async () => {
  await using sluice = await start("old");
  await Deno.writeTextFile(sluice.configPath, conf(sluice.dir, "new", "worker_conections: 5"));
  sluice.program.kill("SIGHUP");
  await errorLine(sluice, /\[emerg\] .*sluice\.yaml:4:1: .*did you mean "worker_connections"\?$/);
  await errorLine(sluice, /\[notice\] .*the configuration that is in force stays$/);
  assertEquals(await bodyFrom(sluice), "old");

  await Deno.remove(sluice.configPath);
  sluice.program.kill("SIGHUP");
  await errorLine(sluice, /\[emerg\] .*Cannot read .*sluice\.yaml: there is no such file/);
  assertEquals(await bodyFrom(sluice), "old");

  await Deno.writeTextFile(sluice.configPath, conf(sluice.dir, "right"));
  sluice.program.kill("SIGHUP");
  await errorLine(sluice, /exiting$/);
  assertEquals(await bodyFrom(sluice), "right");
});

Deno.test("pid: the file is there while everything listens, and gone at the end", async () => {
  await using sluice = await start("ok");
  assertEquals(Deno.readTextFileSync(`${sluice.dir}/sluice.pid`), `${sluice.pid}\n`);
  assertEquals((await sluice.stop()).code, 0);
  assertEquals(fileExists(`${sluice.dir}/sluice.pid`), false);
});

Deno.test("pid: one of a process that runs is an error which names it; one that was left behind is replaced", async () => {
  await using sluice = await start("ok");
  const second = await runSluice(["run", "-c", sluice.configPath]);
  assertEquals([second.code, second.stderr], [
    1,
    `sluice: Cannot use the pid file ${sluice.dir}/sluice.pid: ` +
    `process ${sluice.pid} has written it and is running`,
  ]);
  assertEquals(await bodyFrom(sluice), "ok");

  await sluice.program.stop("SIGKILL");
  assertEquals(fileExists(`${sluice.dir}/sluice.pid`), true);
  const gone = await runSluice(["stop", "-c", sluice.configPath]);
  assertEquals(gone.code, 1);
  assertMatch(gone.stderr, /sluice\.pid: no process that has written it is running$/);
  await using next = await startSluice(conf(sluice.dir, "next"));
  assertEquals(Deno.readTextFileSync(`${sluice.dir}/sluice.pid`), `${next.pid}\n`);
});

Deno.test("pid: a reload that names another file moves it", async () => {
  await using sluice = await start("old");
  const moved = conf(sluice.dir, "new").replace("sluice.pid", "other.pid");
  await Deno.writeTextFile(sluice.configPath, moved);
  sluice.program.kill("SIGHUP");
  await eventually("the other pid file", () => fileExists(`${sluice.dir}/other.pid`));
  await eventually("the first to go", () => !fileExists(`${sluice.dir}/sluice.pid`));
});

Deno.test("pid: a reload that cannot have its other file changes nothing", async () => {
  await using sluice = await start("old");
  const moved = conf(sluice.dir, "new").replace("sluice.pid", "no/such/other.pid");
  await Deno.writeTextFile(sluice.configPath, moved);
  sluice.program.kill("SIGHUP");
  await errorLine(
    sluice,
    /\[emerg\] .*Cannot use the pid file .*other\.pid: there is no such file/,
  );
  assertEquals(await bodyFrom(sluice), "old");
  assertEquals(fileExists(`${sluice.dir}/sluice.pid`), true);
});

Deno.test("a wrong configuration at the start: status 1, its errors are in the error log too, and there is no pid file", async () => {
  const dir = await Deno.makeTempDir({ dir: "/tmp" });
  try {
    const path = `${dir}/sluice.yaml`;
    await Deno.writeTextFile(path, conf(dir, "$nonsense"));
    const { code, stderr } = await runSluice(["-c", path, "-e", `${dir}/start.log`]);
    assertEquals(code, 1);
    assertMatch(stderr, /sluice\.yaml:6:.*\$nonsense/);
    assertMatch(
      Deno.readTextFileSync(`${dir}/start.log`),
      /^\d{4}.* \[emerg\] \d+#0: .*sluice\.yaml:6:\d+: .*\$nonsense.*\n$/,
    );
    assertEquals((await runSluice(["-c", path])).code, 1);
    assertMatch(Deno.readTextFileSync(`${dir}/error.log`), /\[emerg\] .*\$nonsense/);

    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const address = `127.0.0.1:${taken.addr.port}`;
    await Deno.writeTextFile(path, conf(dir, "ok").replace("127.0.0.1:0", address));
    assertEquals((await runSluice(["-c", path])).code, 1);
    assertMatch(
      Deno.readTextFileSync(`${dir}/error.log`),
      /\[emerg\] \d+#0: Cannot listen on .*: another program listens there already\n$/,
    );
    assertEquals(fileExists(`${dir}/sluice.pid`), false);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("nginx's habits: -t, -s reload, -s reopen, -s quit", async () => {
  await using sluice = await start("old");
  const { dir, configPath } = sluice;
  assertEquals(await runSluice(["-t", "-c", configPath]), {
    code: 0,
    signal: null,
    stdout: "",
    stderr: `sluice: the configuration file ${configPath} syntax is ok\n` +
      `sluice: configuration file ${configPath} test is successful`,
  });
  assertEquals((await runSluice(["-tqc", configPath])).stderr, "");
  assertEquals(
    (await runSluice(["-T", "-c", configPath])).stdout,
    `# configuration file ${configPath}:\n${conf(dir, "old")}`,
  );

  await Deno.writeTextFile(configPath, conf(dir, "$nonsense"));
  const failed = await runSluice(["-t", "-c", configPath]);
  assertEquals(failed.code, 1);
  assertStringIncludes(failed.stderr, `sluice: configuration file ${configPath} test failed`);
  const refused = await runSluice(["-s", "reload", "-c", configPath]);
  assertEquals(refused.code, 1, "a wrong one is not sent to be read");
  assertEquals(messages(sluice).some((line) => line.includes("SIGHUP")), false);

  await Deno.writeTextFile(configPath, conf(dir, "new"));
  assertEquals((await runSluice(["-s", "reload", "-c", configPath])).code, 0);
  await errorLine(sluice, /exiting$/);
  assertEquals(await bodyFrom(sluice), "new");
  assertEquals((await runSluice(["-s", "reopen", "--pid", `${dir}/sluice.pid`])).code, 0);
  await errorLine(sluice, /reopening logs$/);
  const denied = await runSluice(["quit", "-c", configPath], [
    "--no-prompt",
    "--allow-read",
    "--allow-write",
  ]);
  assertStringIncludes(denied.stderr, `need --allow-run, or kill -QUIT ${sluice.pid}`);
  assertEquals((await runSluice(["quit", "-c", configPath])).code, 0);
  assertEquals(await sluice.program.exited, { code: 0, signal: null });
});

Deno.test("-p: relative paths start from there", async () => {
  const dir = await Deno.makeTempDir({ dir: "/tmp" });
  try {
    await Deno.writeTextFile(`${dir}/a.yaml`, conf(".", "ok"));
    const { code, stdout } = await runSluice(["check", "-p", dir, "-c", "a.yaml"]);
    assertEquals([code, stdout], [0, "sluice: the configuration a.yaml is fine"]);
    const missing = await runSluice(["check", "-p", `${dir}/no`, "-c", "a.yaml"]);
    assertEquals(missing.code, 1);
    assertMatch(missing.stderr, /^sluice: Cannot use -p .*\/no: there is no such file or folder$/);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("SIGHUP: logs that were renamed are begun anew, as in nginx", async () => {
  await using sluice = await start("ok");
  await Deno.rename(`${sluice.dir}/access.log`, `${sluice.dir}/access.log.1`);
  sluice.program.kill("SIGHUP");
  await eventually("the new file", () => fileExists(`${sluice.dir}/access.log`));
});

Deno.test("SIGUSR2: logs that were renamed are begun anew, and no line is lost or written twice", async () => {
  await using sluice = await start("ok");
  await using client = await connect(sluice.address);
  const { dir } = sluice;
  const ROUNDS = 5;
  const EACH = 200;
  for (let round = 0; round < ROUNDS; round++) {
    for (let at = 0; at < EACH; at++) {
      if (at === EACH / 2) {
        await Deno.rename(`${dir}/access.log`, `${dir}/access.log.${round}`);
        sluice.program.kill("SIGUSR2");
      }
      await client.send(getRequest(`/${round}-${at}`));
      await client.readResponse();
    }
    await eventually("the new file", () => fileExists(`${dir}/access.log`));
  }
  assertEquals((await sluice.program.stop("SIGQUIT")).code, 0);
  const names = ["access.log", ...Array.from({ length: ROUNDS }, (_, at) => `access.log.${at}`)];
  const seen = names.flatMap((name) => sluice.readLog(name)).map((line) =>
    /\/\d+-\d+/.exec(line)?.[0]
  );
  const expected = Array.from(
    { length: ROUNDS * EACH },
    (_, at) => `/${Math.floor(at / EACH)}-${at % EACH}`,
  );
  assertEquals(seen.toSorted(), expected.toSorted());
});
