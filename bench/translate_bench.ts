import { PRESENT, WRITABLE } from "../core/paging/mod.ts";
import { emptyTables, KERNEL_START, MAPPED, tableMemory } from "./workloads.ts";

const mapper = emptyTables(tableMemory());
mapper.mapTo(KERNEL_START, 0x20_0000, PRESENT | WRITABLE, { size: MAPPED });
mapper.mapTo(0x20_0000n, 0x20_0000, PRESENT, { pageSize: 0x20_0000 });

const addresses = Array.from({ length: 1024 }, (_, index) => KERNEL_START + BigInt(index * 0x3_1007 % MAPPED));
let next = 0;

Deno.bench("translate() in a page of 4 KiB", { group: "translate", baseline: true }, () => {
  mapper.translate(addresses[next++ & 1023]);
});

Deno.bench("translate() in a page of 2 MiB", { group: "translate" }, () => {
  mapper.translate(0x30_1234n);
});

Deno.bench("translate() of an unmapped address", { group: "translate" }, () => {
  mapper.translate(0xffff_8000_0000_0000n);
});

Deno.bench("walk() to a page of 4 KiB", { group: "translate" }, () => {
  mapper.walk(addresses[next++ & 1023]);
});
