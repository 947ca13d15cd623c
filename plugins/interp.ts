/**
 * The plugin interp: detects that a file is a user program, not a kernel (`PT_INTERP`; gABI, "Program Interpreter").
 *
 * @module
 */

import { NO_INTERPRETER, PT_INTERP } from "../core/elf/constants.ts";
import type { Segment } from "../core/elf/program_header.ts";
import { readString } from "../core/elf/strings.ts";
import type { Plugin } from "../core/plugin/plugin.ts";
import type { PluginContext } from "../core/plugin/plugin_context.ts";
import { diagnostic } from "./interp/diagnostics.ts";

/** What the plugin interp found. */
export interface Interpreter {
  /** Path of the program interpreter, truncated to 4096 bytes. */
  readonly path: string;
}

/** PATH_MAX of Linux, which refuses longer paths. */
const PATH_MAX = 4096;

/**
 * Reads which dynamic linker a file requests, and reports that it requests one.
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
 * @returns The plugin; it finds nothing if the file requests no interpreter.
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
  const { index, p_vaddr } = phdr;
  const { text: path } = readString(await context.fileBytes(phdr), 0, PATH_MAX);
  if (path === NO_INTERPRETER) return { path };
  context.report(diagnostic("user-program", {
    index,
    addresses: [BigInt.asUintN(64, p_vaddr + context.virtualAddressOffset)],
    message: `The file requests the dynamic linker ${
      JSON.stringify(path)
    }: it looks like a user program, not a kernel.`,
  }));
  return { path };
}
