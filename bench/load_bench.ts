import { loadKernel } from "../mod.ts";
import { bssKernel, largeKernel, MAPPED, readWhole, temporaryFile, writeEntries, writeTables } from "./workloads.ts";

const large = largeKernel();
const memorySize = (await loadKernel(large)).memory.size;
const options = { n: 60, warmup: 10 };

Deno.bench("a plain set() of 30 MiB into a fresh buffer", { group: "bytes", baseline: true, ...options }, () => {
  new Uint8Array(memorySize).set(large);
});

Deno.bench("loadKernel(bytes), 30 MiB", { group: "bytes", ...options }, async () => {
  await loadKernel(large);
});

Deno.bench("reads of 1 MiB into a fresh buffer, 30 MiB", { group: "file", baseline: true, ...options }, async (b) => {
  await using temporary = await temporaryFile(large);
  b.start();
  await readWhole(temporary.file, new Uint8Array(memorySize));
  b.end();
});

Deno.bench("loadKernel(file), 30 MiB", { group: "file", ...options }, async (b) => {
  await using temporary = await temporaryFile(large);
  b.start();
  await loadKernel(temporary.file);
  b.end();
});

const bss = bssKernel(MAPPED);
const loaded = await loadKernel(bss);
const tables = [...loaded.pageTable.tables()].filter(({ level }) => level === 1).map(({ frame }) => frame);
const words = new Uint32Array(MAPPED / 4096 * 2);

Deno.bench("65,536 entries into an array", { group: "256 MiB of bss", baseline: true }, () => writeEntries(words));

Deno.bench(
  "the same entries into fresh memory, at the addresses of the tables",
  { group: "256 MiB of bss", n: 200 },
  () => {
    writeTables(new Uint32Array(loaded.memory.size / 4), tables);
  },
);

Deno.bench("loadKernel(bytes) with 256 MiB of bss", { group: "256 MiB of bss", n: 200, warmup: 50 }, async () => {
  await loadKernel(bss);
});

const hello = await Deno.readFile(new URL("../examples/hello/hello.elf", import.meta.url));

Deno.bench("loadKernel(bytes), examples/hello/hello.elf", { group: "a small kernel" }, async () => {
  await loadKernel(hello);
});
