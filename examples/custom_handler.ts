/**
 * A custom plugin: reads the boot options of a kernel from a program header of a custom type. Run it with
 *
 *     deno run --allow-read examples/custom_handler.ts
 *
 * or use it on the command line:
 *
 *     kload load --plugin examples/custom_handler.ts examples/custom_handler/kernel.elf
 */

import { loadKernel, type Plugin } from "@kload/kload";

/** What the plugin finds: boot options by name. */
type BootOptions = Readonly<Record<string, string>>;

export const plugin: Plugin<"boot-options", BootOptions> = {
  name: "boot-options",
  handlers: [{
    type: 0x60000001,
    readsFile: true,
    handle: async (segment, { fileBytes }, found = {}) => {
      const strings = new TextDecoder().decode(await fileBytes(segment)).split("\0").filter(Boolean);
      return { ...found, ...Object.fromEntries(strings.map((option) => option.split("=", 2))) };
    },
  }],
};

if (import.meta.main) {
  using file = await Deno.open(new URL("./custom_handler/kernel.elf", import.meta.url));
  const kernel = await loadKernel(file, { plugins: [plugin] });

  // The result has the plugin's own type; undefined if the file has no such header.
  const options: BootOptions = kernel.results["boot-options"] ?? {};
  for (const [name, value] of Object.entries(options)) console.log(`${name}: ${value}`);
}
