/**
 * Relocation types (System V ABI, AMD64 supplement, table "Relocation Types").
 *
 * @module
 */

export const R_X86_64_NONE = 0;
export const R_X86_64_64 = 1;
export const R_X86_64_GLOB_DAT = 6;
export const R_X86_64_JUMP_SLOT = 7;
export const R_X86_64_RELATIVE = 8;

/** The names, by number. */
const NAMES: readonly string[] = [
  "NONE",
  "64",
  "PC32",
  "GOT32",
  "PLT32",
  "COPY",
  "GLOB_DAT",
  "JUMP_SLOT",
  "RELATIVE",
  "GOTPCREL",
  "32",
  "32S",
  "16",
  "PC16",
  "8",
  "PC8",
  "DTPMOD64",
  "DTPOFF64",
  "TPOFF64",
  "TLSGD",
  "TLSLD",
  "DTPOFF32",
  "GOTTPOFF",
  "TPOFF32",
  "PC64",
  "GOTOFF64",
  "GOTPC32",
  "GOT64",
  "GOTPCREL64",
  "GOTPC64",
  "GOTPLT64",
  "PLTOFF64",
  "SIZE32",
  "SIZE64",
  "GOTPC32_TLSDESC",
  "TLSDESC_CALL",
  "TLSDESC",
  "IRELATIVE",
  "RELATIVE64",
];

/**
 * Returns the name of a relocation type.
 *
 * @param type Its number.
 * @returns Its name, such as "R_X86_64_RELATIVE", or the number if it has no name.
 */
export function relocationTypeName(type: number): string {
  const name = NAMES[type];
  return name === undefined ? `${type}` : `R_X86_64_${name}`;
}
