/** The permissions that a configuration needs: they are enough, and each of them is needed. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { freePort } from "../support/free_ports.ts";
import { exchange, getRequest } from "../support/client.ts";
import { eventually } from "../support/in_process.ts";
import { okResponse, respondWith } from "../support/origin.ts";
import { Program, tempDir } from "../support/program.ts";
import { runSluice } from "../support/sluice.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

interface Ports {
  readonly first: number;
  readonly second: number;
}

function conf(dir: string, origin: string, { first, second }: Ports): string {
  return `pid: ${dir}/run/sluice.pid
log:
  access: { path: ${dir}/logs/access.log, buffer: 0 }
  error: { path: ${dir}/logs/error.log, level: info }
upstreams:
  app: { servers: ["${origin}", { address: "unix:${dir}/app.sock", backup: true }] }
client_body_buffer_size: 1k
client_body_temp_path: ${dir}/bodies
servers:
  - listen: ["0.0.0.0:${first}", "127.0.0.2:${second}", "unix:${dir}/in.sock"]
    locations:
      /: { proxy: { pass: "http://app", temp_path: ${dir}/temp, buffers: 4 4k } }
      /files/: { root: ${dir}/www }
      /private/:
        root: ${dir}/www
        auth_basic: closed
        auth_basic_user_file: ${dir}/users
      /stored/:
        proxy: { pass: "http://app", store: "${dir}/kept/$uri", temp_path: ${dir}/temp }
`;
}

/** A configuration, the folder that all of it is in, and the flags that it needs. */
async function prepare(
  dir: string,
  origin: string,
): Promise<{ path: string; flags: readonly string[]; ports: Ports }> {
  for (const name of ["run", "logs", "bodies", "temp", "www/files", "www/private", "kept"]) {
    await Deno.mkdir(`${dir}/${name}`, { recursive: true });
  }
  await Deno.writeTextFile(`${dir}/www/files/a.txt`, "a file");
  await Deno.writeTextFile(`${dir}/www/private/b.txt`, "a secret");
  await Deno.writeTextFile(`${dir}/users`, "me:{PLAIN}secret\n");
  const path = `${dir}/sluice.yaml`;
  const ports = { first: freePort(), second: freePort() };
  await Deno.writeTextFile(path, conf(dir, origin, ports));
  const { code, stdout, stderr } = await runSluice(["permissions", "-c", path]);
  assertEquals([code, stderr], [0, ""]);
  return { path, flags: stdout.split(" "), ports };
}

Deno.test("permissions: with what it prints everything works, and nothing more is granted", async () => {
  await using dir = await tempDir();
  await using origin = await respondWith(okResponse("x".repeat(300_000)));
  const { path, flags, ports } = await prepare(dir.path, origin.address);
  await using program = new Program({
    command: Deno.execPath(),
    args: ["run", "--quiet", "--no-prompt", ...flags, "main.ts", "run", "-c", path],
    cwd: ROOT,
  });
  await program.waitForLines(/^sluice: listening on (\S+)$/, 3);
  const first = `127.0.0.1:${ports.first}`;

  const proxied = await exchange(first, getRequest());
  assertEquals([proxied.status, proxied.body.length], [200, 300_000]);
  const body = "y".repeat(100_000);
  const posted = await exchange(
    first,
    `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  assertEquals([posted.status, posted.body.length], [200, 300_000]);
  const other = `127.0.0.2:${ports.second}`;
  assertEquals((await exchange(other, getRequest("/files/a.txt"))).bodyText, "a file");
  assertEquals((await exchange(first, getRequest("/private/b.txt"))).status, 401);
  const credentials = `Authorization: Basic ${btoa("me:secret")}`;
  const opened = await exchange(first, getRequest("/private/b.txt", credentials));
  assertEquals(opened.bodyText, "a secret");
  await exchange(first, getRequest("/stored/c"));
  await eventually("what is stored", () => sizeOf(`${dir.path}/kept/stored/c`) === 300_000);

  program.kill("SIGHUP");
  const log = (): string => Deno.readTextFileSync(`${dir.path}/logs/error.log`);
  await eventually(() => `the reload in:\n${log()}`, () => /exiting\n/.test(log()));
  assertEquals((await exchange(first, getRequest("/files/a.txt"))).bodyText, "a file");
  assertEquals(await program.stop("SIGQUIT"), { code: 0, signal: null });
  assertEquals(log().split("\n").filter((line) => /emerg|alert|crit|NotCapable/.test(line)), []);
  assertEquals(sizeOf(`${dir.path}/run/sluice.pid`), undefined);
});

Deno.test("permissions: without one of them nothing starts, and the message names the directive", async () => {
  await using dir = await tempDir();
  const { path, flags, ports } = await prepare(dir.path, "10.1.2.3:80");
  const line = (text: string): number =>
    conf(dir.path, "10.1.2.3:80", ports).split("\n").findIndex((line) => line.includes(text)) + 1;
  const at = (directive: string, text = directive): string =>
    `${directive} in ${path}:${line(text)}`;
  /** What each grant is for. */
  const expected: Readonly<Record<string, string>> = {
    "net=127.0.0.1": "Cannot be woken by a socket pair of its own",
    [`net=0.0.0.0:${ports.first}`]: `Cannot listen on 0.0.0.0:${ports.first} (${at("listen")})`,
    [`net=127.0.0.2:${ports.second}`]: `Cannot listen on 127.0.0.2:${ports.second} (${
      at("listen")
    })`,
    [`net=unix:${dir.path}/in.sock`]: `Cannot listen on unix:${dir.path}/in.sock (${at("listen")})`,
    [`read=${dir.path}/in.sock`]: `Cannot listen on unix:${dir.path}/in.sock (${at("listen")})`,
    [`write=${dir.path}/in.sock`]: `Cannot listen on unix:${dir.path}/in.sock (${at("listen")})`,
    "net=10.1.2.3:80": `Cannot connect to 10.1.2.3:80 (${at("server", "app: { servers")})`,
    [`net=unix:${dir.path}/app.sock`]: `Cannot connect to unix:${dir.path}/app.sock (${
      at("server", "app: { servers")
    })`,
    [`read=${dir.path}/app.sock`]: "Cannot connect to unix:",
    [`write=${dir.path}/app.sock`]: "Cannot connect to unix:",
    [`read=${path}`]: `Cannot read ${path}`,
    [`read=${dir.path}/run/sluice.pid`]: `Cannot read ${dir.path}/run/sluice.pid (${at("pid")})`,
    [`write=${dir.path}/run/sluice.pid`]: `Cannot write ${dir.path}/run/sluice.pid (${at("pid")})`,
    [`write=${dir.path}/logs/error.log`]: `(${at("error_log", "error: {")})`,
    [`write=${dir.path}/logs/access.log`]: `(${at("access_log", "access: {")})`,
    [`read=${dir.path}/bodies`]: `(${at("client_body_temp_path")})`,
    [`write=${dir.path}/bodies`]: `(${at("client_body_temp_path")})`,
    [`read=${dir.path}/temp`]: `(${at("proxy_temp_path", "/: { proxy")})`,
    [`write=${dir.path}/temp`]: `(${at("proxy_temp_path", "/: { proxy")})`,
    [`read=${dir.path}/www`]: `(${at("root", "/files/:")})`,
    [`read=${dir.path}/users`]: `(${at("auth_basic_user_file")})`,
    [`read=${dir.path}/kept`]: `(${at("proxy_store", "store:")})`,
    [`write=${dir.path}/kept`]: `(${at("proxy_store", "store:")})`,
  };
  const granted = flags.flatMap((flag) => {
    const [, kind = "", values = ""] = /^--allow-(\w+)=(.*)$/.exec(flag) ?? [];
    return values.split(",").map((value) => `${kind}=${value}`);
  });
  assertEquals(granted.toSorted(), Object.keys(expected).toSorted());

  // The configuration itself is read before anything of it is known.
  const without = async (...dropped: readonly string[]): Promise<readonly string[]> => {
    const less = granted.filter((grant) => !dropped.includes(grant));
    const flags = less.map((grant) => `--allow-${grant}`);
    const { code, stderr } = await runSluice(["run", "-c", path], ["--no-prompt", ...flags]);
    assertEquals(code, 1);
    return stderr.split("\n");
  };
  const others = granted.filter((grant) => grant !== `read=${path}`);
  const all = await without(...others);
  assertEquals(all.length, others.length);
  for (const grant of others) {
    const told = all.find((text) => text.endsWith(`needs --allow-${grant}`)) ?? "";
    assertMatch(told, /^sluice: Cannot /);
    assertStringIncludes(told, expected[grant]!);
  }
  const listen = `net=0.0.0.0:${ports.first}`;
  assertEquals(await without(listen), [`sluice: ${expected[listen]}: needs --allow-${listen}`]);
  assertMatch(
    (await without(`read=${path}`)).join("\n"),
    /^sluice: Cannot read .*--allow-read flag$/,
  );
});

Deno.test("permissions: names and variables need the whole network, and it says why", async () => {
  await using dir = await tempDir();
  const path = `${dir.path}/sluice.yaml`;
  await Deno.writeTextFile(
    path,
    `upstreams: { app: { servers: ["localhost:9"] } }
servers:
  - listen: 127.0.0.1:0
    locations: { /: { proxy: { pass: "http://app" } }, /v/: { proxy: { pass: "http://$arg_x" } } }
resolver: 127.0.0.1
`,
  );
  const { stdout, stderr } = await runSluice(["permissions", "-c", path]);
  assertMatch(stdout, /^--allow-net --allow-read=/);
  assertMatch(
    stderr,
    /^sluice: --allow-net to connect to whatever localhost:9 stands for \(server in .*:1\)$/m,
  );
});

function sizeOf(path: string): number | undefined {
  try {
    return Deno.statSync(path).size;
  } catch {
    return undefined;
  }
}
