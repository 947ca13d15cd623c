/** Loads a kernel with as many bytes of bss as asked for, and prints how much resident memory that took. */

import { loadKernel } from "../../mod.ts";
import { bssKernel, GIB, MIB, PAGE } from "../kernels.ts";

const options = { maxMemory: 12 * GIB };
const file = bssKernel(Number(Deno.args[0]));
for (let time = 0; time < 20; time++) await loadKernel(bssKernel(64 * MIB), options); // compiles what is compiled once
const before = Deno.memoryUsage().rss;
const { pageTable } = await loadKernel(file, options);
const resident = Deno.memoryUsage().rss - before;
console.log(JSON.stringify({ resident, tables: [...pageTable.tables()].length * PAGE }));
