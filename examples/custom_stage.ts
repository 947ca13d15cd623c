/**
 * A custom stage: adds up the bytes of memory that the kernel asks for with each set of permissions, and warns about
 * segments that are both writable and executable. Run it with
 *
 *     deno run --allow-read examples/custom_stage.ts [kernel.elf]
 */

import { loadKernel } from "@kload/kload";
import { defaultPipeline, imageStage } from "@kload/kload/stages";

// What a stage reads and adds is named once, and the types of its context and result follow from these names. If it is
// placed before something that it needs, the compiler says what is missing.
const permissions = imageStage(
  "permissions",
  { needs: ["segments", "report"], adds: ["bytesByPermission"] },
  ({ segments, report }) => {
    const bytesByPermission: Record<string, number> = {};
    for (const { index, p_flags, load } of segments) {
      if (!load) continue;
      const key = `R${p_flags & 2 ? "W" : "-"}${p_flags & 1 ? "X" : "-"}`;
      bytesByPermission[key] = (bytesByPermission[key] ?? 0) + load.memSize;
      if (key === "RWX") {
        const message = "The segment is writable and executable.";
        const hint = "Split it in the linker script.";
        report({ code: "segment-writable-executable", severity: "warning", index, addresses: [], message, hint });
      }
    }
    return { bytesByPermission };
  },
);

const path = Deno.args[0] ?? new URL("./hello/hello.elf", import.meta.url);
using file = await Deno.open(path);
const kernel = await loadKernel(file, { pipeline: defaultPipeline.after("sanity-check", permissions) });

for (const [key, bytes] of Object.entries(kernel.results.permissions.bytesByPermission)) {
  console.log(`${key} ${bytes} bytes`);
}
for (const { message, hint } of kernel.diagnostics) console.log(message, hint);
