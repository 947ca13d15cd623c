/**
 * Relocations that nothing applies.
 *
 * @module
 */

import { DT_NULL, DT_PLTRELSZ, DT_RELASZ, DT_RELRSZ, DT_RELSZ, ET_DYN } from "../../elf/constants.ts";
import type { Segment } from "../../elf/program_header.ts";
import { elfReader } from "../../elf/reader.ts";
import type { Reads } from "../../pipeline/stage.ts";
import { loadDiagnostic } from "../load_diagnostics.ts";

type Needs = Reads<"rules" | "report" | "fileHeader" | "virtualAddressOffset" | "keptBytes" | "fileBytes">;

const DYN_SIZE = 16; // gABI, "Dynamic Section": Elf64_Dyn is d_tag and d_un, 8 bytes each
const RELOCATION_SIZES: readonly bigint[] = [DT_RELASZ, DT_RELSZ, DT_RELRSZ, DT_PLTRELSZ];

/**
 * Reports a position-independent kernel that has relocations, if no plugin claims its dynamic table.
 *
 * @param phdr The `PT_DYNAMIC` header.
 * @param context The load.
 */
export async function reportRelocations(phdr: Segment, context: Needs): Promise<void> {
  const { rules, fileHeader, keptBytes, virtualAddressOffset, report } = context;
  if (!rules.reportsAddresses || fileHeader.e_type !== ET_DYN) return;
  if (phdr.p_offset + phdr.p_filesz > keptBytes || phdr.claim) return;
  const place = { subject: "the dynamic table", fileOffset: Number(phdr.p_offset) };
  const table = elfReader(await context.fileBytes(phdr), place);
  for (let at = 0; at + DYN_SIZE <= table.length; at += DYN_SIZE) {
    const tag = table.u64(at);
    if (tag === DT_NULL) return;
    if (!RELOCATION_SIZES.includes(tag) || table.u64(at + 8) === 0n) continue;
    report(loadDiagnostic("relocations-unapplied", {
      index: phdr.index,
      addresses: [BigInt.asUintN(64, phdr.p_vaddr + virtualAddressOffset)],
      message: `The kernel is position-independent and has relocations; none was applied at offset 0x${
        virtualAddressOffset.toString(16)
      }.`,
    }));
    return;
  }
}
