/**
 * A stage of one's own: measures how much of each permission the kernel asks for, and refuses one whose pages are both
 * writable and executable. Run it with `deno run --allow-read examples/custom_stage.ts [kernel.elf]`.
 */

import { type Base, type Checked, defaultPipeline, type ImageStage, loadKernel } from "@kload/kload";

/** Bytes of memory by permissions, such as `{ "R-X": 3228 }`. */
interface Permissions {
  readonly bytesByPermission: Readonly<Record<string, number>>;
}

// What a stage reads stands in the first type, what it adds in the second, and its name in the third. Put it where
// something it needs is not there yet, and the compiler says so.
const permissions: ImageStage<Base & Checked, Permissions, "permissions"> = {
  name: "permissions",
  needs: ["segments", "report"],
  adds: ["bytesByPermission"],
  run: ({ segments, report }) => {
    const bytesByPermission: Record<string, number> = {};
    for (const { index, p_flags, load } of segments) {
      if (!load) continue;
      const key = `R${p_flags & 2 ? "W" : "-"}${p_flags & 1 ? "X" : "-"}`;
      bytesByPermission[key] = (bytesByPermission[key] ?? 0) + load.memSize;
      if (key === "RWX") {
        const message = `Program header ${index} is writable and executable.`;
        const hint = "Split it in the linker script.";
        report({ code: "permissions", severity: "warning", index, addresses: [], message, hint });
      }
    }
    return { bytesByPermission };
  },
};

const path = Deno.args[0] ?? new URL("./hello/hello.elf", import.meta.url);
using file = await Deno.open(path);
const kernel = await loadKernel(file, { pipeline: defaultPipeline.after("sanity-check", permissions) });

for (const [key, bytes] of Object.entries(kernel.results.permissions.bytesByPermission)) {
  console.log(`${key} ${bytes} bytes`);
}
for (const { message, hint } of kernel.diagnostics) console.log(message, hint);
