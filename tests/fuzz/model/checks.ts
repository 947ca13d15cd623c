/** The checks that both originals make of the file header and of every program header. */

import { type Ehdr, END, Little, type Phdr, readEhdr, readPhdr } from "./reading.ts";
import { refuse } from "./verdict.ts";

/** Reads the file header, or refuses the file. */
export function originalHeader(bytes: Uint8Array): Ehdr {
  const file = new Little(bytes);
  if (bytes.length < 4) refuse("file-too-short");
  if (file.u32(0) !== 0x464c457f) refuse("not-elf");
  if (bytes.length < 16) refuse("file-too-short");
  const fileClass = file.u8(4);
  if (fileClass !== 1 && fileClass !== 2) refuse("class-unsupported");
  if (bytes.length < (fileClass === 2 ? 64 : 52)) refuse("file-too-short");
  return readEhdr(file);
}

/** Checks the rest of the file header. */
export function checkEhdr(ehdr: Ehdr, length: bigint): void {
  const ehsize = ehdr.wide ? 64 : 52;
  const tableEnd = ehdr.phoff + BigInt(ehdr.phentsize * ehdr.phnum);
  const sectionsEnd = ehdr.shoff + BigInt(ehdr.shentsize * ehdr.shnum);
  const sound = ehdr.ehsize === ehsize && ehdr.version !== 0 && ehdr.data !== 0 && tableEnd <= length &&
    sectionsEnd <= length && tableEnd < END && sectionsEnd < END;
  if (!sound) refuse();
}

/** Reads the program headers, all of which must be there. */
export function originalPhdrs(bytes: Uint8Array, ehdr: Ehdr): Phdr[] {
  const file = new Little(bytes);
  const size = ehdr.wide ? 56 : 32;
  return Array.from({ length: ehdr.phnum }, (_, index) => {
    const at = ehdr.phoff + BigInt(index * ehdr.phentsize);
    if (ehdr.phentsize < size || at + BigInt(ehdr.phentsize) > BigInt(bytes.length)) refuse();
    return readPhdr(file, Number(at), index, ehdr.wide);
  });
}

/** Whether a program header of any type passes the checks of the originals. */
export function isSound(phdr: Phdr, ehdr: Ehdr, length: bigint): boolean {
  const { type, offset, filesz, vaddr, align } = phdr;
  if (ehdr.phentsize !== (ehdr.wide ? 56 : 32)) return false;
  if (offset + filesz >= length) return false;
  const isKnown = type <= 7 || (type >= 0x6000_0000 && type <= 0x7fff_ffff);
  if (!isKnown || type === 5) return false;
  return align <= 1n || vaddr % align === offset % align;
}
