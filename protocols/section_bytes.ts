/**
 * The bytes of sections that are loaded, for protocols whose headers are found by a section's name.
 *
 * @module
 */

import { PT_LOAD, SHT_NOBITS } from "../core/elf/constants.ts";
import type { SectionHeader } from "../core/elf/section_header.ts";
import type { FileModel } from "../core/file/file_model.ts";

/**
 * Reads a section.
 *
 * @param file The file, with the parts "sections" and "image" read.
 * @param section The section.
 * @returns Its bytes; `undefined` if it has none, or if they are not in the file bytes of a segment.
 */
export function loadedSectionBytes(file: FileModel, section: SectionHeader): Uint8Array | undefined {
  const { sh_type, sh_offset, sh_size } = section;
  const end = sh_offset + sh_size;
  const isLoaded = file.elf?.programHeaders.some(({ p_type, p_offset, p_filesz }) => {
    return p_type === PT_LOAD && p_offset <= sh_offset && end <= p_offset + p_filesz;
  });
  if (sh_type === SHT_NOBITS || !isLoaded || end > BigInt(file.length)) return undefined;
  return file.bytes(Number(sh_offset), Number(sh_size));
}
