/**
 * The plugin stack: reads what a kernel asks of its stack (`PT_GNU_STACK`).
 *
 * @module
 */

import { PF_X, PT_GNU_STACK } from "../core/elf/constants.ts";
import type { Segment } from "../core/elf/program_header.ts";
import type { Plugin } from "../core/plugin/plugin.ts";
import type { PluginContext } from "../core/plugin/plugin_context.ts";
import { diagnostic } from "./stack/diagnostics.ts";

/** What a kernel asks of its stack. */
export interface StackRequest {
  /** Whether the stack must be executable. */
  readonly executable: boolean;
  /** Requested size in bytes, if specified. */
  readonly sizeHint?: bigint;
}

/**
 * Reads what a kernel asks of its stack, and reports an executable one.
 *
 * @example
 * ```ts
 * import { loadKernel } from "@kload/kload";
 * import { stack } from "@kload/kload/plugins/stack";
 * import { assertEquals } from "@std/assert";
 *
 * const file = await Deno.readFile("examples/hello/hello.elf");
 * const kernel = await loadKernel(file, { plugins: [stack()] });
 * assertEquals(kernel.results.stack, { executable: false });
 * ```
 *
 * @returns The plugin; it finds nothing if the file has no `PT_GNU_STACK`.
 */
export function stack(): Plugin<"stack", StackRequest> {
  return { name: "stack", handlers: [{ type: PT_GNU_STACK, handle }] };
}

function handle(
  { index, p_flags, p_memsz }: Segment,
  { report }: PluginContext,
  found: StackRequest | undefined,
): StackRequest {
  const executable = (p_flags & PF_X) !== 0;
  if (executable) {
    report(diagnostic("stack-executable", { index, message: "The kernel asks for an executable stack." }));
  }
  const sizeHint = p_memsz > 0n ? p_memsz : found?.sizeHint;
  return {
    executable: executable || (found?.executable ?? false),
    ...(sizeHint === undefined ? {} : { sizeHint }),
  };
}
