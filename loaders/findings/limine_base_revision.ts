/**
 * Base revisions of kernels for Limine that are old, or newer than a loader.
 *
 * @module
 */

import type { FindingRule } from "../finding.ts";
import { limineProtocol } from "./limine_kernel.ts";

/** The newest base revision, and that of Limine 8. */
const NEWEST = 6n;
const NEWEST_OF_LIMINE_8 = 2n;

/** What a kernel of an old revision gets that one of the next does not, and the other way round. */
const CHANGES: readonly (readonly [revision: bigint, change: string])[] = [
  [1n, "1: the lower half is no longer identity-mapped, and reserved and bad memory not in the direct map"],
  [2n, "2: markers around requests are honored"],
  [
    3n,
    "3: the direct map holds usable memory, bootloader-reclaimable memory, kernel, modules and framebuffer only, no " +
    "blanket 4 GiB; RSDP, SMBIOS and EFI tables are reported by physical address",
  ],
  [4n, "4: ACPI memory is in the direct map again; the RSDP is reported by virtual address"],
  [
    5n,
    "5: SMBIOS and EFI tables are reported by virtual address; flags, control registers and descriptor tables " +
    "are defined at the entry",
  ],
];

/** A kernel asks for an old base revision, or for none. */
export const baseRevisionOld: FindingRule = {
  id: "base-revision-old",
  severity: "info",
  parts: ["image"],
  find: (inspected) => {
    const limine = limineProtocol(inspected);
    if (!limine || limine.baseRevision > NEWEST_OF_LIMINE_8) return [];
    const tag = limine.revisionTags.at(-1);
    const changes = CHANGES.filter(([revision]) => revision > limine.baseRevision).map(([, change]) => change);
    const asks = tag
      ? `The kernel asks for base revision ${tag.revision}`
      : "The kernel has no base revision tag, which means base revision 0";
    const message = `${asks}; the newest is ${NEWEST}. What changes with later ones: ${changes.join(". ")}.`;
    return [{ ...(tag ? { index: tag.index, offset: tag.offset } : {}), message }];
  },
  about: "A kernel for Limine asks for a base revision of 2 or less, or has no base revision tag, which means 0.",
  why: "The base revision decides what is mapped and how addresses are reported. Limine still supports old ones on " +
    "x86-64; on aarch64, Limine 12 supports 6 only.",
  mend: "Read what changed in the specification, and raise the number, as in `LIMINE_BASE_REVISION(3)`.",
  source: 'Limine protocol specification, "Base Revisions"; Limine 12, common/protos/limine.c: limine_load',
};

/** A kernel asks for a base revision that a loader does not have. */
export const baseRevisionNew: FindingRule = {
  id: "base-revision-new",
  severity: "info",
  parts: ["image"],
  find: (inspected) => {
    const limine = limineProtocol(inspected);
    const tag = limine?.revisionTags.find(({ revision }) => revision > NEWEST_OF_LIMINE_8);
    if (!tag) return [];
    const { index, offset, revision } = tag;
    const older = revision > NEWEST
      ? `Limine 8 loads it by revision ${NEWEST_OF_LIMINE_8}, Limine 12 by revision ${NEWEST}`
      : `Limine 8.2 loads it by revision ${NEWEST_OF_LIMINE_8}`;
    const message = `The kernel asks for base revision ${revision}: ${older}. The third word of the tag then stays ` +
      `${revision}, by which the kernel can tell.`;
    return [{ index, offset, message }];
  },
  about: "A kernel for Limine asks for a base revision above 2, the newest of Limine 8.2, or above 6, the newest of " +
    "Limine 12.",
  why: "A loader that does not have the revision loads the kernel by the newest that it has, and says so only by " +
    "leaving the tag's third word as it is.",
  mend: "Check at the entry that the third word is 0 (`LIMINE_BASE_REVISION_SUPPORTED`), and stop if it is not.",
  source: 'Limine protocol specification, "Base Revisions"; Limine, common/protos/limine.c: limine_load',
};
