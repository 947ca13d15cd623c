/**
 * Segments that are placed where a PC has no memory below 1 MiB.
 *
 * @module
 */

import { PF_X } from "../../core/elf/constants.ts";
import type { FindingRule } from "../finding.ts";
import type { LoaderName } from "../loader.ts";
import { inWords, isForX86, loadsOf, named, overlap, physicalRange } from "./segments.ts";

/** Video memory, option ROMs and the BIOS: 0xa0000 to 1 MiB. */
const HOLE = { start: 0xa_0000n, end: 0x10_0000n };

/** The loaders that place segments by `p_paddr`. */
const BY_PHYSICAL: readonly LoaderName[] = [
  ...["grub-multiboot", "grub-multiboot2", "qemu-kernel", "firecracker", "cloud-hypervisor", "openvmm"] as const,
];

/** A `PT_LOAD` that reaches into the hole, in a file for a loader that goes by `p_paddr`. */
export const loadInHole: FindingRule = {
  id: "load-in-hole",
  severity: "warning",
  parts: [],
  find: ({ model, intended }) => {
    if (!isForX86(model) || !intended.some((name) => BY_PHYSICAL.includes(name))) return [];
    return loadsOf(model).filter((header) => overlap(physicalRange(header), HOLE)).map((header) => {
      const range = physicalRange(header);
      const what = (header.p_flags & PF_X) !== 0 ? "code" : "data";
      const message = `Program header ${header.index} is placed at physical ${inWords(range)}, which reaches into ` +
        `${inWords(HOLE)}: a PC has video memory and firmware there instead of memory, and ${what} is lost.`;
      return { index: header.index, message, ranges: [named(header, range), { name: "no memory", ...HOLE }] as const };
    });
  },
  about:
    "A PT_LOAD segment has physical addresses from 0xa0000 to 0xfffff, in a file for a loader that places segments " +
    "by p_paddr.",
  why:
    "On a PC, this range holds the memory of the video card, option ROMs and the BIOS. What is written there appears " +
    "on the screen or is lost. GRUB loads such a kernel without an error (seen in GRUB 2.06).",
  mend:
    "Place the kernel at 1 MiB or above: . = 1M; at the start of the linker script, or AT(…) for the load addresses.",
  source: 'ACPI specification, "System Address Map Interfaces": the range is not reported as memory',
};
