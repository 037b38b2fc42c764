/** The program as it is started from a shell: what it prints, how it ends. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect, exchange, getRequest } from "../support/client.ts";
import { Program } from "../support/program.ts";
import { runSluice, startSluice } from "../support/sluice.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

const OK = (listen: string) => `
log: { access: { path: stdout } }
servers:
  - listen: ${JSON.stringify(listen)}
    locations: { /: { return: 200 ok } }
`;

/** What `deno task start` grants. */
const START = ["--no-prompt", "-P=start"];

Deno.test("run without a file: one command shows both peers, and stops cleanly", async () => {
  await using program = new Program({
    command: Deno.execPath(),
    args: ["run", "--quiet", ...START, "main.ts", "run", "--listen", "127.0.0.1:0"],
    cwd: ROOT,
  });
  const [, address = ""] = await program.waitForLine(/^sluice: listening on (127\.0\.0\.1:\d+)$/);
  await program.waitForLine(new RegExp(`curl http://${address}/$`));

  const answers = [];
  for (let n = 0; n < 4; n++) answers.push((await exchange(address, getRequest())).bodyText);
  assertEquals(answers.map((text) => text.slice(0, 6)), ["peer 1", "peer 2", "peer 1", "peer 2"]);

  assertEquals(await program.stop("SIGINT"), { code: 0, signal: null });
  assertEquals(program.stdout.length, 4, "the access log is written to the end");
  assertMatch(
    program.stdout[0] ?? "",
    /^127\.0\.0\.1 - - \[.+\] "GET \/ HTTP\/1\.1" 200 \d+ "-" "-"$/,
  );
});

for (const signal of ["SIGINT", "SIGTERM", "SIGQUIT"] as const) {
  Deno.test(`run -c: ${signal} is a clean stop, with an idle client connected`, async () => {
    await using sluice = await startSluice(OK("127.0.0.1:0"));
    await using client = await connect(sluice.address);
    await client.send(getRequest());
    assertEquals((await client.readResponse()).bodyText, "ok");
    assertEquals(await sluice.program.stop(signal), { code: 0, signal: null });
    assertEquals(sluice.stdout.length, 1);
  });
}

Deno.test("run: a port in use is one line and exit status 1", async () => {
  await using sluice = await startSluice(OK("127.0.0.1:0"));
  const { code, stdout, stderr } = await runSluice(["run", "--listen", sluice.address]);
  assertEquals([code, stdout], [1, ""]);
  assertEquals(
    stderr,
    `sluice: Cannot listen on ${sluice.address}: another program listens there already`,
  );
});

Deno.test("run: a missing file, a folder, a missing permission are one line each", async () => {
  const missing = await runSluice(["run", "-c", "no/such.yaml"]);
  assertEquals(missing, {
    code: 1,
    signal: null,
    stdout: "",
    stderr: "sluice: Cannot read no/such.yaml: there is no such file or folder",
  });
  const folder = await runSluice(["run", "-c", "/"]);
  assertEquals([folder.code, folder.stderr], [1, "sluice: Cannot read /: it is a directory"]);
  const unread = await runSluice(["run", "-c", "/etc/hosts"], START);
  assertEquals(unread.code, 1);
  assertMatch(unread.stderr, /^sluice: Cannot read .*: no permission: .*--allow-read flag$/);
  const unheard = await runSluice(["run", "--listen", "0.0.0.0:0"], START);
  assertEquals([unheard.code, unheard.stderr], [
    1,
    "sluice: Cannot listen on 0.0.0.0:0 (listen in the embedded configuration:7): " +
    "needs --allow-net=0.0.0.0:0",
  ]);
});

Deno.test("run and check: a wrong configuration is told in full, without a stack trace", async () => {
  await using sluice = await startSluice(OK("127.0.0.1:0"));
  await Deno.writeTextFile(sluice.configPath, OK("x:y:z").replace("locations", "locatoins"));
  for (const command of ["run", "check"]) {
    const { code, stdout, stderr } = await runSluice([command, "-c", sluice.configPath]);
    assertEquals([code, stdout], [1, ""]);
    assertMatch(stderr, /sluice\.yaml:4:.*x:y:z/);
    assertMatch(stderr, /sluice\.yaml:5:.*did you mean "locations"/);
    assert(!stderr.includes("    at "), stderr);
  }
});

Deno.test("check: the right file and the embedded one are fine", async () => {
  await using sluice = await startSluice(OK("127.0.0.1:0"));
  const file = await runSluice(["check", "-c", sluice.configPath]);
  assertEquals([file.code, file.stdout], [
    0,
    `sluice: the configuration ${sluice.configPath} is fine`,
  ]);
  const embedded = await runSluice(["check"]);
  assertEquals([embedded.code, embedded.stdout], [0, "sluice: the embedded configuration is fine"]);
});

Deno.test("--help and --version print, a wrong flag is exit status 2", async () => {
  assertMatch((await runSluice(["--help"])).stdout, /^Sluice, an edge reverse proxy\n/);
  assertMatch((await runSluice(["--version"])).stdout, /^sluice \d+\.\d+\.\d+$/);
  const wrong = await runSluice(["run", "--lisen=8081"]);
  assertEquals(wrong.code, 2);
  assertMatch(wrong.stderr, /did you mean --listen\?/);
});
