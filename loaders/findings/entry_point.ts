/**
 * Entry points that are not where code is linked.
 *
 * @module
 */

import { PF_X } from "../../core/elf/constants.ts";
import { hexAddr } from "../../core/hex.ts";
import type { FileModel } from "../../core/file/file_model.ts";
import type { FindingRule, Inspected } from "../finding.ts";
import type { LoaderName } from "../loader.ts";
import type { Breach } from "../rule.ts";
import { fieldOffset } from "../load/field_offset.ts";
import { loadsOf, pagesOf, physicalRange, virtualRange } from "./segments.ts";

/** The loaders that enter a kernel at `e_entry` and nowhere else, with its own page tables. */
const AT_ENTRY: readonly LoaderName[] = ["kload", "bootloader-0.10", "bootloader-0.11"];

/** An entry point that is not in an executable page, as linked; and the header whose `p_paddr` range it is in. */
interface Misplaced {
  readonly entry: bigint;
  readonly offset?: number;
  readonly physicalIn?: number;
}

function misplacedEntry(model: FileModel): Misplaced | undefined {
  const entry = model.elf?.fileHeader.e_entry;
  const code = loadsOf(model).filter(({ p_flags }) => (p_flags & PF_X) !== 0);
  if (entry === undefined || loadsOf(model).length === 0) return undefined;
  const holds = ({ start, end }: { readonly start: bigint; readonly end: bigint }) => start <= entry && entry < end;
  if (code.some((header) => holds(pagesOf(virtualRange(header))))) return undefined;
  const physical = code.find((header) => header.p_paddr !== header.p_vaddr && holds(physicalRange(header)));
  const offset = fieldOffset(model, { field: "e_entry" });
  return {
    entry,
    ...(offset === undefined ? {} : { offset }),
    ...(physical === undefined ? {} : { physicalIn: physical.index }),
  };
}

function found(misplaced: Misplaced, message: string): readonly Breach[] {
  const { offset, physicalIn } = misplaced;
  return [{
    ...(physicalIn === undefined ? {} : { index: physicalIn }),
    ...(offset === undefined ? {} : { offset }),
    message,
  }];
}

/** An entry point in no executable page. */
export const entryOutsideCode: FindingRule = {
  id: "entry-outside-code",
  severity: "error",
  parts: [],
  find: ({ model, intended }: Inspected) => {
    const misplaced = intended.some((name) => AT_ENTRY.includes(name)) ? misplacedEntry(model) : undefined;
    if (!misplaced || misplaced.physicalIn !== undefined) return [];
    const message =
      `The entry point ${hexAddr(misplaced.entry)} lies in no executable segment, neither by p_vaddr nor ` +
      "by p_paddr, so the processor faults on the first instruction.";
    return found(misplaced, message);
  },
  about: "e_entry lies in no page of a PT_LOAD segment with PF_X, neither by p_vaddr nor by p_paddr.",
  why:
    "The loader jumps to this address. Linkers take 0, or the start of .text, if the symbol that ENTRY names does not " +
    "exist, and only warn.",
  mend: "Name an existing symbol in ENTRY(…) of the linker script or with -e, and heed the linker's warning about it.",
  source: 'gABI, "ELF Header": e_entry',
};

/** An entry point that is a physical address. */
export const entryIsPhysical: FindingRule = {
  id: "entry-is-physical",
  severity: "info",
  parts: [],
  find: ({ model }: Inspected) => {
    const misplaced = misplacedEntry(model);
    if (misplaced?.physicalIn === undefined) return [];
    const message =
      `The entry point ${hexAddr(misplaced.entry)} is a physical address: it lies in the p_paddr range of ` +
      `program header ${misplaced.physicalIn}, and in no executable segment by p_vaddr. Loaders that follow Linux's ` +
      "64-bit boot protocol, such as Firecracker, enter it there; page tables made from p_vaddr have no executable " +
      "page at that address.";
    return found(misplaced, message);
  },
  about:
    "e_entry lies in the p_paddr range of an executable PT_LOAD segment whose p_vaddr differs, and in no executable " +
    "segment by p_vaddr.",
  why: "Such a kernel expects to be entered before it has built its own page tables: Linux's vmlinux and Xen " +
    "do. A loader that builds page tables from p_vaddr, as kload does, jumps to an address that it did not map.",
  mend:
    "For a loader that builds the page tables, link the entry function at its virtual address: ENTRY(…) of the linker " +
    "script names a symbol, and the kernel's offset must not be subtracted from that symbol.",
  source: "Linux, Documentation/arch/x86/boot.rst, 64-bit boot protocol",
};
