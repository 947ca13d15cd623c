/**
 * The stage l4-usage: finds the level-4 entries that the kernel uses.
 *
 * @module
 */

import { PT_TLS } from "../elf/constants.ts";
import type { CheckedProgramHeader } from "../elf/program_header.ts";
import { level4Index, low48 } from "../memory/addresses.ts";
import { type UsedLevel4Entries, usedLevel4Entries } from "../paging/used_level4_entries.ts";
import type { Base, Checked, ImageStage, Level4Used } from "../pipeline/stage.ts";
import { signExtendBit47 } from "../memory/sign_extend.ts";

/** Marks the level-4 entries of the segments, and entry 0, which boot loaders use for themselves. */
export const l4Usage: ImageStage<Base & Checked, Level4Used, "l4-usage"> = {
  name: "l4-usage",
  needs: ["rules", "checked"],
  adds: ["usedLevel4Entries"],
  run: ({ rules, checked, virtualAddressOffset }) => {
    const used = usedLevel4Entries([0]);
    for (const phdr of checked) {
      if (rules.level4Usage === "every-header") markInclusive(phdr, used);
      else if (phdr.p_memsz > 0n && (phdr.load || phdr.p_type === PT_TLS)) mark(phdr, virtualAddressOffset, used);
    }
    return { usedLevel4Entries: used };
  },
};

function mark({ p_vaddr, p_memsz }: CheckedProgramHeader, offset: bigint, used: UsedLevel4Entries): void {
  const start = p_vaddr + offset;
  const last = start + p_memsz - 1n;
  const wraps = BigInt.asUintN(48, start) > BigInt.asUintN(48, last) || p_memsz > 1n << 48n;
  used.mark(level4Index(low48(start)), wraps ? 511 : level4Index(low48(last)));
}

/** The original's way: every header of any type, its end counted in; each address has to be canonical. */
function markInclusive({ index, p_vaddr, p_memsz }: CheckedProgramHeader, used: UsedLevel4Entries): void {
  const first = signExtendBit47(p_vaddr, "p_vaddr", index);
  const last = signExtendBit47(p_vaddr + p_memsz, "p_vaddr + p_memsz", index);
  used.mark(level4Index(low48(first)), level4Index(low48(last)));
}
