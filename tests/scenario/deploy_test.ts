/** What is in deploy/ beside the manual: the examples are right, and the image has all that it runs. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { parse } from "@std/yaml";
import { convertConf, readConf } from "../../src/config/mod.ts";
import { runProgram } from "../../src/control/commands.ts";
import { configFiles } from "../../src/control/config_files.ts";
import { RequestQueue } from "../../src/control/life_requests.ts";
import { isGranted } from "../../src/control/permissions.ts";
import { start } from "../../src/control/workers.ts";
import { isKnownVariable } from "../../src/http/variables.ts";
import { Program, tempDir } from "../support/program.ts";
import { SHIPPED_V8_FLAGS } from "../support/shipped_flags.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

/** Checks a configuration as an operator does. */
async function check(path: string): Promise<void> {
  const said: string[] = [];
  const status = await runProgram(["check", "-c", path], {
    version: "0.0.0",
    startServer: start,
    readFile: (path) => Deno.readTextFile(path),
    requests: new RequestQueue(),
    isGranted,
    facts: { userId: undefined, openFilesMax: undefined },
    out: (line) => said.push(line),
    err: (line) => said.push(line),
  });
  assertEquals([status, said], [0, [`sluice: the configuration ${path} is fine`]]);
}

for (const { name } of Deno.readDirSync(`${ROOT}deploy/examples`)) {
  Deno.test(`deploy/examples/${name} is a right configuration`, () =>
    check(`${ROOT}deploy/examples/${name}`));

  Deno.test(`deploy/examples/${name} says the same as nginx.conf, and in YAML again`, () => {
    const path = `${ROOT}deploy/examples/${name}`;
    const options = { isKnownVariable, files: configFiles };
    const own = readConf(Deno.readTextFileSync(path), path, options);
    const nginx = readConf(convertConf(own), path.replace(/yaml$/, "conf"), options);
    assertEquals(nginx.syntax, "nginx");
    assertEquals(nginx.conf, own.conf);
    assertEquals(readConf(convertConf(nginx), path, options).conf, own.conf);
  });
}

Deno.test("the configurations within compose.yaml and kubernetes.yaml are right", async () => {
  await using dir = await tempDir();
  const compose = parse(read("compose.yaml"));
  const map = parse(read("kubernetes.yaml").split("\n---\n", 1)[0] ?? "");
  const texts = [at(compose, "configs", "sluice", "content"), at(map, "data", "sluice.yaml")];
  for (const [number, text] of texts.entries()) {
    const path = `${dir.path}/${number}.yaml`;
    await Deno.writeTextFile(path, String(text));
    await check(path);
  }
});

Deno.test("the Dockerfile copies all that the program needs, and its flags are enough", async () => {
  await using dir = await tempDir();
  const dockerfile = read("Dockerfile");
  for (const [, files = "", target = ""] of dockerfile.matchAll(/^COPY (.+) (\S+)$/gm)) {
    const from = files.split(" ").map((file) => `${ROOT}${file}`);
    // What ends in a slash is a folder, of which the content is copied.
    const sources = from.map((file) => file.endsWith("/") ? `${file}.` : file);
    await Deno.mkdir(`${dir.path}/${target}`, { recursive: true });
    await output("cp", ["-r", ...sources, `${dir.path}/${target}`]);
  }
  const [, entry = "[]"] = /^ENTRYPOINT (\[.*\])$/m.exec(dockerfile) ?? [];
  const [deno, ...args] = JSON.parse(entry) as string[];
  assertEquals(deno, "deno");
  await using program = new Program({
    command: Deno.execPath(),
    args: [...args, "run", "--listen", "127.0.0.1:0"],
    cwd: dir.path,
  });
  await program.waitForLine(/^sluice: listening on /);
  const [, signal = ""] = /^STOPSIGNAL (\w+)$/m.exec(dockerfile) ?? [];
  assertEquals(await program.stop(signal as Deno.Signal), { code: 0, signal: null });
});

Deno.test("the unit's and logrotate's signals are those that the program has", () => {
  const unit = read("sluice.service");
  assertStringIncludes(unit, "ExecReload=/bin/kill -HUP $MAINPID");
  assertStringIncludes(unit, "KillSignal=SIGQUIT");
  assertStringIncludes(read("sluice.logrotate"), "kill -USR2");
});

Deno.test("the image and the unit set the flags of V8 that deno task start does", () => {
  assertStringIncludes(read("Dockerfile"), `"--v8-flags=${SHIPPED_V8_FLAGS}"`);
  assertStringIncludes(read("sluice.service"), ` --v8-flags=${SHIPPED_V8_FLAGS} `);
});

function read(name: string): string {
  return Deno.readTextFileSync(`${ROOT}deploy/${name}`);
}

function at(value: unknown, ...keys: readonly string[]): unknown {
  return keys.reduce<unknown>(
    (part, key) => typeof part === "object" && part !== null ? Reflect.get(part, key) : undefined,
    value,
  );
}

async function output(command: string, args: readonly string[]): Promise<void> {
  await using program = new Program({ command, args });
  assertEquals((await program.exited).code, 0);
}
