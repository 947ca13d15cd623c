/**
 * Thread-local storage whose template does not start at a multiple of its alignment.
 *
 * @module
 */

import { PT_TLS } from "../../core/elf/constants.ts";
import type { ProgramHeader } from "../../core/elf/program_header.ts";
import { hexAddr } from "../../core/hex.ts";
import type { FindingRule } from "../finding.ts";
import type { Breach } from "../rule.ts";

/** A `PT_TLS` whose `p_vaddr` is not a multiple of `p_align`, or whose `p_align` is not a power of two. */
export const tlsMisaligned: FindingRule = {
  id: "tls-misaligned",
  severity: "warning",
  parts: [],
  find: ({ model }) =>
    (model.elf?.programHeaders ?? []).filter(({ p_type, p_memsz }) => p_type === PT_TLS && p_memsz > 0n)
      .map(describe).filter((breach) => breach !== undefined),
  about: "The p_vaddr of the PT_TLS header is not a multiple of its p_align, or p_align is not a power of two.",
  why:
    "The compiler has placed each variable relative to the thread pointer as if the block started at p_vaddr. A kernel " +
    "that puts the blocks of its threads at multiples of p_align moves all variables by the remainder, and then offsets " +
    "from the thread pointer are wrong, or aligned accesses fault.",
  mend: "Align the first section of the template: .tdata : ALIGN(64) { … } with at least p_align, before .tbss.",
  source: 'ELF Handling For Thread-Local Storage, "Variant II"',
};

function describe({ index, p_vaddr, p_align }: ProgramHeader): Breach | undefined {
  if (p_align <= 1n) return undefined;
  if ((p_align & (p_align - 1n)) !== 0n) {
    return {
      index,
      message: `Program header ${index} (PT_TLS) has a p_align of ${hexAddr(p_align)}, not a power of two.`,
    };
  }
  const rest = p_vaddr % p_align;
  if (rest === 0n) return undefined;
  const message = `Program header ${index} (PT_TLS) starts at ${hexAddr(p_vaddr)}, which is ${hexAddr(rest)} past a ` +
    `multiple of its p_align ${
      hexAddr(p_align)
    }: a kernel that aligns the blocks of its threads has to keep that remainder.`;
  return { index, message };
}
