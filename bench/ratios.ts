/**
 * Measures kload and its lower bounds in interleaved rounds:
 *
 *     deno run -A bench/ratios.ts [rounds]
 *
 * A pair's ratio is the median of the ratios of all rounds. In each round, both run one right after the other, so other
 * load on the machine affects both.
 */

import { loadKernel } from "../mod.ts";
import { PRESENT, WRITABLE } from "../core/paging/mod.ts";
import {
  bssKernel,
  emptyTables,
  KERNEL_START,
  largeKernel,
  MAPPED,
  readWhole,
  tableMemory,
  temporaryFile,
  writeEntries,
  writeTables,
} from "./workloads.ts";

/** One of the two functions to compare; `prepare` runs before `run`, and is not timed. */
interface Side {
  readonly prepare?: () => unknown;
  readonly run: () => unknown;
}

interface Pair {
  readonly name: string;
  readonly floor: Side;
  readonly kload: Side;
  /** The ratio to reach, if there is a goal. */
  readonly aim?: number;
}

const scale = Number(Deno.args[0] ?? 100);
const WARM_UP = 10;

async function measure({ prepare, run }: Side): Promise<number> {
  await prepare?.();
  const start = performance.now();
  const done = run();
  if (done instanceof Promise) await done;
  return (performance.now() - start) * 1000;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

async function compare({ name, floor, kload, aim }: Pair): Promise<void> {
  const times: { floor: number; kload: number }[] = [];
  for (let round = 0; round < scale + WARM_UP; round++) {
    // They take turns going first, because the second one pays for the garbage that the first one left.
    const first = await measure(round % 2 === 0 ? floor : kload);
    const second = await measure(round % 2 === 0 ? kload : floor);
    times.push(round % 2 === 0 ? { floor: first, kload: second } : { floor: second, kload: first });
    await new Promise((resolve) => setTimeout(resolve));
  }
  const counted = times.slice(WARM_UP);
  const ratio = median(counted.map((time) => time.kload / time.floor));
  console.log(
    name.padEnd(58),
    median(counted.map((time) => time.floor)).toFixed(0).padStart(9),
    median(counted.map((time) => time.kload)).toFixed(0).padStart(9),
    ratio.toFixed(2).padStart(7),
    aim === undefined ? "" : `${ratio <= aim ? "≤" : ">"} ${aim}`,
  );
}

/** Prints the median time of one call, measured in rounds of many calls. */
async function perCall(name: string, calls: number, unit: "µs" | "ns", call: () => unknown): Promise<void> {
  const times: number[] = [];
  for (let round = 0; round < scale + WARM_UP; round++) {
    const start = performance.now();
    for (let index = 0; index < calls; index++) {
      const done = call();
      if (done instanceof Promise) await done;
    }
    times.push((performance.now() - start) / calls);
    await new Promise((resolve) => setTimeout(resolve));
  }
  const factor = unit === "µs" ? 1e3 : 1e6;
  console.log(name.padEnd(68), (median(times.slice(WARM_UP)) * factor).toFixed(0).padStart(9), unit);
}

const words = new Uint32Array(MAPPED / 4096 * 2);
const entries: Side = { run: () => writeEntries(words) };

const tables = tableMemory();
let mapper = emptyTables(tables);
const mapping: Side = {
  prepare: () => void (mapper = emptyTables(tables)),
  run: () => mapper.mapTo(KERNEL_START, 0x20_0000, PRESENT | WRITABLE, { size: MAPPED }),
};

const bss = bssKernel(MAPPED);
const loaded = await loadKernel(bss);
const level1 = [...loaded.pageTable.tables()].filter(({ level }) => level === 1).map(({ frame }) => frame);
const freshEntries: Side = { run: () => writeTables(new Uint32Array(loaded.memory.size / 4), level1) };
const bssLoad: Side = { run: () => loadKernel(bss) };

const large = largeKernel();
const { size } = (await loadKernel(large)).memory;
const used = new Uint8Array(size).fill(1);
const bytesLoad: Side = { run: () => loadKernel(large) };

await using temporary = await temporaryFile(large);
const { file } = temporary;
const rewind = () => file.seek(0, Deno.SeekMode.Start);
const fileLoad: Side = { prepare: rewind, run: () => loadKernel(file) };

console.log("median µs".padEnd(58), "floor".padStart(9), "kload".padStart(9), "ratio".padStart(7), "aim");
const pairs: readonly Pair[] = [
  { name: "mapTo() of 256 MiB / 65,536 entries into an array", floor: entries, kload: mapping, aim: 3 },
  { name: "load of 256 MiB bss / the same floor", floor: entries, kload: bssLoad },
  { name: "load of 256 MiB bss / the entries into fresh memory", floor: freshEntries, kload: bssLoad, aim: 3 },
  {
    name: "load of a 30 MiB file / reads into a fresh buffer",
    floor: { prepare: rewind, run: () => readWhole(file, new Uint8Array(size)) },
    kload: fileLoad,
    aim: 1.25,
  },
  {
    name: "load of a 30 MiB file / reads into a used buffer",
    floor: { prepare: rewind, run: () => readWhole(file, used) },
    kload: fileLoad,
  },
  {
    name: "load of 30 MiB of bytes / set() into a fresh buffer",
    floor: { run: () => new Uint8Array(size).set(large) },
    kload: bytesLoad,
  },
  {
    name: "load of 30 MiB of bytes / set() into a used buffer",
    floor: { run: () => used.set(large) },
    kload: bytesLoad,
  },
];
for (const pair of pairs) await compare(pair);

const hello = await Deno.readFile(new URL("../examples/hello/hello.elf", import.meta.url));
console.log("\nmedian of one call");
await perCall("loadKernel() of examples/hello/hello.elf", 10, "µs", () => loadKernel(hello));
let next = 0;
await perCall("translate() in pages of 4 KiB", 10_000, "ns", () => {
  next = (next + 0x3_1007) % MAPPED;
  return mapper.translate(KERNEL_START + BigInt(next));
});
