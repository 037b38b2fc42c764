/**
 * Memory of an idle keepalive client: resident memory of the proxy before and
 * after many of them came, asked once, and stayed.
 *
 * @module
 */
import { type Bench, type Contender, inRounds, type Result } from "./measure.ts";
import { readMemory } from "./proc.ts";
import { BenchError, delay, pinnedArgs, type Program } from "./programs.ts";
import { type IdleWorkload, type LoadWorkload, SMALL_BODY } from "./workloads.ts";
import { runWrk, writeScript } from "./wrk.ts";

/** Each round starts the proxies anew: memory once taken is seldom given back. */
const MOST_ROUNDS = 3;
/** Before each of the two readings. */
const SETTLE_MS = 1_500;
const OPENER = new URL("idle_opener.ts", import.meta.url).pathname;

/** Brings code and heap to where a busy proxy has them, so that only the clients are counted. */
const WARM_UP: LoadWorkload = {
  kind: "load",
  name: "idle-warm-up",
  about: "",
  path: "/small",
  connections: 64,
  responseBodyBytes: SMALL_BODY.length,
};

export async function measureIdle(
  bench: Bench,
  workload: IdleWorkload,
  contenders: readonly Contender[],
): Promise<Result> {
  const script = await writeScript(WARM_UP, bench.folder);
  const fewRounds = { ...bench, rounds: Math.min(bench.rounds, MOST_ROUNDS) };
  return await inRounds(fewRounds, workload, contenders, async (contender) => {
    const program = await contender.start(workload);
    try {
      await runWrk(WARM_UP, script, program.address, 1, bench.cores.rest, bench.cleanup);
      await delay(SETTLE_MS);
      const before = await readMemory(program.pid);
      const clients = await openClients(bench, program, workload.connections);
      try {
        await delay(SETTLE_MS);
        const after = await readMemory(program.pid);
        const bytesPerConnection = (after.rssBytes - before.rssBytes) / workload.connections;
        const lost = await clients.countLost();
        return {
          figures: { ...after, bytesPerConnection },
          problems: lost > 0 ? [`${lost} of the idle clients were closed`] : [],
        };
      } finally {
        await clients.close();
      }
    } finally {
      await program.stop();
    }
  });
}

interface Clients {
  /** How many the proxy has closed meanwhile. */
  countLost(): Promise<number>;
  close(): Promise<void>;
}

/** Returns when all clients have had their answer. */
async function openClients(bench: Bench, program: Program, count: number): Promise<Clients> {
  const args = [
    "run",
    "--quiet",
    "--no-config",
    "--no-lock",
    "--allow-net=127.0.0.1",
    OPENER,
    program.address,
    String(count),
  ];
  const child = new Deno.Command("/bin/sh", {
    args: pinnedArgs(bench.cores.rest, Deno.execPath(), args),
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const orders = child.stdin.getWriter();
  const close = bench.cleanup.add(async () => {
    await orders.close().catch(() => {});
    await lines.cancel().catch(() => {});
    await child.status;
  });
  const line = async () => (await lines.read()).value?.trim() ?? "";

  const said = await line();
  if (said !== "open") {
    await close();
    throw new BenchError(
      `Cannot open ${count} clients to ${program.name}: ${said || "the opener ended"}`,
    );
  }
  return {
    countLost: async () => {
      await orders.write(new TextEncoder().encode("count\n"));
      return Number(await line());
    },
    close,
  };
}
