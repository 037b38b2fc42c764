import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { gunzipSync } from "node:zlib";
import { createSocket, type Socket } from "node:dgram";
import { exchange, getRequest } from "../support/client.ts";
import { eventually, type InProcessSluice, withSluice } from "../support/in_process.ts";
import { realServerTest, startNginx } from "../support/real_servers.ts";
import { startSluice } from "../support/sluice.ts";
import { tempDir } from "../support/program.ts";
import { Tally } from "../support/within.ts";

/** Lines of a file below the test's folder; none while it is not there. */
function linesOf(path: string): string[] {
  try {
    return Deno.readTextFileSync(path).split("\n").filter((line) => line !== "");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

async function seen(path: string, ...expected: readonly string[]): Promise<void> {
  await eventually(
    () => `${expected} in ${path}: ${linesOf(path)}`,
    () => linesOf(path).length >= expected.length,
  );
  assertEquals(linesOf(path), expected);
}

async function ask(address: string, ...targets: readonly string[]): Promise<void> {
  for (const target of targets) await exchange(address, getRequest(target));
}

Deno.test("access_log: all of a level's logs are written, and an inner level's stand in their place", async () => {
  await using dir = await tempDir();
  const yaml = `
servers:
  - listen: 127.0.0.1:0
    log: { access: [{ path: ${dir.path}/one, format: test, buffer: 0 }, "${dir.path}/two test buffer=0"] }
    locations:
      /: { return: 200 }
      /own: { return: 200, log: { access: ${dir.path}/own test buffer=0 } }
      /off: { return: 200, log: { access: off } }
`;
  await withSluice(yaml, async (address) => {
    await ask(address, "/a", "/own", "/off", "/b");
    await seen(`${dir.path}/one`, "/a", "/b");
    await seen(`${dir.path}/two`, "/a", "/b");
    await seen(`${dir.path}/own`, "/own");
  }, { logFormat: "$request_uri" });
});

Deno.test("access_log if: a request for which the text is empty or 0 has no line", async () => {
  await using dir = await tempDir();
  const yaml = `
servers:
  - listen: 127.0.0.1:0
    log: { access: { path: ${dir.path}/log, format: test, buffer: 0, if: $arg_log } }
    locations: { /: { return: 200 } }
`;
  await withSluice(yaml, async (address) => {
    await ask(address, "/?log=1", "/?log=0", "/", "/?log=", "/?log=00");
    await seen(`${dir.path}/log`, "/?log=1", "/?log=00");
  }, { logFormat: "$request_uri" });
});

Deno.test("access_log gzip: what is written can be read at any time, member by member", async () => {
  await using dir = await tempDir();
  const yaml = `
servers:
  - listen: 127.0.0.1:0
    log: { access: { path: ${dir.path}/log.gz, format: test, gzip: 9, flush: 20ms } }
    locations: { /: { return: 200 } }
`;
  await withSluice(yaml, async (address) => {
    const text = () => {
      const bytes = Deno.readFileSync(`${dir.path}/log.gz`);
      return bytes.length === 0 ? "" : gunzipSync(bytes).toString();
    };
    await ask(address, "/1");
    await eventually("the first member", () => text() === "/1\n");
    await ask(address, "/2");
    await eventually("the second member", () => text() === "/1\n/2\n");
  }, { logFormat: "$request_uri" });
});

for (const cache of ["off", "max=2 inactive=1m"]) {
  Deno.test(`access_log: a path with variables names a file for each request (open_log_file_cache ${cache})`, async () => {
    await using dir = await tempDir();
    Deno.mkdirSync(`${dir.path}/logs`);
    const yaml = `
admin: 127.0.0.1:0
servers:
  - listen: 127.0.0.1:0
    log: { access: "${dir.path}/logs/$arg_who.log test", open_file_cache: ${cache} }
    locations: { /: { return: 200 } }
`;
    await withSluice(yaml, async (address, sluice) => {
      await ask(address, "/1?who=a", "/2?who=b", "/3?who=c", "/4?who=a");
      await seen(`${dir.path}/logs/a.log`, "/1?who=a", "/4?who=a");
      await seen(`${dir.path}/logs/b.log`, "/2?who=b");
      await seen(`${dir.path}/logs/c.log`, "/3?who=c");

      // Rotated: what comes later is in a new file.
      Deno.renameSync(`${dir.path}/logs/a.log`, `${dir.path}/old`);
      await sluice.server.reopenLogs();
      await ask(address, "/5?who=a");
      await seen(`${dir.path}/logs/a.log`, "/5?who=a");

      // Out of the folder, and into one that is not there: lost, told once, counted.
      await ask(address, "/?who=../out", "/?who=../out", "/?who=no/where");
      await sluice.errorLine(/\[crit\].* Cannot write the log .*its lines are lost/);
      assertEquals(sluice.errorLog.filter((line) => line.includes("Cannot write")).length, 1);
      assertEquals([...Deno.readDirSync(dir.path)].map(({ name }) => name).sort(), ["logs", "old"]);
      assertEquals(await lostLines(sluice), 3);
    }, { logFormat: "$request_uri" });
  });
}

async function lostLines(sluice: InProcessSluice): Promise<number> {
  const { workers } = await sluice.server.control.status();
  return workers.flatMap(({ logs }) => logs).reduce((sum, { linesLost }) => sum + linesLost, 0);
}

/** A syslog at a UDP port, and what it was sent. */
async function startSyslog(): Promise<{ port: number; lines: Tally<string> } & AsyncDisposable> {
  const socket: Socket = createSocket("udp4");
  const lines = new Tally<string>("line");
  socket.on("message", (bytes: Uint8Array) => lines.add(new TextDecoder().decode(bytes)));
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  return {
    port: socket.address().port,
    lines,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => socket.close(() => resolve())),
  };
}

const STAMP = "[A-Z][a-z]{2} [ \\d]\\d \\d\\d:\\d\\d:\\d\\d";

Deno.test("syslog: each line is a datagram with the facility and severity that nginx gives it", async () => {
  await using syslog = await startSyslog();
  const server = `syslog:server=127.0.0.1:${syslog.port}`;
  const yaml = `
servers:
  - listen: 127.0.0.1:0
    log:
      access: ["${server} test", "${server},facility=daemon,severity=error,tag=edge,nohostname test"]
      error: "${server} error"
    locations:
      /: { return: 200 }
      /dead: { proxy: { pass: "http://127.0.0.1:1" } }
`;
  await withSluice(yaml, async (address) => {
    await ask(address, "/a");
    assertMatch(
      await syslog.lines.nth(1),
      new RegExp(`^<190>${STAMP} ${Deno.hostname()} sluice: /a$`),
    );
    assertMatch(await syslog.lines.nth(2), new RegExp(`^<27>${STAMP} edge: /a$`));
    await ask(address, "/dead");
    const error = new RegExp(
      `^<187>${STAMP} ${Deno.hostname()} sluice: \\S+ \\S+ \\[error\\] .*refused`,
    );
    assertMatch(await syslog.lines.nth(3), error);
  }, { logFormat: "$request_uri" });
});

Deno.test("syslog: a unix socket, and one that nobody listens on holds nothing up", async () => {
  await using dir = await tempDir();
  const path = `${dir.path}/log`;
  const receiver = Deno.listenDatagram({ transport: "unixpacket", path });
  using _ = { [Symbol.dispose]: () => receiver.close() };
  const yaml = (socket: string) => `
servers:
  - listen: 127.0.0.1:0
    log: { access: "syslog:server=unix:${socket},nohostname test" }
    locations: { /: { return: 200 } }
`;
  await withSluice(yaml(path), async (address) => {
    await ask(address, "/a");
    const [bytes] = await receiver.receive();
    assertMatch(new TextDecoder().decode(bytes), new RegExp(`^<190>${STAMP} sluice: /a$`));
  }, { logFormat: "$request_uri" });
  await withSluice(yaml(`${dir.path}/nobody`), async (address, sluice) => {
    await ask(address, "/a", "/b", "/c");
    let lost = 0;
    while (lost === 0) lost = await lostLines(sluice);
  });
});

Deno.test("error_log: a location's requests tell their troubles to its own logs, at their levels", async () => {
  await using dir = await tempDir();
  const yaml = `
servers:
  - listen: 127.0.0.1:0
    log: { error: ["${dir.path}/server error", "${dir.path}/crit crit"] }
    locations:
      /: { proxy: { pass: "http://127.0.0.1:1" } }
      /own: { proxy: { pass: "http://127.0.0.1:1" }, log: { error: "${dir.path}/own" } }
`;
  await withSluice(yaml, async (address, sluice) => {
    await ask(address, "/a", "/own");
    await eventually(
      "a line each",
      () => linesOf(`${dir.path}/server`).length + linesOf(`${dir.path}/own`).length === 2,
    );
    assertStringIncludes(linesOf(`${dir.path}/server`)[0]!, '"GET /a HTTP/1.1"');
    assertStringIncludes(linesOf(`${dir.path}/own`)[0]!, '"GET /own HTTP/1.1"');
    assertEquals(linesOf(`${dir.path}/crit`), []);
    assertEquals(sluice.errorLog.filter((line) => line.includes("[error]")), []);
  });
});

Deno.test("a log on a full disk loses its lines: said once, counted, and no request waits", async () => {
  await using sluice = await startSluice(`
    admin: 127.0.0.1:0
    log: { access: { path: /dev/full, buffer: 0 }, error: stderr }
    servers: [{ listen: "127.0.0.1:0", return: "200 ok" }]
  `);
  const [match] = await sluice.program.waitForLines(/^sluice: admin listening on (\S+)$/, 1);
  for (let k = 0; k < 5; k++) {
    assertEquals((await exchange(sluice.address, getRequest())).bodyText, "ok");
  }
  const [said] = await sluice.program.waitForLines(/^sluice: Cannot write the log \/dev\/full/, 1);
  assert(said !== undefined);
  const metrics = await (await fetch(`http://${match?.[1]}/metrics`)).text();
  assertMatch(metrics, /sluice_log_lines_lost_total\{worker="0",log="\/dev\/full"\} [1-5]\n/);
  assertMatch(metrics, /sluice_log_broken\{worker="0",log="\/dev\/full"\} 1\n/);
  const told = sluice.stderr.filter((line) => line.includes("Cannot write the log"));
  assertEquals(told.length, 1);
});

realServerTest(
  "no byte of a request can forge a line: logs are escaped as nginx escapes them",
  ["nginx"],
  async () => {
    const format = '"$http_user_agent" $arg_x|$http_none|$request';
    const formats = (["default", "json", "none"] as const).map((escape) =>
      `log_format ${escape}_ escape=${escape} '${format}';`
    ).join("\n");
    const server = (port: number, dir: string) => `
      ${formats}
      server {
        listen 127.0.0.1:${port};
        access_log ${dir}/default default_;
        access_log ${dir}/json json_;
        access_log ${dir}/none none_;
        location / { return 200; }
      }`;
    await using nginx = await startNginx(([port], dir) => server(port!, dir), { ports: 1 });
    await using sluice = await startSluice(
      (dir) => `events {} http { ${server(0, dir).replaceAll("_;", "_ buffer=0;")} }`,
      { fileName: "nginx.conf" },
    );
    // All that may stand in a field's value, and in a target.
    const bytes = Array.from({ length: 255 }, (_, at) => at + 1)
      .filter((byte) => byte === 0x09 || (byte >= 0x20 && byte !== 0x7f));
    const agents = [
      ...bytes.map((byte) => `a${String.fromCharCode(byte)}b`),
      "\xc3\xa9\xe2\x82\xac",
    ];
    for (const agent of agents) {
      const request = `GET /?x=%0a"\\ HTTP/1.0\r\nUser-Agent: ${agent}\r\n\r\n`;
      const raw = Uint8Array.from(request, (character) => character.charCodeAt(0));
      for (const address of [nginx.address, sluice.address]) await exchange(address, raw);
    }
    for (const name of ["default", "json", "none"]) {
      const path = `${sluice.dir}/${name}`;
      await eventually(
        "all lines",
        () => Deno.readFileSync(path).filter((b) => b === 10).length >= agents.length,
      );
      const [ours, theirs] = [path, `${nginx.dir}/${name}`].map((path) =>
        Array.from(Deno.readFileSync(path), (byte) => String.fromCharCode(byte)).join("").split(
          "\n",
        )
      );
      assertEquals(ours!.length, theirs!.length, name);
      ours!.forEach((line, at) => {
        // Ours is JSON even where a value is no UTF-8.
        const isOurs = name === "json" && /\\u00[89a-fA-F]/.test(line);
        if (!isOurs) assertEquals(line, theirs![at], name);
        if (name === "json" && line !== "") JSON.parse(`"${line.slice(1, line.indexOf('" ', 1))}"`);
      });
    }
  },
);

Deno.test("access_log buffer and flush: lines wait for each other until they fill it, or for a time", async () => {
  await using dir = await tempDir();
  const yaml = `
servers:
  - listen: 127.0.0.1:0
    locations:
      /full: { return: 200, log: { access: "${dir.path}/full test buffer=1k flush=1h" } }
      /soon: { return: 200, log: { access: "${dir.path}/soon test buffer=64k flush=10ms" } }
`;
  const length = (name: string) => linesOf(`${dir.path}/${name}`).join("\n").length;
  await withSluice(yaml, async (address) => {
    const waitedMs: number[] = [];
    for (let at = 0; at < 20; at++) {
      await ask(address, `/full?${"x".repeat(20)}`);
      const before = length("soon");
      const startedMs = performance.now();
      await ask(address, "/soon");
      await eventually("the line", () => length("soon") > before);
      waitedMs.push(performance.now() - startedMs);
    }
    assertEquals(length("full"), 0); // 27 bytes a line
    assert(Math.min(...waitedMs) < 500, `${waitedMs}`); // by default it is a second

    await ask(address, ...Array.from({ length: 20 }, () => `/full?${"x".repeat(20)}`));
    await eventually("a full buffer", () => length("full") > 900);
  }, { logFormat: "$request_uri" });
});

/** Files below a folder that this process has open. */
function openBelow(dir: string): string[] {
  return [...Deno.readDirSync("/proc/self/fd")].flatMap(({ name }) => {
    try {
      const target = Deno.readLinkSync(`/proc/self/fd/${name}`);
      return target.startsWith(dir) ? [target.slice(dir.length + 1)] : [];
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return []; // closed meanwhile
      throw error;
    }
  }).sort();
}

/** Runs a log whose path has variables, below `logs`; what it does may take 5 s. */
async function withPathLogs(
  cache: string,
  act: (ask: (who: string) => Promise<void>, logs: string) => Promise<void>,
): Promise<void> {
  await using dir = await tempDir();
  const logs = `${dir.path}/logs`;
  Deno.mkdirSync(logs);
  const yaml = `
servers:
  - listen: 127.0.0.1:0
    log: { access: "${logs}/$arg_who test", open_file_cache: ${cache} }
    locations: { /: { return: 200 } }
`;
  await withSluice(yaml, async (address) => {
    const startedMs = performance.now();
    await act((who) => ask(address, `/?who=${who}`), logs);
    assert(performance.now() - startedMs < 5_000, "this is how it would be by default");
  }, { logFormat: "$request_uri" });
}

Deno.test("open_log_file_cache: max files stay open, those that are used", async () => {
  await withPathLogs("max=2 inactive=1h", async (ask, logs) => {
    for (const who of ["a", "b", "a", "c"]) await ask(who);
    await eventually("two open files", () => openBelow(logs).join() === "a,c");
  });
});

Deno.test("open_log_file_cache: a file that is not used for inactive is closed", async () => {
  await withPathLogs("max=2 inactive=50ms", async (ask, logs) => {
    await ask("a");
    await eventually("no open file", () => openBelow(logs).length === 0);
  });
});

for (const cache of ["max=2 inactive=1h valid=50ms", "max=2 inactive=1s min_uses=100000"]) {
  Deno.test(`open_log_file_cache: one that was moved is left, though it is in use (${cache})`, async () => {
    await withPathLogs(cache, async (ask, logs) => {
      await ask("a");
      await eventually("the line", () => linesOf(`${logs}/a`).length === 1);
      Deno.renameSync(`${logs}/a`, `${logs}/moved`);
      while (linesOf(`${logs}/a`).length === 0) await ask("a");
    });
  });
}
