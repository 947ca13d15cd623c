/**
 * Reports relocations that nothing applies.
 *
 * @module
 */

import { DT_PLTRELSZ, DT_RELASZ, DT_RELRSZ, DT_RELSZ, ET_DYN, PT_DYNAMIC } from "../../elf/constants.ts";
import type { Segment } from "../../elf/program_header.ts";
import { dynamicEntries } from "../../elf/dynamic_table.ts";
import { hexAddr } from "../../hex.ts";
import type { Reads } from "../../pipeline/stage.ts";
import { loadDiagnostic } from "../load_diagnostics.ts";

type Needs = Reads<
  "rules" | "pause" | "report" | "fileHeader" | "segments" | "virtualAddressOffset" | "keptBytes" | "fileBytes"
>;

/** How many entries to read before asking whether a pause is due. */
const ENTRIES_PER_PAUSE = 4096;

const RELOCATION_SIZES: readonly bigint[] = [DT_RELASZ, DT_RELSZ, DT_RELRSZ, DT_PLTRELSZ];

/**
 * Reports a position-independent kernel that has relocations, if no plugin claims its dynamic table. A file may have
 * only one such table (gABI, "Program Header"); of several, the first counts.
 *
 * @param phdr The `PT_DYNAMIC` header.
 * @param context The load.
 * @returns What map-load adds: nothing.
 */
export async function reportRelocations(phdr: Segment, context: Needs): Promise<Record<never, never>> {
  const { rules, fileHeader, segments, keptBytes, virtualAddressOffset, pause, report } = context;
  if (!rules.reportsRelocations || fileHeader.e_type !== ET_DYN) return {};
  if (phdr.p_offset + phdr.p_filesz > keptBytes || phdr.claim) return {};
  if (segments.find(({ p_type }) => p_type === PT_DYNAMIC)?.index !== phdr.index) return {};
  let read = 0;
  for (const { d_tag, d_un } of dynamicEntries(await context.fileBytes(phdr), Number(phdr.p_offset))) {
    const pausing = ++read % ENTRIES_PER_PAUSE === 0 ? pause() : undefined;
    if (pausing) await pausing;
    if (!RELOCATION_SIZES.includes(d_tag) || d_un === 0n) continue;
    report(loadDiagnostic("relocations-unapplied", {
      index: phdr.index,
      addresses: [BigInt.asUintN(64, phdr.p_vaddr + virtualAddressOffset)],
      message: `The kernel is position-independent and has relocations, but none were applied (its offset is ${
        hexAddr(virtualAddressOffset)
      }).`,
    }));
    break;
  }
  return {};
}
