/**
 * `deno task bench`: Sluice against nginx, or against itself at another revision.
 *
 * @module
 */
import { Cleanup } from "./cleanup.ts";
import { type Bench, type Contender, measureLoad, type Result } from "./measure.ts";
import { startNginxProxy, startOrigin } from "./nginx.ts";
import { HELP, type Options, parseOptions } from "./options.ts";
import { BenchError, chooseCores, requirePrograms } from "./programs.ts";
import { toTables } from "./report.ts";
import { startSluice } from "./sluice.ts";
import { WORKLOADS } from "./workloads.ts";

const CHECKOUT = new URL("../..", import.meta.url).pathname;

if (import.meta.main) Deno.exit(await main(Deno.args));

/** Returns the exit status: 1 when something could not be measured. */
async function main(args: readonly string[]): Promise<number> {
  if (args.includes("--help")) {
    console.log(HELP);
    return 0;
  }
  if (args.includes("--list")) {
    for (const { name, about } of WORKLOADS) console.log(`${name.padEnd(16)} ${about}`);
    return 0;
  }
  const cleanup = new Cleanup();
  cleanup.onSignals();
  try {
    const results = await run(await parseOptions(args), cleanup);
    return results.every((result) => result.problems.length === 0) ? 0 : 1;
  } catch (failure) {
    if (!(failure instanceof BenchError)) throw failure;
    console.error(failure.message);
    return 1;
  } finally {
    await cleanup.run();
  }
}

async function run(options: Options, cleanup: Cleanup): Promise<Result[]> {
  await requirePrograms({ wrk: "wrk", nginx: "nginx", taskset: "util-linux" });
  const folder = await Deno.makeTempDir({ prefix: "sluice-bench-" });
  cleanup.add(() => Deno.remove(folder, { recursive: true }));
  const bench: Bench = {
    cores: await chooseCores(),
    cleanup,
    folder,
    rounds: options.rounds,
    seconds: options.seconds,
    say: (line) => console.error(line),
  };
  const originFolder = `${folder}/origin`;
  await Deno.mkdir(originFolder);
  const origin = await startOrigin(originFolder, bench.cores, cleanup);
  const contenders = chooseContenders(options, bench, origin.address);

  const results: Result[] = [];
  for (const workload of options.workloads) {
    if (workload.kind !== "load") continue;
    results.push(await measureLoad(bench, workload, contenders));
  }
  console.log(toTables(results));
  return results;
}

function chooseContenders(options: Options, bench: Bench, upstream: string): Contender[] {
  const proxyOptions = async (name: string, connections: number) => {
    const folder = await Deno.makeTempDir({ dir: bench.folder, prefix: `${name}-` });
    const accessLog = options.accessLog ? `${folder}/access.log` : undefined;
    return { folder, accessLog, upstream, keepalive: connections };
  };
  return [{
    name: "sluice",
    start: async (connections) =>
      await startSluice(
        {
          ...await proxyOptions("sluice", connections),
          name: "sluice",
          checkout: CHECKOUT,
          command: options.sluiceCommand,
          extraConfig: options.sluiceConfig,
          unbuffered: options.workloads.some(({ name }) => name.endsWith("unbuffered")),
        },
        bench.cores,
        bench.cleanup,
      ),
  }, {
    name: "nginx",
    start: async (connections) =>
      await startNginxProxy(
        await proxyOptions("nginx", connections),
        bench.cores,
        bench.cleanup,
      ),
  }];
}
