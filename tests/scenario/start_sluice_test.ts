/** How the kit starts and ends the program, with a stand-in that is right or wrong on purpose. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { exchange, getRequest } from "../support/client.ts";
import { tempDir } from "../support/program.ts";
import { startSluice } from "../support/sluice.ts";

const RIGHT = `
const server = Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ hostname, port }) => console.error(\`sluice: listening on \${hostname}:\${port}\`),
}, () => new Response(Deno.readTextFileSync(Deno.args.at(-1) ?? "")));
console.error("sluice: listening on unix:/nowhere.sock");
Deno.addSignalListener("SIGTERM", () => {
  Deno.writeTextFileSync((Deno.args.at(-1) ?? "").replace("sluice.yaml", "end.log"), "drained\\n");
  Deno.exit(0);
});
await server.finished;
`;

Deno.test("startSluice: is ready when all listeners are, and stops cleanly", async () => {
  await using dir = await tempDir();
  await Deno.writeTextFile(`${dir.path}/main.ts`, RIGHT);
  await using sluice = await startSluice((home) => `home: ${home}`, {
    main: `${dir.path}/main.ts`,
    listeners: 2,
  });

  const tcp = sluice.addresses.find((address) => address.startsWith("127.")) ?? "";
  assertEquals((await exchange(tcp, getRequest())).bodyText, `home: ${sluice.dir}`);
  assertEquals(sluice.ports, [Number(tcp.split(":")[1])]);
  assert(sluice.rssBytes() > 1 << 20);
  assert(sluice.fdCount() > 3);

  const exit = await sluice.stop();

  assertEquals(exit, { code: 0, signal: null });
  assertEquals(sluice.readLog("end.log"), ["drained"]);
  assertEquals(sluice.readLog("nothing.log"), []);
});

Deno.test("startSluice: a program that ends before it listens fails with its words", async () => {
  await using dir = await tempDir();
  const main = `${dir.path}/main.ts`;
  await Deno.writeTextFile(main, 'console.error("port in use"); Deno.exit(1);');

  await assertRejects(() => startSluice("", { main }), Error, "port in use");
});
