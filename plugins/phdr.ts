/**
 * The plugin phdr: finds where the kernel expects its own program headers (`PT_PHDR`; gABI, "Program Header").
 *
 * @module
 */

import { PT_LOAD, PT_PHDR } from "../core/elf/constants.ts";
import type { Segment } from "../core/elf/program_header.ts";
import { hexAddr } from "../core/hex.ts";
import type { Plugin } from "../core/plugin/plugin.ts";
import type { PluginContext } from "../core/plugin/plugin_context.ts";
import { diagnostic } from "./phdr/diagnostics.ts";

/** What the plugin phdr found. */
export interface ProgramHeaderTable {
  /** Virtual address of the program header table, including the offset. */
  readonly address: bigint;
  /** Whether a `PT_LOAD` segment puts these bytes of the file at that address. */
  readonly covered: boolean;
}

/**
 * Finds where a kernel expects its own program headers in memory, and reports if they are not there.
 *
 * @example
 * ```ts
 * import { loadKernel } from "@kload/kload";
 * import { phdr } from "@kload/kload/plugins/phdr";
 * import { assertEquals } from "@std/assert";
 *
 * const file = await Deno.readFile("examples/hello/hello.elf");
 * const kernel = await loadKernel(file, { plugins: [phdr()] });
 * assertEquals(kernel.results.phdr, undefined); // It does not use them.
 * ```
 *
 * @returns The plugin; it finds nothing if the file has no such header.
 */
export function phdr(): Plugin<"phdr", ProgramHeaderTable> {
  return { name: "phdr", handlers: [{ type: PT_PHDR, handle }] };
}

function handle(
  header: Segment,
  { fileHeader, programHeaders, virtualAddressOffset, report }: PluginContext,
  found: ProgramHeaderTable | undefined,
): ProgramHeaderTable {
  if (found) return found;
  const { index, p_offset, p_vaddr, p_filesz } = header;
  const { e_phoff, e_phentsize } = fileHeader;
  const address = BigInt.asUintN(64, p_vaddr + virtualAddressOffset);
  const size = BigInt(programHeaders.length * e_phentsize);
  if (p_offset !== e_phoff || p_filesz !== size) {
    const message = `PT_PHDR has ${hexAddr(p_filesz)} bytes at file offset ${hexAddr(p_offset)}, but the program ` +
      `header table has ${hexAddr(size)} bytes at ${hexAddr(e_phoff)}.`;
    report(diagnostic("phdr-mismatch", { index, addresses: [address], message }));
  }
  const covered = programHeaders.some((other) => other.p_type === PT_LOAD && covers(other, header));
  if (!covered) {
    const message = `No PT_LOAD segment puts the program headers at ${hexAddr(address)}.`;
    report(diagnostic("phdr-outside-load", { index, addresses: [address], message }));
  }
  return { address, covered };
}

/** Whether the file bytes of a segment include the table, at its address. */
function covers(load: Segment, { p_offset, p_vaddr, p_filesz }: Segment): boolean {
  const from = p_vaddr - load.p_vaddr;
  return from >= 0n && from + p_filesz <= load.p_filesz && p_offset - load.p_offset === from;
}
