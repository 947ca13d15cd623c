/** Loads a kernel with the given number of bytes of bss, and prints how much resident memory that took. */

import { loadKernel } from "../../mod.ts";
import { bssKernel, GIB, MIB, PAGE } from "../kernels.ts";

const options = { maxMemory: 12 * GIB };
const file = bssKernel(Number(Deno.args[0]));
for (let time = 0; time < 20; time++) await loadKernel(bssKernel(64 * MIB), options); // so that code is compiled before
const before = Deno.memoryUsage().rss;
const { pageTable } = await loadKernel(file, options);
const resident = Deno.memoryUsage().rss - before;
console.log(JSON.stringify({ resident, tables: [...pageTable.tables()].length * PAGE }));
