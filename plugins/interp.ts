/**
 * The plugin interp: tells of a file that is a user program rather than a kernel (`PT_INTERP`; gABI, "Program
 * Interpreter").
 *
 * @module
 */

import { PT_INTERP } from "../core/elf/constants.ts";
import type { Segment } from "../core/elf/program_header.ts";
import type { Plugin } from "../core/plugin/plugin.ts";
import type { PluginContext } from "../core/plugin/plugin_context.ts";

/** What the plugin interp found. */
export interface Interpreter {
  /** Path of the program interpreter, cut after 4096 bytes. */
  readonly path: string;
}

/** PATH_MAX of Linux, which refuses longer ones. */
const PATH_MAX = 4096;

/**
 * Makes the plugin interp.
 *
 * @example
 * ```ts
 * import { loadKernel } from "@kload/kload";
 * import { interp } from "@kload/kload/plugins/interp";
 * import { assertEquals } from "@std/assert";
 *
 * const file = await Deno.readFile("examples/hello/hello.elf");
 * const kernel = await loadKernel(file, { plugins: [interp()] });
 * assertEquals(kernel.results.interp, undefined); // A kernel has none.
 * ```
 *
 * @returns The plugin; it finds nothing where the file asks for no interpreter.
 */
export function interp(): Plugin<"interp", Interpreter> {
  return { name: "interp", handlers: [{ type: PT_INTERP, readsFile: true, handle }] };
}

async function handle(
  phdr: Segment,
  context: PluginContext,
  found: Interpreter | undefined,
): Promise<Interpreter> {
  if (found) return found;
  const bytes = (await context.fileBytes(phdr)).subarray(0, PATH_MAX);
  const end = bytes.indexOf(0);
  const path = new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
  const { index, p_vaddr } = phdr;
  context.report({
    code: "user-program",
    severity: "warning",
    index,
    addresses: [BigInt.asUintN(64, p_vaddr + context.virtualAddressOffset)],
    message:
      `Program header ${index} asks for the dynamic linker ${JSON.stringify(path)}: the file looks like a user ` +
      "program, not a kernel.",
    hint: "Check which file is loaded; link a kernel with -static or -static-pie, and with -nostdlib.",
  });
  return { path };
}
