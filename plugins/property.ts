/**
 * The plugin property: reads which processor features a kernel's code needs, and which protections it was compiled for
 * (`PT_GNU_PROPERTY`; Linux Extensions to gABI, "Program Property").
 *
 * @module
 */

import { PT_GNU_PROPERTY } from "../core/elf/constants.ts";
import { type GnuProperties, type GnuProperty, type IsaLevel, readGnuProperties } from "../core/elf/gnu_property.ts";
import { type NoteFault, NT_GNU_PROPERTY_TYPE_0, readNotes } from "../core/elf/notes.ts";
import type { Segment } from "../core/elf/program_header.ts";
import { hexAddr } from "../core/hex.ts";
import type { Plugin } from "../core/plugin/plugin.ts";
import type { PluginContext } from "../core/plugin/plugin_context.ts";
import { diagnostic } from "./property/diagnostics.ts";

export type { GnuProperties, GnuProperty, IsaLevel };

/** The most bytes to read, of all headers together; properties take a few dozen. */
const BYTES_MAX = 2 ** 16;

/**
 * Reads the properties of a kernel's code.
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
 * @returns The plugin; it finds nothing if the kernel has no properties.
 */
export function property(): Plugin<"property", GnuProperties> {
  const begun = new WeakSet<PluginContext["segments"]>();
  return {
    name: "property",
    handlers: [{
      type: PT_GNU_PROPERTY,
      readsFile: true,
      handle: async (_, context, found) => {
        if (begun.has(context.segments)) return found; // all headers were handled with the first one
        begun.add(context.segments);
        return await readAll(context.segments.filter(({ p_type }) => p_type === PT_GNU_PROPERTY), context);
      },
    }],
  };
}

/** Finds the properties in the first header that has them. */
async function readAll(headers: readonly Segment[], context: PluginContext): Promise<GnuProperties | undefined> {
  let found: GnuProperties | undefined;
  let bytesRead = 0;
  for (const phdr of headers) {
    const fault = (problem: string): void => {
      reportMalformed(phdr.index, { fileOffset: Number(phdr.p_offset), problem }, context);
    };
    if (found) fault("an earlier program header already has them");
    else if (bytesRead === BYTES_MAX) fault(`earlier program headers have ${BYTES_MAX} bytes and no properties`);
    else {
      const bytes = (await context.fileBytes(phdr)).subarray(0, BYTES_MAX - bytesRead);
      bytesRead += bytes.length;
      found = read(bytes, phdr, context);
    }
    const pausing = context.pause();
    if (pausing) await pausing;
  }
  return found;
}

function read(bytes: Uint8Array, phdr: Segment, context: PluginContext): GnuProperties | undefined {
  const { index, p_align } = phdr;
  const reportFault = (fault: NoteFault) => reportMalformed(index, fault, context);
  const fileOffset = Number(phdr.p_offset);
  const { notes, faults } = readNotes(bytes, fileOffset, p_align);
  faults.forEach(reportFault);
  const note = notes.find(({ owner, type }) => owner === "GNU" && type === NT_GNU_PROPERTY_TYPE_0);
  if (!note) {
    if (faults.length === 0) reportFault({ fileOffset, problem: "there is no note with owner GNU and type 5" });
    return undefined;
  }
  const { value, faults: within } = readGnuProperties(note.descriptor, note.descriptorOffset, context.fileHeader);
  within.forEach(reportFault);
  return value;
}

function reportMalformed(index: number, { fileOffset, problem }: NoteFault, { report }: PluginContext): void {
  const message = `The program properties at file offset ${hexAddr(fileOffset)} are malformed: ${problem}.`;
  report(diagnostic("property-malformed", { index, message }));
}
