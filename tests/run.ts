/**
 * `deno task test`: every gate, in order, up to the first that fails. The last
 * line counts tests: "12 passed, 0 failed, 1 skipped".
 *
 * ```sh
 * deno task test              # all gates
 * deno task test unit shape   # only these
 * ```
 *
 * @module
 */
import { count, type Counts, NOTHING, plus, summary } from "./support/test_counts.ts";

const ROOT = new URL("../", import.meta.url).pathname;

/** One thing that has to hold. */
interface Gate {
  readonly name: string;
  /** What it is for, shown by `--help`. */
  readonly about: string;
  /** Arguments of `deno`. */
  readonly args: readonly string[];
  /** Paths without which there is nothing to do; the gate is left out and says so. */
  readonly needs?: readonly string[];
}

/** Whole tests run without a terminal: a missing permission is an error, not a question. */
const TEST = ["test", "--quiet", "--no-prompt", "--permit-no-files"] as const;

const GATES: readonly Gate[] = [
  { name: "fmt", about: "formatting", args: ["fmt", "--check"] },
  { name: "lint", about: "lint rules of deno.json", args: ["lint", "--quiet"] },
  { name: "check", about: "types of every file", args: ["check", "--quiet", "."] },
  {
    name: "unit",
    about: "unit tests, without any permission",
    args: [...TEST, "--no-check", "--parallel", "tests/unit/"],
    needs: ["tests/unit"],
  },
  {
    name: "shape",
    about: "import table, names, what nobody writes",
    args: [...TEST, "--no-check", "--allow-read=.", "tests/shape/"],
    needs: ["tests/shape"],
  },
  {
    name: "scenario",
    about: "one file per behaviour, real sockets and programs",
    args: [...TEST, "--no-check", "-A", "tests/scenario/"],
    needs: ["tests/scenario"],
  },
  {
    name: "conformance",
    about: "the standards' own words",
    args: [...TEST, "--no-check", "-A", "tests/conformance/"],
    needs: ["tests/conformance"],
  },
  {
    name: "fuzz",
    about: "random input from a seed, a short run of each fuzzer",
    args: [...TEST, "--no-check", "-A", "tests/fuzz/"],
    needs: ["tests/fuzz"],
  },
  {
    name: "bench",
    about: "the bench's own parts; each micro-benchmark runs",
    // tests/support/free_ports.ts claims its ports as it is loaded; nothing else is connected to.
    args: [...TEST, "--no-check", "--allow-read=.", "--allow-net=127.0.0.1", "tests/bench/"],
    needs: ["tests/bench"],
  },
  {
    name: "doc",
    about: "examples in the documentation of mod.ts and src/",
    // Unchecked: `deno test --doc` imports every export into every example, and those that an
    // example does not use are errors under noUnusedLocals.
    args: [
      ...TEST,
      "--doc",
      "--no-check",
      "--allow-net=127.0.0.1",
      "--allow-read=.",
      "mod.ts",
      "src/",
    ],
    needs: ["mod.ts", "src"],
  },
  {
    name: "manual",
    about: "deploy/ is what the table of directives says (deno task manual)",
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      "--allow-read=deploy",
      "src/config/write_manual.ts",
      "--check",
    ],
    needs: ["src/config/write_manual.ts"],
  },
];

/** A gate that takes longer is stuck, in ms. */
const GATE_PATIENCE_MS = 15 * 60_000;

interface Result {
  readonly isGood: boolean;
  readonly counts: Counts;
}

async function main(args: readonly string[]): Promise<number> {
  if (args.includes("--help")) {
    for (const { name, about } of GATES) console.log(`${name.padEnd(12)} ${about}`);
    return 0;
  }
  const unknown = args.filter((name) => !GATES.some((gate) => gate.name === name));
  if (unknown.length > 0) {
    const known = GATES.map(({ name }) => name).join(", ");
    console.error(`Cannot run gate ${unknown.join(", ")}: expected one of ${known}`);
    return 2;
  }
  const gates = GATES.filter(({ name }) => args.length === 0 || args.includes(name));

  let counts = NOTHING;
  let isGood = true;
  for (const [index, gate] of gates.entries()) {
    const result = await pass(gate);
    counts = plus(counts, result.counts);
    if (result.isGood) continue;
    isGood = false;
    const left = gates.slice(index + 1).map(({ name }) => name).join(", ");
    console.log(`\ngate ${gate.name} failed${left === "" ? "" : `; not run: ${left}`}`);
    break;
  }
  console.log(`\n${summary(counts)}`);
  return isGood ? 0 : 1;
}

/** Runs one gate and says how it went. */
async function pass(gate: Gate): Promise<Result> {
  const missing = (gate.needs ?? []).filter((path) => !exists(ROOT + path));
  if (missing.length > 0) {
    console.log(`gate ${gate.name}: left out, there is no ${missing.join(", ")}`);
    return { isGood: true, counts: NOTHING };
  }
  console.log(`gate ${gate.name}: deno ${gate.args.join(" ")}`);
  const startedMs = performance.now();
  const { code, output } = await run(gate.args);
  const isGood = code === 0;
  const counts = count(output);
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  console.log(`gate ${gate.name}: ${isGood ? "ok" : `FAILED (status ${code})`} in ${seconds} s\n`);
  // A gate that fails without a failed test still has to show in the counts.
  const hasToShow = !isGood && counts.failed === 0;
  return { isGood, counts: hasToShow ? { ...counts, failed: 1 } : counts };
}

/** Runs `deno` with its output passed on as it comes, and returned. */
async function run(args: readonly string[]): Promise<{ code: number; output: string }> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(GATE_PATIENCE_MS),
  }).spawn();
  const [output, , { code }] = await Promise.all([
    pump(child.stdout, Deno.stdout),
    pump(child.stderr, Deno.stderr),
    child.status,
  ]);
  return { code, output };
}

async function pump(
  from: ReadableStream<Uint8Array>,
  to: { writeSync(bytes: Uint8Array): number },
): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of from) {
    text += decoder.decode(chunk, { stream: true });
    for (let at = 0; at < chunk.length;) at += to.writeSync(chunk.subarray(at));
  }
  return text;
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
