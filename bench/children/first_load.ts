/** The first load of a process: the cost for a program that loads one kernel and ends. */

import { loadKernel } from "../../mod.ts";

await loadKernel(await Deno.readFile(new URL("../../examples/hello/hello.elf", import.meta.url)));
