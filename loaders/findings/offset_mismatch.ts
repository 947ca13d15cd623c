/**
 * Segments that start at different places in their pages, in the file and in memory.
 *
 * @module
 */

import { hexAddr } from "../../core/hex.ts";
import type { FindingRule } from "../finding.ts";
import type { LoaderName } from "../loader.ts";
import { isForX86, loadsOf, PAGE } from "./segments.ts";

/** The loaders that map the file's pages. */
const BY_PAGES: readonly LoaderName[] = ["kload", "bootloader-0.10", "bootloader-0.11"];

/** A `PT_LOAD` whose `p_offset` and `p_vaddr` differ modulo 4096. */
export const offsetMismatch: FindingRule = {
  id: "offset-mismatch",
  severity: "warning",
  parts: [],
  find: ({ model, intended }) => {
    if (!isForX86(model) || !intended.some((name) => BY_PAGES.includes(name))) return [];
    return loadsOf(model).filter(({ p_filesz, p_offset, p_vaddr }) =>
      p_filesz > 0n && (p_vaddr - p_offset) % PAGE !== 0n
    )
      .map(({ index, p_offset, p_vaddr }) => ({
        index,
        message:
          `The bytes of program header ${index} start ${hexAddr(p_offset % PAGE)} into a page of the file, and ` +
          `${hexAddr(p_vaddr % PAGE)} into a page of memory. A loader that maps the file's pages, as ` +
          "rust-osdev/bootloader 0.10 and 0.11 do, would have other bytes at the address; kload copies the segment.",
      }));
  },
  about: "p_offset and p_vaddr of a PT_LOAD segment with file bytes are not congruent modulo 4096.",
  why:
    "A loader that maps pages of the file, as rust-osdev/bootloader does, can only keep the position in the page. It " +
    "checks p_align, which may be smaller, and then maps the page as it is: at the segment's address are bytes from " +
    "somewhere before or after it. Loaders that copy, such as GRUB, Limine and kload, are not affected.",
  mend: "Link with pages of 4 KiB or more: ld -z max-page-size=4096, and neither -n nor -N.",
  source: 'gABI, "Program Header": p_align; rust-osdev/bootloader, load_kernel.rs, handle_load_segment',
};
