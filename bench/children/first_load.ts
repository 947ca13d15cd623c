/** The first load of a process: what a program pays that loads one kernel and ends. */

import { loadKernel } from "../../mod.ts";

await loadKernel(await Deno.readFile(new URL("../../examples/hello/hello.elf", import.meta.url)));
