/** Real programs on both sides: nginx as the origin, curl as the client. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { exchange, getRequest } from "../support/client.ts";
import { eventually, inFrontOf, withSluice } from "../support/in_process.ts";
import { tempDir } from "../support/program.ts";
import { curl, type Nginx, realServerTest, startNginx } from "../support/real_servers.ts";

const MB_50 = 50 << 20;

/** An nginx that serves files, takes uploads, and says who it is. */
function startOriginNginx(files: Readonly<Record<string, Uint8Array>> = {}): Promise<Nginx> {
  return startNginx(
    ([port], dir) => `
      server {
        listen 127.0.0.1:${port};
        root ${dir}/www;
        client_max_body_size 0;
        keepalive_requests 10000;
        location = /hello { return 200 "hello from nginx\\n"; }
        location = /upload {
          client_body_in_file_only on;
          client_body_temp_path ${dir}/up;
          proxy_pass http://127.0.0.1:${port}/hello;
          proxy_set_body off;
          proxy_method GET;
          add_header X-File $request_body_file always;
        }
      }`,
    { files: { "www/index.html": "index", ...files } },
  );
}

async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new Uint8Array(bytes));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function randomBytes(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  return bytes;
}

realServerTest(
  "50 MB pass down unchanged, with and without buffering",
  ["nginx", "curl"],
  async () => {
    const file = randomBytes(MB_50);
    const expected = await sha256(file);
    await using nginx = await startOriginNginx({ "www/big": file });
    for (const buffering of ["on", "off"]) {
      await withSluice(inFrontOf(nginx, { proxy: `buffering: ${buffering}` }), async (address) => {
        const { code, status, body } = await curl(`http://${address}/big`);
        assertEquals([code, status, body.length], [0, 200, MB_50]);
        assertEquals(await sha256(body), expected);
      });
    }
  },
);

realServerTest("50 MB pass up unchanged, by length and chunked, streamed and buffered", [
  "nginx",
  "curl",
], async () => {
  await using dir = await tempDir();
  const file = randomBytes(MB_50);
  const expected = await sha256(file);
  await Deno.writeFile(`${dir.path}/big`, file);
  await using nginx = await startOriginNginx();
  for (const buffering of ["on", "off"]) {
    const settings = {
      proxy: `request_buffering: ${buffering}`,
      server: "client_max_body_size: 0",
    };
    await withSluice(inFrontOf(nginx, settings), async (address) => {
      for (const extra of [[], ["-H", "Transfer-Encoding: chunked"]]) {
        const { code, status, head } = await curl(
          "-T",
          `${dir.path}/big`,
          ...extra,
          `http://${address}/upload`,
        );
        assertEquals([code, status], [0, 200]);
        const path = /^X-File: (.*?)\r?$/m.exec(head)?.[1] ?? "";
        assertEquals(await sha256(await Deno.readFile(path)), expected, buffering);
        await Deno.remove(path);
      }
    });
  }
});

realServerTest(
  "curl: keepalive, HEAD, HTTP/1.0 and Expect work through Sluice",
  ["nginx", "curl"],
  async () => {
    await using nginx = await startOriginNginx();
    await withSluice(inFrontOf(nginx), async (address, sluice) => {
      const url = `http://${address}/hello`;
      for (let n = 0; n < 3; n++) assertEquals((await curl(url)).status, 200);
      assertEquals((await curl("-I", url)).status, 200);
      assertEquals((await curl("--http1.0", url)).bodyText, "hello from nginx\n");
      const expecting = await curl(
        "-d",
        "x=1",
        "-H",
        "Expect: 100-continue",
        `http://${address}/upload`,
      );
      assertEquals(expecting.status, 200);
      assertMatch(expecting.head, /^HTTP\/1\.1 100 Continue/);
      assertEquals((await curl(`http://${address}/nothing`)).status, 404);
      await sluice.rest();
      assertEquals(sluice.stats().idle, 1); // all of them over one connection to nginx
    });
  },
);

realServerTest(
  "a stopped nginx (SIGSTOP) is 504 within read_timeout, and works again after SIGCONT",
  ["nginx"],
  async () => {
    await using nginx = await startOriginNginx();
    await withSluice(
      inFrontOf(nginx, { proxy: "read_timeout: 200ms" }),
      async (address, sluice) => {
        assertEquals((await exchange(address, getRequest("/hello"))).status, 200);
        const worker = await workerOf(nginx);
        Deno.kill(worker, "SIGSTOP");
        try {
          assertEquals((await exchange(address, getRequest("/hello"))).status, 504); // on the kept connection
          assertEquals((await exchange(address, getRequest("/hello"))).status, 504); // on a new one
          await sluice.errorLine(/upstream timed out/);
        } finally {
          Deno.kill(worker, "SIGCONT");
        }
        assertEquals((await exchange(address, getRequest("/hello"))).status, 200);
      },
    );
  },
);

realServerTest(
  "a killed nginx (SIGKILL) is 502, and a restarted one works at once",
  ["nginx"],
  async () => {
    let nginx = await startOriginNginx();
    const { ports } = nginx;
    try {
      await withSluice(inFrontOf(nginx), async (address, sluice) => {
        assertEquals((await exchange(address, getRequest("/hello"))).status, 200);
        const worker = await workerOf(nginx);
        nginx.program.kill("SIGKILL");
        Deno.kill(worker, "SIGKILL");
        await nginx.program.exited;
        await eventually("the kept connection to be dropped", () => sluice.stats().idle === 0);
        assertEquals((await exchange(address, getRequest("/hello"))).status, 502);
        await sluice.errorLine(/connect\(\) failed/);
        await nginx[Symbol.asyncDispose]();
        nginx = await startNginx(() =>
          `server { listen 127.0.0.1:${ports[0]}; location / { return 200 back; } }`
        );
        assertEquals((await exchange(address, getRequest("/hello"))).bodyText, "back");
      });
    } finally {
      await nginx[Symbol.asyncDispose]();
    }
  },
);

realServerTest("an nginx that restarts under load fails no GET when there is a second one", [
  "nginx",
], async () => {
  await using first = await startOriginNginx();
  await using second = await startOriginNginx();
  await withSluice(inFrontOf([first.address, second.address]), async (address) => {
    const statuses: number[] = [];
    let isOver = false;
    const load = Array.from({ length: 8 }, async () => {
      while (!isOver) statuses.push((await exchange(address, getRequest("/hello"))).status);
    });
    await eventually("some requests", () => statuses.length > 100);
    await first.stop();
    await eventually("more requests", () => statuses.length > 400);
    isOver = true;
    await Promise.all(load);
    assertEquals(statuses.filter((status) => status !== 200), []);
  });
});

/** nginx's one worker; its master is our child. */
async function workerOf(nginx: Nginx): Promise<number> {
  const children = `/proc/${nginx.program.pid}/task/${nginx.program.pid}/children`;
  const [pid] = (await Deno.readTextFile(children)).trim().split(" ").map(Number);
  assert(pid !== undefined && pid > 0);
  return pid;
}
