/**
 * What the kernel says about a process: memory and time on the processor.
 *
 * @module
 */

/** Resident memory of a process, in bytes. */
export interface Memory {
  readonly rssBytes: number;
  /** The most it ever was. */
  readonly peakRssBytes: number;
}

/** Kernel ticks of /proc: USER_HZ is 100 on every Linux that Deno runs on. */
const TICK_MS = 10;

export async function readMemory(pid: number): Promise<Memory> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  const kib = (field: string) =>
    Number(new RegExp(`^${field}:\\s*(\\d+) kB$`, "m").exec(status)?.[1] ?? NaN);
  return { rssBytes: kib("VmRSS") * 1024, peakRssBytes: kib("VmHWM") * 1024 };
}

/** Time all threads of the process have had on a processor. */
export async function readCpuMs(pid: number): Promise<number> {
  const fields = statFields(await Deno.readTextFile(`/proc/${pid}/stat`));
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** Time this process and the programs it has waited for have had on a processor. */
export async function readOwnCpuMs(): Promise<number> {
  const fields = statFields(await Deno.readTextFile("/proc/self/stat"));
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) * TICK_MS;
}

/** Time all processors were busy, also for the kernel's interrupts and for other machines of the same host. */
export async function readMachineCpuMs(): Promise<number> {
  const stat = await Deno.readTextFile("/proc/stat");
  const [user, nice, system, _idle, _waiting, irq, softirq, steal] = stat
    .slice(0, stat.indexOf("\n")).split(/\s+/).slice(1).map(Number);
  const ticks = [user, nice, system, irq, softirq, steal];
  return ticks.reduce<number>((sum, some) => sum + (some ?? 0), 0) * TICK_MS;
}

/** The process that `parent` has forked (nginx: its worker). */
export async function findChild(parent: number): Promise<number | undefined> {
  for await (const entry of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(entry.name)) continue;
    const stat = await Deno.readTextFile(`/proc/${entry.name}/stat`).catch(() => "");
    if (Number(statFields(stat)[1]) === parent) return Number(entry.name);
  }
  return undefined;
}

/** Fields from the third on: the second, the name, may hold spaces. */
function statFields(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}
