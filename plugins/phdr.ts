/**
 * The plugin phdr: where the kernel finds its own program headers (`PT_PHDR`; gABI, "Program Header").
 *
 * @module
 */

import { PT_LOAD, PT_PHDR } from "../core/elf/constants.ts";
import type { Segment } from "../core/elf/program_header.ts";
import { hexAddr } from "../core/memory/addresses.ts";
import type { Plugin } from "../core/plugin/plugin.ts";
import type { PluginContext } from "../core/plugin/plugin_context.ts";

/** What the plugin phdr found. */
export interface ProgramHeaderTable {
  /** Virtual address of the program header table, the offset included. */
  readonly address: bigint;
  /** Whether a `PT_LOAD` segment brings these bytes of the file to that address. */
  readonly covered: boolean;
}

/**
 * Makes the plugin phdr.
 *
 * @example
 * ```ts
 * import { loadKernel } from "@kload/kload";
 * import { phdr } from "@kload/kload/plugins/phdr";
 * import { assertEquals } from "@std/assert";
 *
 * const file = await Deno.readFile("examples/hello/hello.elf");
 * const kernel = await loadKernel(file, { plugins: [phdr()] });
 * assertEquals(kernel.results.phdr, undefined); // It has no use for them.
 * ```
 *
 * @returns The plugin; it finds nothing where the file has no such header.
 */
export function phdr(): Plugin<"phdr", ProgramHeaderTable> {
  return { name: "phdr", handlers: [{ type: PT_PHDR, handle }] };
}

function handle(
  header: Segment,
  { fileHeader, segments, virtualAddressOffset, report }: PluginContext,
  found: ProgramHeaderTable | undefined,
): ProgramHeaderTable {
  if (found) return found;
  const { index, p_offset, p_vaddr, p_filesz } = header;
  const { e_phoff, e_phentsize } = fileHeader;
  const address = BigInt.asUintN(64, p_vaddr + virtualAddressOffset);
  const size = BigInt(segments.length * e_phentsize);
  if (p_offset !== e_phoff || p_filesz !== size) {
    report({
      code: "phdr-mismatch",
      severity: "warning",
      index,
      addresses: [address],
      message: `Program header ${index} gives the table as ${hexAddr(p_filesz)} bytes at file offset ` +
        `${hexAddr(p_offset)}; it has ${hexAddr(size)} at ${hexAddr(e_phoff)}.`,
      hint: "Say PHDR PHDRS in the linker script's PHDRS command, and change no headers after linking.",
    });
  }
  const covered = segments.some((other) => other.p_type === PT_LOAD && covers(other, header));
  if (!covered) {
    report({
      code: "phdr-outside-load",
      severity: "warning",
      index,
      addresses: [address],
      message: `Program header ${index}: no PT_LOAD segment brings the program headers to ${hexAddr(address)}.`,
      hint: "Say FILEHDR PHDRS for the first PT_LOAD in the linker script, and leave room for them (SIZEOF_HEADERS).",
    });
  }
  return { address, covered };
}

/** Whether the file bytes of a segment are those of the table, at its address. */
function covers(load: Segment, { p_offset, p_vaddr, p_filesz }: Segment): boolean {
  const from = p_vaddr - load.p_vaddr;
  return from >= 0n && from + p_filesz <= load.p_filesz && p_offset - load.p_offset === from;
}
