import { PRESENT, WRITABLE } from "../core/paging/mod.ts";
import { emptyTables, KERNEL_START, MAPPED, MIB, tableMemory, writeEntries } from "./workloads.ts";

const flags = PRESENT | WRITABLE;
const words = new Uint32Array(MAPPED / 4096 * 2);
const memory = tableMemory();

Deno.bench("65,536 entries into an array", { group: "map 256 MiB", baseline: true }, () => writeEntries(words));

Deno.bench("mapTo() of 256 MiB", { group: "map 256 MiB" }, (b) => {
  const mapper = emptyTables(memory);
  b.start();
  mapper.mapTo(KERNEL_START, 0x20_0000, flags, { size: MAPPED });
  b.end();
});

Deno.bench("mapTo() of 128 times 2 MiB", { group: "map 256 MiB" }, (b) => {
  const mapper = emptyTables(memory);
  b.start();
  for (let at = 0; at < MAPPED; at += 2 * MIB) {
    mapper.mapTo(KERNEL_START + BigInt(at), 0x20_0000 + at, flags, { size: 2 * MIB });
  }
  b.end();
});

Deno.bench("mapTo() of 128 pages of 2 MiB", { group: "map 256 MiB" }, (b) => {
  const mapper = emptyTables(memory);
  b.start();
  mapper.mapTo(KERNEL_START, 0x20_0000, flags, { size: MAPPED, pageSize: 0x20_0000 });
  b.end();
});

const full = emptyTables(tableMemory());
full.mapTo(KERNEL_START, 0x20_0000, flags, { size: MAPPED });

Deno.bench("mappings() of 256 MiB", { group: "list 65,536 pages" }, () => {
  for (const _ of full.mappings());
});

Deno.bench("leaves() of 256 MiB", { group: "list 65,536 pages" }, () => {
  for (const _ of full.leaves());
});
