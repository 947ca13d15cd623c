/**
 * The rules of rust-vmm's linux-loader for Linux images, which several virtual machine monitors share.
 *
 * @module
 */

import { hexAddr } from "../../core/hex.ts";
import { HDRS, LOADED_HIGH, protocolVersion, SETUP_OFFSETS } from "../../formats/bzimage/setup_header.ts";
import type { Rule } from "../rule.ts";
import { isInMemory, lowMemoryEnd } from "../guest_memory.ts";
import { HIGH_MEMORY, type VmmView } from "./view.ts";

const SOURCE = "rust-vmm linux-loader 0.14.0, src/loader/bzimage/mod.rs: load";

type ImageRule = Omit<Rule<VmmView>, "outcome">;

/** What a monitor prints for errors in an image. */
export interface ImageWords {
  /** What it prints for an error of the image's loader. */
  readonly error: (error: string) => string;
  /** What it prints for an image that is to be loaded below 1 MiB. */
  readonly lowStart: string;
}

/**
 * Makes the rules for a monitor.
 *
 * @param words What it prints.
 * @returns The rules, in the order in which linux-loader applies them.
 */
export function imageRules({ error, lowStart }: ImageWords): readonly Rule<VmmView>[] {
  const rules: readonly ImageRule[] = [
    {
      id: "not-a-kernel",
      words: error("Invalid bzImage"),
      broken: ({ setup }) =>
        setup.header === HDRS ? undefined : {
          offset: SETUP_OFFSETS.header,
          message: 'The file has neither the magic number of ELF nor the "HdrS" of a Linux image at file offset 0x202.',
        },
      about: "The file is neither an ELF file nor a Linux image with a setup header.",
      why: "These are the two formats that are known: a kernel as an ELF file (vmlinux) and a bzImage.",
      mend: "Build the kernel as an ELF64 file; unpack it first if it is compressed.",
      source: SOURCE,
    },
    {
      id: "zimage",
      words: error("Invalid bzImage"),
      broken: ({ setup }) => {
        if (setup.version >= 0x200 && (setup.loadflags & LOADED_HIGH) !== 0) return undefined;
        const what = setup.version < 0x200
          ? `boot protocol ${protocolVersion(setup.version)}, and bzImages came with 2.00`
          : `loadflags ${hexAddr(setup.loadflags)}, without bit 0 (LOADED_HIGH): it is not a bzImage`;
        const message = `The image has ${what}.`;
        return { offset: SETUP_OFFSETS.loadflags, message };
      },
      about: "The image's protocol is older than 2.00, or bit 0 of its loadflags (LOADED_HIGH) is clear.",
      why: "It is a zImage, which is loaded below 1 MiB.",
      mend: "Build a bzImage: make bzImage",
      source: SOURCE,
    },
    {
      id: "image-truncated",
      words: error("Underflow occurred during an arithmetic operation"),
      broken: ({ setup, model }) =>
        setup.setupSize <= model.length ? undefined : {
          offset: SETUP_OFFSETS.setup_sects,
          message: `The image is truncated: it has ${hexAddr(model.length)} bytes, and its setup code alone ` +
            `${hexAddr(setup.setupSize)}.`,
        },
      about: "The image is shorter than its setup code, (setup_sects + 1) * 512 bytes.",
      why: "What is loaded is the part after the setup code.",
      mend: "Copy or download the image again.",
      source: SOURCE,
    },
    {
      id: "image-start-low",
      words: lowStart,
      broken: ({ setup }) =>
        setup.code32_start >= HIGH_MEMORY ? undefined : {
          offset: SETUP_OFFSETS.code32_start,
          message: `code32_start is ${hexAddr(setup.code32_start)}, below 1 MiB.`,
        },
      about: "The image's code32_start is below 1 MiB (0x100000).",
      why: "The protected-mode code is loaded there, and everything below is for tables of the monitor.",
      mend: "Leave code32_start as Linux's build sets it, 0x100000.",
      source: SOURCE,
    },
    {
      id: "image-outside-ram",
      words: error("Unable to read bzImage compressed kernel"),
      broken: ({ setup, model, memory }) => {
        const size = model.length - setup.setupSize;
        if (isInMemory(memory, BigInt(setup.code32_start), BigInt(size))) return undefined;
        const message = `The image's ${hexAddr(size)} bytes of protected-mode code are loaded at ` +
          `${hexAddr(setup.code32_start)}, and memory below 4 GiB ends at ${hexAddr(lowMemoryEnd(memory))}.`;
        return { offset: setup.setupSize, message };
      },
      about: "The image's protected-mode code does not fit into the guest's memory at code32_start.",
      why: "It is loaded as one piece.",
      mend: "Give the guest more memory.",
      source: SOURCE,
    },
  ];
  return rules.map((rule): Rule<VmmView> => ({
    outcome: "refuses",
    ...rule,
    broken: (view) => view.kind === "image" ? rule.broken(view) : undefined,
  }));
}
