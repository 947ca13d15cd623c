/**
 * The plugin property: what a kernel's code needs of the processor, and which protections it was compiled for
 * (`PT_GNU_PROPERTY`; Linux Extensions to gABI, "Program Property").
 *
 * @module
 */

import { PT_GNU_PROPERTY } from "../core/elf/constants.ts";
import { type GnuProperties, type GnuProperty, type IsaLevel, readGnuProperties } from "../core/elf/gnu_property.ts";
import { type NoteFault, NT_GNU_PROPERTY_TYPE_0, readNotes } from "../core/elf/notes.ts";
import type { Segment } from "../core/elf/program_header.ts";
import { hexAddr } from "../core/memory/addresses.ts";
import type { Plugin } from "../core/plugin/plugin.ts";
import type { PluginContext } from "../core/plugin/plugin_context.ts";

export type { GnuProperties, GnuProperty, IsaLevel };

/** The most bytes that are read: properties take some dozens. */
const BYTES_MAX = 2 ** 16;

/**
 * Makes the plugin property.
 *
 * @example
 * ```ts
 * import { loadKernel } from "@kload/kload";
 * import { property } from "@kload/kload/plugins/property";
 * import { assertEquals } from "@std/assert";
 *
 * const file = await Deno.readFile("examples/hello/hello.elf");
 * const kernel = await loadKernel(file, { plugins: [property()] });
 * assertEquals(kernel.results.property?.isaNeeded, undefined);
 * ```
 *
 * @returns The plugin; it finds nothing where the kernel has no properties.
 */
export function property(): Plugin<"property", GnuProperties> {
  return { name: "property", handlers: [{ type: PT_GNU_PROPERTY, readsFile: true, handle }] };
}

async function handle(
  phdr: Segment,
  context: PluginContext,
  found: GnuProperties | undefined,
): Promise<GnuProperties | undefined> {
  const { index, p_align } = phdr;
  const report = (fault: NoteFault) => reportMalformed(index, fault, context);
  const fileOffset = Number(phdr.p_offset);
  if (found) {
    report({ fileOffset, problem: "another header has given the properties already" });
    return found;
  }
  const bytes = (await context.fileBytes(phdr)).subarray(0, BYTES_MAX);
  const { notes, faults } = readNotes(bytes, fileOffset, p_align);
  faults.forEach(report);
  const note = notes.find(({ owner, type }) => owner === "GNU" && type === NT_GNU_PROPERTY_TYPE_0);
  if (!note) {
    if (faults.length === 0) report({ fileOffset, problem: "there is no note of owner GNU and type 5" });
    return undefined;
  }
  const { value, faults: within } = readGnuProperties(note.descriptor, note.descriptorOffset, context.fileHeader);
  within.forEach(report);
  return value;
}

function reportMalformed(
  index: number,
  { fileOffset, problem }: NoteFault,
  { report }: PluginContext,
): void {
  report({
    code: "property-malformed",
    severity: "warning",
    index,
    addresses: [],
    message: `Program header ${index}: the program properties at file offset ${hexAddr(fileOffset)} are malformed: ` +
      `${problem}.`,
    hint: "Let the linker write .note.gnu.property, and keep it in a segment of its own in the PHDRS command.",
  });
}
