/**
 * QEMU's rules for files that it takes for Linux images: hw/i386/x86.c, `x86_load_linux`.
 *
 * @module
 */

import { hexAddr } from "../../core/hex.ts";
import { LOADED_HIGH, SETUP_OFFSETS } from "../../formats/bzimage/setup_header.ts";
import type { Breach, Rule } from "../rule.ts";
import type { QemuView } from "./view.ts";

const SOURCE = "QEMU 7.2, hw/i386/x86.c: x86_load_linux";

const KINDS = "QEMU's -kernel takes Linux images (bzImage), PVH kernels (ELF with a Xen note of type 18) and 32-bit " +
  "kernels for Multiboot 1; build the kernel for one of them.";

/** Rules for a file that is neither ELF nor Multiboot. */
export const imageRules: readonly Rule<QemuView>[] = [
  {
    id: "empty-file",
    outcome: "refuses",
    words: "could not load kernel",
    broken: ({ kind }) => kind === "empty" ? { offset: 0, message: "The file is empty." } : undefined,
    about: "The file has no bytes.",
    why: "There is nothing to boot. QEMU adds the file's name and the text of whichever system error came last.",
    mend: "Look at how the file was made: a failed build or download often leaves an empty file.",
    source: SOURCE,
  },
  {
    id: "image-truncated",
    outcome: "refuses",
    words: "invalid kernel header",
    broken: (view) => isImage(view) ? brokenSetup(view) : undefined,
    about: "The file is taken for a Linux image, and is shorter than the setup code that such an image starts with: " +
      "(setup_sects + 1) * 512 bytes, where 0 sectors count as 4.",
    why: "What is neither ELF, nor Multiboot, nor a Linux image with a setup header is taken for a Linux image from " +
      "before 1996, so QEMU prints this for any short file that it does not recognize.",
    mend: KINDS,
    source: SOURCE,
  },
  {
    id: "not-a-kernel",
    outcome: "fails",
    broken: ({ kind, setup }) => {
      if (kind !== "raw") return undefined;
      const setupSize = hexAddr(setup.setupSize);
      return {
        offset: SETUP_OFFSETS.header,
        message: "The file has no magic number of Linux, Multiboot 1 or ELF, so QEMU takes it for a Linux image from " +
          `before 1996: it runs the first ${setupSize} bytes as 16-bit setup code, whatever they are.`,
      };
    },
    about: "QEMU recognizes nothing in the file: no setup header of Linux, no Multiboot 1 header in its first 8144 " +
      "bytes, no ELF magic number.",
    why: "QEMU does not refuse such a file: Linux images had no magic number before boot protocol 2.00. The guest " +
      "hangs, or restarts again and again.",
    mend: KINDS,
    source: SOURCE,
  },
  {
    id: "setup-code-missing",
    outcome: "fails",
    broken: ({ model, kind }) => {
      const [jump] = model.bytes(JUMP, 1);
      if (kind !== "linux" || jump === SHORT_JUMP || jump === NEAR_JUMP) return undefined;
      const message =
        `The file has Linux's magic number "HdrS" at file offset ${hexAddr(SETUP_OFFSETS.header)}, but the ` +
        `setup code that QEMU enters at ${hexAddr(JUMP)} starts with the byte ${
          hexAddr(jump)
        }, which is not a jump over the setup header.`;
      return { offset: JUMP, message };
    },
    about:
      'A file has "HdrS" at file offset 0x202, and is not a Linux image: its setup code does not start with a jump.',
    why:
      "QEMU takes every file with these four bytes for a Linux image, before it looks at anything else, and enters the " +
      "setup code at file offset 0x200. The setup header begins with a jump over itself.",
    mend: 'Move what has the text "HdrS" at file offset 0x202 of a file that is not a Linux image.',
    source: `${SOURCE}; Linux, Documentation/arch/x86/boot.rst: jump`,
  },
  {
    id: "image-outside-ram",
    outcome: "fails",
    broken: (view) => view.kind === "linux" ? outsideMemory(view) : undefined,
    about:
      "The protected-mode code of a Linux image does not fit into the guest's memory at its address, 1 MiB for a " +
      "bzImage and 0x10000 for a zImage.",
    why: "QEMU does not compare it with the memory; what lies outside is lost.",
    mend: "Give the guest more memory with -m.",
    source: SOURCE,
  },
];

/** `jump`: where the setup code is entered. */
const JUMP = 0x200;
const SHORT_JUMP = 0xeb;
const NEAR_JUMP = 0xe9;

function isImage({ kind }: QemuView): boolean {
  return kind === "linux" || kind === "raw";
}

function brokenSetup({ model, kind, setup }: QemuView): Breach | undefined {
  if (setup.setupSize <= model.length) return undefined;
  const size = `the file has ${hexAddr(model.length)} bytes, and ${hexAddr(setup.setupSize)} are taken for setup code`;
  const message = kind === "linux"
    ? `The image is truncated: ${size}.`
    : `The file has no magic number of Linux, Multiboot 1 or ELF, so QEMU takes it for an old Linux image, and ${size}.`;
  const hint = kind === "linux" ? "Copy or download the image again" : KINDS;
  return { offset: SETUP_OFFSETS.setup_sects, message, hint };
}

function outsideMemory({ model, setup, lowMemory }: QemuView): Breach | undefined {
  const isHigh = setup.version >= 0x200 && (setup.loadflags & LOADED_HIGH) !== 0;
  const start = isHigh ? 0x10_0000 : 0x1_0000;
  const size = model.length - setup.setupSize;
  const end = isHigh ? lowMemory : Math.min(lowMemory, 0x9_0000);
  if (start + size <= end) return undefined;
  const message = `The protected-mode code has ${hexAddr(size)} bytes from ${hexAddr(start)} on, and the memory that ` +
    `it can use ends at ${hexAddr(end)}.`;
  return { offset: setup.setupSize, message };
}
