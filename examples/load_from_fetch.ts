/**
 * Loads a kernel while it is being downloaded, and stops the download after the last byte that is needed. Run it with
 *
 *     deno run --allow-net --allow-read examples/load_from_fetch.ts [url]
 */

import { LoadError, loadKernel } from "@kload/kload";

const url = Deno.args[0] ?? new URL("./hello/hello.elf", import.meta.url);
try {
  const kernel = await loadKernel(await fetch(url), { signal: AbortSignal.timeout(30_000) });
  console.log(`entry point 0x${kernel.entryPoint.toString(16)}, ${kernel.bytesRead} bytes read`);
  for (const { virt, phys, size, writable, executable } of kernel.mappings()) {
    const flags = `R${writable ? "W" : "-"}${executable ? "X" : "-"}`;
    console.log(`0x${virt.toString(16)} -> 0x${phys.toString(16)} ${flags} ${size} bytes`);
  }
} catch (error) {
  if (!(error instanceof LoadError)) throw error;
  console.error(`${error.code}: ${error.message}`);
  Deno.exitCode = 1;
}
