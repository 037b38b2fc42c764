/** The real programs that other scenarios stand on. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { exchange, getRequest } from "../support/client.ts";
import { Program } from "../support/program.ts";
import { curl, realServerTest, startNginx } from "../support/real_servers.ts";

realServerTest(
  "nginx serves a file to curl, and is gone afterwards",
  ["nginx", "curl"],
  async () => {
    const nginx = await startNginx(
      ([port], dir) => `server { listen 127.0.0.1:${port}; root ${dir}/www; }`,
      { files: { "www/hello.txt": "hello from nginx\n" } },
    );

    const found = await curl(`http://${nginx.address}/hello.txt`);
    const missing = await curl(`http://${nginx.address}/nothing`);
    await nginx[Symbol.asyncDispose]();

    assertEquals([found.code, found.status, found.bodyText], [0, 200, "hello from nginx\n"]);
    assertStringIncludes(found.head, "Server: nginx");
    assertEquals(missing.status, 404);
    assertEquals(nginx.program.exit?.code, 0);
    await assertRejects(() => exchange(nginx.address, getRequest()), Error, "ECONNREFUSED");
  },
);

realServerTest(
  "nginx: a wrong configuration is an error with nginx's own words",
  ["nginx"],
  async () => {
    await assertRejects(() => startNginx(() => "servr {}"), Error, 'unknown directive "servr"');
  },
);

Deno.test("program: lines, exit status and signals of a child are seen", async () => {
  await using program = new Program({
    command: "/bin/sh",
    args: ["-c", "echo out; echo ready >&2; exec sleep 60"],
  });
  await program.waitForLine(/^ready$/);

  const { signal } = await program.stop("SIGTERM");

  assertEquals([program.stdout, signal], [["out"], "SIGTERM"]);
});

Deno.test("program: one that ends too early fails with what it printed", async () => {
  await using program = new Program({
    command: "/bin/sh",
    args: ["-c", "echo no disk >&2; exit 3"],
  });

  await assertRejects(() => program.waitForLine(/^ready$/), Error, "ended with 3");
  assertEquals(program.exit?.code, 3);
});
