/**
 * Firecracker: ELF files by rust-vmm's linux-loader, entered by PVH or Linux's 64-bit protocol, and bzImages.
 *
 * @module
 */

import { E_ENTRY } from "../core/elf/file_header.ts";
import { hexAddr } from "../core/hex.ts";
import { protocolVersion, SETUP_OFFSETS, VERSION_OF, XLF_KERNEL_64 } from "../formats/bzimage/setup_header.ts";
import { rulesLoader } from "./engine.ts";
import type { Loader } from "./loader.ts";
import type { Rule } from "./rule.ts";
import { linuxLoaderRules } from "./vmm/elf_rules.ts";
import { imageRules } from "./vmm/image_rules.ts";
import { outsideLoad, startRules } from "./vmm/start_rules.ts";
import { type VmmView, vmmView } from "./vmm/view.ts";

const SOURCE = "Firecracker 81b38b9d, src/vmm/src/arch/x86_64/mod.rs: load_kernel";

/** What Firecracker prints before linux-loader's own words. */
const PREFIX = "Cannot load kernel due to invalid memory configuration or invalid kernel image: Kernel Loader: ";

/** The 64-bit entry of an image, from its load address. */
const ENTRY_64 = 0x200;

/** Firecracker maps so much memory for a kernel that it enters in 64-bit mode. */
const IDENTITY_MAPPED = 1n << 30n;

const imageEntryRules: readonly Rule<VmmView>[] = [
  {
    id: "image-no-64-bit-entry",
    outcome: "refuses",
    words: "bzImage does not provide a 64-bit entry point",
    broken: ({ kind, setup }) => {
      const has64 = setup.version >= VERSION_OF.xloadflags && (setup.xloadflags & XLF_KERNEL_64) !== 0;
      if (kind !== "image" || has64) return undefined;
      const message = setup.version < VERSION_OF.xloadflags
        ? `The image has boot protocol ${protocolVersion(setup.version)}, and 64-bit entries came with 2.12.`
        : `Bit 0 of xloadflags (${
          hexAddr(setup.xloadflags)
        }), XLF_KERNEL_64, is clear: the kernel has no 64-bit entry.`;
      return { offset: SETUP_OFFSETS.xloadflags, message };
    },
    about: "A bzImage has a boot protocol older than 2.12, or bit 0 of its xloadflags (XLF_KERNEL_64) is clear.",
    why: "Firecracker enters an image in 64-bit mode, 0x200 bytes after its load address.",
    mend: "Build a 64-bit kernel (CONFIG_64BIT=y) of Linux 3.8 or newer.",
    source: `${SOURCE}; bzImages are loaded since 2026`,
    versions: "81b38b9d; older ones do not load bzImages",
  },
  {
    id: "image-entry-past-end",
    outcome: "fails",
    broken: ({ kind, setup, model }) =>
      kind === "image" && model.length - setup.setupSize <= ENTRY_64
        ? {
          offset: setup.setupSize,
          message:
            `The image has ${hexAddr(model.length - setup.setupSize)} bytes of protected-mode code, and its 64-bit ` +
            `entry would be ${hexAddr(ENTRY_64)} bytes after their start.`,
        }
        : undefined,
    about: "A bzImage's protected-mode code has no more than 0x200 bytes.",
    why: "The 64-bit entry is 0x200 bytes after its start, and nothing is loaded there.",
    mend: "Copy or download the image again.",
    source: SOURCE,
  },
];

const linuxEntryRules: readonly Rule<VmmView>[] = [
  {
    id: "entry-outside-load",
    outcome: "fails",
    broken: (view) => {
      const { kind, header, pvhEntry } = view;
      if (kind !== "elf" || !header || pvhEntry !== undefined) return undefined;
      const breach = outsideLoad(
        view,
        header.e_entry,
        "Without a Xen note of type 18 in the last PT_NOTE, e_entry names",
      );
      return breach && { offset: E_ENTRY, ...breach };
    },
    about: "A kernel without a PVH note is entered by Linux's 64-bit protocol at e_entry, as a physical address, " +
      "and no PT_LOAD puts bytes of the file there.",
    why:
      "Linux's own e_entry is a physical address. Other kernels' e_entry is most often a virtual one, which is not " +
      "mapped yet: the guest crashes at once.",
    mend:
      "Add a Xen note of type 18 with the physical address of a 32-bit entry; or make e_entry the physical address of " +
      "a 64-bit entry: ENTRY(phys_start) with phys_start = start - KERNEL_OFFSET;",
    source: SOURCE,
  },
  {
    id: "entry-outside-identity-map",
    outcome: "fails",
    broken: ({ kind, header, pvhEntry }) =>
      kind === "elf" && header && pvhEntry === undefined && header.e_entry >= IDENTITY_MAPPED
        ? {
          offset: E_ENTRY,
          message:
            `e_entry is ${hexAddr(header.e_entry)}, and only the first GiB is mapped when a kernel is entered by ` +
            "Linux's 64-bit protocol.",
        }
        : undefined,
    about: "A kernel without a PVH note has an e_entry of 1 GiB or more.",
    why: "Firecracker's page tables map the first GiB, with 512 pages of 2 MiB.",
    mend: "Link the kernel to a lower physical address.",
    source: "Firecracker 81b38b9d, src/vmm/src/arch/x86_64/regs.rs: setup_page_tables",
  },
];

/** Firecracker. */
export const firecracker: Loader = rulesLoader({
  name: "firecracker",
  title: "Firecracker",
  versions: "81b38b9d (August 2026), with linux-loader 0.14.0",
  protocols: ["pvh"],
  parts: ["head", "notes"],
  view: vmmView,
  rules: [
    ...linuxLoaderRules(
      (error) => `${PREFIX}failed to load ELF kernel image: Kernel Loader: ${error}`,
      `${PREFIX}memory to load kernel image is not enough`,
    ),
    ...imageRules({
      error: (error) => `${PREFIX}failed to load bzImage kernel image: Kernel Loader: ${error}`,
      lowStart: `${PREFIX}invalid kernel start address`,
    }),
    ...imageEntryRules,
    ...startRules,
    ...linuxEntryRules,
  ],
});
