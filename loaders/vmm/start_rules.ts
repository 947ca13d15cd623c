/**
 * Rules for guests of virtual machine monitors that are broken at the start, where linux-loader does not look.
 *
 * @module
 */

import { E_MACHINE } from "../../core/elf/file_header.ts";
import { hexAddr } from "../../core/hex.ts";
import type { Breach, Rule } from "../rule.ts";
import { SOURCE } from "./elf_rules.ts";
import { isX86, segmentAt, type VmmView } from "./view.ts";

/** Rules that a monitor's guest breaks at its start, which linux-loader does not look at. */
export const startRules: readonly Rule<VmmView>[] = [
  {
    id: "machine-unchecked",
    outcome: "fails",
    broken: ({ kind, header }) =>
      kind === "elf" && header && !isX86(header.e_machine)
        ? {
          offset: E_MACHINE,
          message:
            `e_machine is ${header.e_machine}, not 62 (x86-64) or 3 (80386): the file is loaded all the same, and ` +
            "code for another processor is run.",
        }
        : undefined,
    about: "e_machine names a processor other than x86.",
    why:
      "linux-loader checks neither e_machine, nor EI_CLASS, nor e_type. The guest crashes at its first instructions.",
    mend: "Build the kernel for x86-64.",
    source: `${SOURCE}: validate_header`,
  },
  {
    id: "pvh-entry-outside-load",
    outcome: "fails",
    broken: (view) => view.pvhEntry === undefined ? undefined : outsideLoad(view, view.pvhEntry, "PVH's note names"),
    about: "The physical address that PVH's note names is in no PT_LOAD's bytes of the file.",
    why: "It is not checked, and the guest runs what is in memory there.",
    mend: "Put the physical address of the entry's symbol into the note: its virtual address less the offset between " +
      "p_vaddr and p_paddr.",
    source: `${SOURCE}: load`,
  },
];

/**
 * Says that an entry is in no bytes of the file.
 *
 * @param view The file.
 * @param entry The physical address of the entry.
 * @param who What names it, with a verb.
 * @returns The breach; `undefined` if there is something.
 */
export function outsideLoad(view: VmmView, entry: bigint, who: string): Breach | undefined {
  if (segmentAt(view, entry)) return undefined;
  return {
    message: `${who} the physical address ${hexAddr(entry)} as the entry, and no PT_LOAD puts file bytes there.`,
  };
}
