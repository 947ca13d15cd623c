/**
 * QEMU's rules on the entry that PVH's note names: hw/i386/x86.c, `load_elfboot` and `read_pvh_start_addr`.
 *
 * @module
 */

import { hexAddr } from "../../core/hex.ts";
import { type XenNote, xenNumber } from "../../protocols/xen_notes.ts";
import type { Breach, Rule } from "../rule.ts";
import { QEMU_SEARCH } from "./multiboot.ts";
import { NOTE_SEGMENT } from "./note_segment.ts";
import type { NoteScan } from "./note_scan.ts";
import type { QemuView } from "./view.ts";

const WORDS = "Error loading uncompressed kernel without PVH ELF Note";
const SOURCE = "QEMU 7.2, hw/i386/x86.c: load_elfboot";

const ALIGN_HINT = `${NOTE_SEGMENT} Put notes of 8-byte alignment (.note.gnu.property) elsewhere or discard them.`;

type Found = NoteScan & { readonly end: "found" };

/** What QEMU read last, which counts. */
function lastFound({ elf }: QemuView): Found | undefined {
  return elf?.scans.findLast((scan): scan is Found => scan.end === "found");
}

/** Rules for ELF files without Multiboot. */
export const entryRules: readonly Rule<QemuView>[] = [
  {
    id: "note-align-mismatch",
    outcome: "refuses",
    words: WORDS,
    broken: (view) => view.kind === "elf" && view.elf?.pvhStart === 0n ? missedNote(view) : undefined,
    about:
      "There is a Xen note of type 18, and QEMU does not find it or reads its entry at the wrong place, because it " +
      "goes by the p_align of the PT_NOTE, most often 8.",
    why:
      "Notes are padded to 4 bytes, but QEMU pads names and descriptors to the segment's p_align. The linker sets that " +
      "to 8 when a note that is aligned to 8 bytes, such as .note.gnu.property, gets into the same segment.",
    mend: ALIGN_HINT,
    source: "QEMU 7.2, include/hw/elf_ops.h: get_elf_note_type; hw/i386/x86.c: read_pvh_start_addr",
  },
  {
    id: "pvh-entry-zero",
    outcome: "refuses",
    words: WORDS,
    broken: (view) => {
      const found = lastFound(view);
      if (view.kind !== "elf" || found?.entry !== 0n) return undefined;
      const { index, noteOffset, entryOffset } = found;
      const message =
        `The note of type 18 at file offset ${hexAddr(noteOffset)} in program header ${index} names the ` +
        "entry 0, which QEMU treats as a missing note.";
      return { index, offset: entryOffset, message };
    },
    about: "The note of type 18 that counts names the entry 0.",
    why: "To QEMU, an entry of 0 means that there is no note. The last PT_NOTE with such a note counts.",
    mend: "Put the physical address of the 32-bit entry into the note: it is its virtual address less the offset " +
      "between p_vaddr and p_paddr.",
    source: SOURCE,
  },
  {
    id: "pvh-note-missing",
    outcome: "refuses",
    words: WORDS,
    broken: (view) =>
      view.kind === "elf" && view.elf?.pvhStart === 0n
        ? { message: `${NO_NOTE}${farHeader(view)}`, ...farHint(view) }
        : undefined,
    about: "An ELF file without a Multiboot 1 header has no note of type 18 in a PT_NOTE.",
    why: "QEMU boots such a file by PVH only, and the note names the entry. It knows neither Multiboot 2 nor other " +
      "protocols.",
    mend: "Add a note of owner Xen and type 18 with the physical address of a 32-bit entry, in a section of type " +
      "@note that is in a PT_NOTE; or boot the kernel with GRUB or Limine from an ISO image.",
    source: SOURCE,
  },
  {
    id: "note-entry-misread",
    outcome: "fails",
    broken: (view) => {
      const found = lastFound(view);
      const note = view.entryNotes.find(({ offset }) => offset === found?.noteOffset);
      if (view.kind !== "elf" || !found || !note || note.descriptorOffset === found.entryOffset) return undefined;
      return misread(found, note);
    },
    about: "QEMU finds the Xen note of type 18, but reads its entry at the wrong place.",
    why:
      "QEMU pads the name to the segment's p_align, where the note has 4 bytes, and so reads the entry from another place.",
    mend: ALIGN_HINT,
    source: "QEMU 7.2, hw/i386/x86.c: read_pvh_start_addr",
  },
];

const NO_NOTE = "No PT_NOTE has a note of type 18 (XEN_ELFNOTE_PHYS32_ENTRY): QEMU finds no entry for PVH.";

function farHeader({ farMultiboot }: QemuView): string {
  if (farMultiboot === undefined) return "";
  return ` It does not see the Multiboot 1 header at file offset ${
    hexAddr(farMultiboot)
  } either: it looks for one that ` +
    `starts in the first ${hexAddr(QEMU_SEARCH)} bytes of the file.`;
}

function farHint({ farMultiboot }: QemuView): Pick<Breach, "offset" | "hint"> {
  if (farMultiboot === undefined) return {};
  const hint =
    "Put the Multiboot header's section first into the first segment: KEEP(*(.multiboot*)) before .text in " +
    "the linker script, and link with -z max-page-size=0x1000.";
  return { offset: farMultiboot, hint };
}

function missedNote(view: QemuView): Breach | undefined {
  const found = lastFound(view);
  const misplaced = view.entryNotes.find(({ offset, descriptorOffset }) =>
    offset === found?.noteOffset && descriptorOffset !== found.entryOffset
  );
  if (found && misplaced) return misread(found, misplaced);
  const [note] = view.entryNotes;
  if (found || !note) return undefined;
  const { index, offset, p_align } = note;
  const message =
    `The Xen note at file offset ${hexAddr(offset)} is in program header ${index}: to get from note to note, ` +
    `QEMU rounds the sizes of names and descriptors up to its p_align, ${
      hexAddr(p_align)
    }, and does not find it that way.`;
  return { index, offset, message };
}

function misread({ index, entryOffset, entry }: Found, note: XenNote): Breach {
  const real = xenNumber(note);
  const named = real === undefined ? "" : `, where the entry ${hexAddr(real)} is`;
  const message =
    `Program header ${index} has p_align ${hexAddr(note.p_align)}, so QEMU reads the entry of the Xen note at ` +
    `${hexAddr(note.offset)} from file offset ${hexAddr(entryOffset)} instead of ${hexAddr(note.descriptorOffset)}` +
    `${named}: it reads ${hexAddr(entry)}.`;
  return { index, offset: note.offset, message };
}
