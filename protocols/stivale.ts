/**
 * Recognizes kernels for the stivale boot protocol, by their section `.stivalehdr` (its specification, "stivale
 * header").
 *
 * @module
 */

import type { FileModel } from "../core/file/file_model.ts";
import type { Protocol, Recognizer } from "./protocol.ts";
import { loadedSectionBytes } from "./section_bytes.ts";

/** What a kernel says to a loader that speaks stivale. */
export interface StivaleProtocol extends Protocol<"stivale"> {
  /** The fields of its header, if the section has the size of one and is loaded. */
  readonly header?: {
    /** Virtual address of the top of the stack. */
    readonly stack: bigint;
    /** Flags: bit 0 asks for a framebuffer, bit 1 for another load address each time. */
    readonly flags: number;
    /** The framebuffer that is asked for; 0 in each field leaves the choice to the loader. */
    readonly framebuffer: { readonly width: number; readonly height: number; readonly bitsPerPixel: number };
    /** Virtual address of the entry point; 0 means `e_entry`. */
    readonly entry: bigint;
  };
}

/** Name of the section that holds the header. */
const SECTION = ".stivalehdr";

/** Size of the header: stack u64; flags, width, height, bpp u16; entry u64. */
const SIZE = 24;

/** Recognizes the stivale boot protocol. */
export const stivale: Recognizer<StivaleProtocol> = { parts: ["sections", "image"], recognize };

function recognize(file: FileModel): StivaleProtocol | undefined {
  const section = file.elf?.sections.find(({ name }) => name === SECTION);
  if (!section || file.elf?.bigEndian) return undefined;
  const offset = Number(section.sh_offset);
  const where = `section ${SECTION} at file offset 0x${offset.toString(16)}`;
  const bytes = loadedSectionBytes(file, section);
  if (!bytes || bytes.length < SIZE) return { name: "stivale", offset, summary: `stivale: ${where}, without a header` };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const [width, height, bitsPerPixel] = [10, 12, 14].map((at) => view.getUint16(at, true));
  return {
    name: "stivale",
    offset,
    summary: `stivale: header in ${where}`,
    header: {
      stack: view.getBigUint64(0, true),
      flags: view.getUint16(8, true),
      framebuffer: { width, height, bitsPerPixel },
      entry: view.getBigUint64(16, true),
    },
  };
}
