/**
 * The verdicts on virtual machine monitors, which cannot be run everywhere: for each rule a kernel that breaks it, with
 * the words of the monitor's source, and a neighbour that keeps it.
 */

import { assertEquals } from "@std/assert";
import { cloudHypervisor } from "../../loaders/cloud_hypervisor.ts";
import { firecracker } from "../../loaders/firecracker.ts";
import type { Loader } from "../../loaders/loader.ts";
import { openVmm } from "../../loaders/openvmm.ts";
import { judgeFile } from "./judge.ts";
import { BUILD_ID, CODE, dataAt, entryNote, joined, linuxImage, pvhKernel, words32 } from "./pvh_kernels.ts";

interface Case {
  readonly rule: string;
  /** A file that breaks it. */
  readonly breaks: Uint8Array;
  /** What the monitor prints of it; nothing if the guest fails. */
  readonly words?: string;
  /** A file that keeps it and boots. Default: the well-formed PVH kernel. */
  readonly keeps?: Uint8Array;
}

const GOOD = pvhKernel();
const IMAGE = linuxImage();
const MIB = 0x10_0000n;
const HIGHEST = (1n << 64n) - 1n;

/** An entry note after one that is padded to 8 bytes, in a segment that says so. */
const PADDED_TO_8 = joined(words32(4, 12, 5, 0x554e47, 0, 0, 0, 0), entryNote());

const elf = (error: string): string => `failed to load ELF kernel image: Kernel Loader: ${error}`;
const image = (error: string): string => `failed to load bzImage kernel image: Kernel Loader: ${error}`;

/** Deviations that linux-loader finds in an ELF file, with its words. */
const LINUX_LOADER: readonly Case[] = [
  { rule: "file-too-short", breaks: GOOD.slice(0, 63), words: "Unable to read elf header" },
  {
    rule: "data-encoding-unsupported",
    breaks: pvhKernel({ header: { EI_DATA: 2 } }),
    words: "Trying to load big-endian binary on little-endian machine",
  },
  {
    rule: "record-size-mismatch",
    breaks: pvhKernel({ header: { e_phentsize: 64 } }),
    words: "Invalid program header size",
    keeps: pvhKernel({ header: { EI_CLASS: 1 } }),
  },
  {
    rule: "program-headers-in-file-header",
    breaks: pvhKernel({ header: { e_phoff: 63n } }),
    words: "Invalid program header offset",
    keeps: pvhKernel({ header: { e_phoff: 65n } }),
  },
  {
    rule: "pvh-e-entry-low",
    breaks: pvhKernel({ header: { e_entry: MIB - 1n } }),
    words: "Invalid entry address",
    keeps: pvhKernel({ header: { e_entry: MIB } }),
  },
  {
    rule: "program-headers-out-of-file",
    breaks: pvhKernel({ header: { e_phnum: 219 } }),
    words: "Unable to read program header",
    keeps: pvhKernel({ header: { e_phnum: 2 } }),
  },
  {
    rule: "note-malformed",
    breaks: pvhKernel({ notes: entryNote(CODE, 3) }),
    words: "Invalid PVH note header",
    keeps: pvhKernel({ notes: entryNote(CODE, 8) }),
  },
  {
    rule: "note-malformed",
    breaks: pvhKernel({ noteHeader: { offset: 0x2ff8, filesz: 8, data: undefined } }),
    words: "Unable to read note header",
    keeps: pvhKernel({ noteHeader: { offset: 0x2f00 } }),
  },
  {
    rule: "segment-out-of-file",
    breaks: pvhKernel({ more: [dataAt(0x20_0000n, { offset: 0x2f01 })] }),
    words: "Unable to read kernel image",
    keeps: pvhKernel({ more: [dataAt(0x20_0000n, { offset: 0x2f00 })] }),
  },
  {
    rule: "phys-outside-ram",
    breaks: pvhKernel({ more: [dataAt(0xfff_ff01n)] }),
    words: "Unable to read kernel image",
    keeps: pvhKernel({ more: [dataAt(0xfff_ff00n)] }),
  },
];

/** Deviations that it does not look at: the guest fails. */
const UNCHECKED: readonly Case[] = [
  {
    rule: "machine-unchecked",
    breaks: pvhKernel({ header: { e_machine: 183 } }),
    keeps: pvhKernel({ header: { e_machine: 3 } }),
  },
  {
    rule: "pvh-entry-outside-load",
    breaks: pvhKernel({ notes: entryNote(CODE + 0x40) }),
    keeps: pvhKernel({ notes: entryNote(CODE + 0x3f) }),
  },
];

/** Deviations of images. */
const IMAGES: readonly Case[] = [
  { rule: "not-a-kernel", breaks: linuxImage({ header: "hdrs" }), words: image("Invalid bzImage"), keeps: IMAGE },
  { rule: "zimage", breaks: linuxImage({ loadflags: 0xfe }), words: image("Invalid bzImage"), keeps: IMAGE },
  {
    rule: "image-truncated",
    breaks: linuxImage({ length: 0x9ff }),
    words: image("Underflow occurred during an arithmetic operation"),
    keeps: linuxImage({ setup_sects: 0 }),
  },
  {
    rule: "image-start-low",
    breaks: linuxImage({ code32_start: 0xf_ffff }),
    words: "invalid kernel start address",
    keeps: linuxImage({ code32_start: 0x10_0000 }),
  },
  {
    rule: "image-outside-ram",
    breaks: linuxImage({ code32_start: 0x1000_0000 - 0x15ff }),
    words: image("Unable to read bzImage compressed kernel"),
    keeps: linuxImage({ code32_start: 0x1000_0000 - 0x1600 }),
  },
];

const FIRECRACKER = "Cannot load kernel due to invalid memory configuration or invalid kernel image: Kernel Loader: ";

const OVERFLOW = pvhKernel({ more: [dataAt(MIB * 2n, { p_memsz: HIGHEST })] });

const FIRECRACKER_CASES: readonly Case[] = [
  ...LINUX_LOADER.map((one) => ({ ...one, words: FIRECRACKER + elf(one.words ?? "") })),
  {
    rule: "phys-address-overflow",
    breaks: OVERFLOW,
    words: `${FIRECRACKER}memory to load kernel image is not enough`,
    keeps: pvhKernel({ more: [dataAt(MIB * 2n, { p_memsz: HIGHEST - MIB * 2n })] }),
  },
  ...IMAGES.map((one) => ({ ...one, words: FIRECRACKER + one.words })),
  {
    rule: "image-no-64-bit-entry",
    breaks: linuxImage({ xloadflags: 0xfffe }),
    words: "bzImage does not provide a 64-bit entry point",
    keeps: IMAGE,
  },
  {
    rule: "image-no-64-bit-entry",
    breaks: linuxImage({ version: 0x20b }),
    words: "bzImage does not provide a 64-bit entry point",
    keeps: linuxImage({ version: 0x20c }),
  },
  { rule: "image-entry-past-end", breaks: linuxImage({ length: 0xc00 }), keeps: linuxImage({ length: 0xc01 }) },
  ...UNCHECKED,
  {
    rule: "entry-outside-load",
    breaks: pvhKernel({ notes: null, header: { e_entry: 0xffff_ffff_8010_0000n } }),
    keeps: pvhKernel({ notes: null, header: { e_entry: MIB + 0x3fn } }),
  },
  {
    rule: "entry-outside-identity-map",
    breaks: pvhKernel({ notes: null, header: { e_entry: 0x4000_0000n }, more: [dataAt(0x4000_0000n)] }),
    keeps: pvhKernel({ notes: null, header: { e_entry: 0x3fff_ffffn }, more: [dataAt(0x3fff_ff00n)] }),
  },
];

const CLOUD_HYPERVISOR_CASES: readonly Case[] = [
  // What is wrong with an ELF file is never printed: it is tried as a bzImage next.
  ...LINUX_LOADER.map((one) => ({ ...one, words: `Kernel Loader: ${image("Invalid bzImage")}` })),
  { rule: "phys-address-overflow", breaks: OVERFLOW, words: `Kernel Loader: ${image("Invalid bzImage")}` },
  ...IMAGES.map((one) => ({ ...one, words: `Kernel Loader: ${one.words}` })),
  {
    rule: "pvh-note-missing",
    breaks: pvhKernel({ notes: BUILD_ID }),
    words: "Kernel lacks PVH header",
    keeps: pvhKernel({ notes: joined(BUILD_ID, entryNote()) }),
  },
  {
    rule: "pvh-note-missing",
    breaks: pvhKernel({ more: [{ p_type: 4, offset: 0x900, data: BUILD_ID, p_align: 4n }] }),
    words: "Kernel lacks PVH header",
    keeps: pvhKernel({ notes: BUILD_ID, more: [{ p_type: 4, offset: 0x900, data: entryNote(), p_align: 4n }] }),
  },
  { rule: "image-entry-past-end", breaks: linuxImage({ length: 0xa00 }), keeps: linuxImage({ length: 0xa01 }) },
  ...UNCHECKED,
];

const OPENVMM_CASES: readonly Case[] = [
  { rule: "file-too-short", breaks: GOOD.slice(0, 63), words: "failed to read the ELF64 header" },
  { rule: "not-elf", breaks: IMAGE, words: "invalid ELF64 header" },
  { rule: "not-elf", breaks: pvhKernel({ header: { EI_CLASS: 1 } }), words: "invalid ELF64 header" },
  { rule: "not-elf", breaks: pvhKernel({ header: { EI_VERSION: 0 } }), words: "invalid ELF64 header" },
  {
    rule: "data-encoding-unsupported",
    breaks: pvhKernel({ header: { EI_DATA: 2 } }),
    words: "PVH kernel is not little-endian",
  },
  {
    rule: "machine-unsupported",
    breaks: pvhKernel({ header: { e_machine: 3 } }),
    words: "PVH kernel is not an x86-64 ELF image",
  },
  {
    rule: "record-size-mismatch",
    breaks: pvhKernel({ header: { e_phentsize: 64 } }),
    words: "failed to parse ELF program headers",
  },
  {
    rule: "program-headers-out-of-file",
    breaks: pvhKernel({ header: { e_phnum: 219 } }),
    words: "failed to parse ELF program headers",
  },
  {
    rule: "segment-offset-overflow",
    breaks: withPhdr(2, { p_offset: HIGHEST, p_filesz: 1n }),
    words: "ELF program header arithmetic overflowed",
    keeps: withPhdr(2, { p_offset: 0x2fffn, p_filesz: 1n }),
  },
  {
    rule: "segment-out-of-file",
    breaks: withPhdr(2, { p_offset: 0x2fffn, p_filesz: 2n }),
    words: "ELF segment lies outside the kernel image",
    keeps: withPhdr(2, { p_offset: 0x2fffn, p_filesz: 1n }),
  },
  {
    rule: "filesz-gt-memsz",
    breaks: pvhKernel({ code: { p_memsz: 0x3fn } }),
    words: "ELF segment file size exceeds its memory size",
    keeps: pvhKernel({ code: { p_memsz: 0x40n } }),
  },
  {
    rule: "empty-load",
    breaks: pvhKernel({ more: [dataAt(0x20_0000n, { filesz: 0 })] }),
    words: "ELF load segment is empty",
    keeps: pvhKernel({ more: [dataAt(0x20_0000n, { filesz: 0, p_memsz: 1n })] }),
  },
  {
    rule: "phys-address-overflow",
    breaks: OVERFLOW,
    words: "ELF program header arithmetic overflowed",
  },
  {
    rule: "load-below-1m",
    breaks: pvhKernel({ more: [dataAt(0xf_f000n)] }),
    words: "ELF load segment at 0xff000..0xff100 is below 1 MiB",
    keeps: pvhKernel({ more: [dataAt(0x10_1000n)] }),
  },
  {
    rule: "notes-too-large",
    breaks: pvhKernel({ notes: new Uint8Array(2 ** 20 + 1), noteHeader: { offset: 0x2000 }, length: 2 ** 21 }),
    words: "ELF note segment exceeds the 1-MiB parser bound",
    keeps: pvhKernel({
      notes: joined(entryNote(), words32(0, 2 ** 20 - 32, 0), new Uint8Array(2 ** 20 - 32)),
      ...{ noteHeader: { offset: 0x2000 }, length: 2 ** 21 },
    }),
  },
  {
    rule: "no-load-segment",
    breaks: pvhKernel({ code: { p_type: 0 } }),
    words: "kernel does not contain XEN_ELFNOTE_PHYS32_ENTRY",
  },
  {
    rule: "phys-page-shared",
    breaks: pvhKernel({ more: [dataAt(0x10_0fffn)] }),
    words: "ELF load segments overlap at page granularity",
    keeps: pvhKernel({ more: [dataAt(0x10_1000n)] }),
  },
  {
    rule: "note-malformed",
    breaks: pvhKernel({ notes: entryNote(CODE, 5) }),
    words: "malformed ELF note",
    keeps: pvhKernel({ notes: entryNote(CODE, 8) }),
  },
  {
    rule: "note-malformed",
    breaks: pvhKernel({ notes: joined(entryNote(), new Uint8Array(11)) }),
    words: "malformed ELF note",
    keeps: pvhKernel({ notes: joined(entryNote(), new Uint8Array(12)) }),
  },
  {
    rule: "pvh-note-duplicate",
    breaks: pvhKernel({ notes: joined(entryNote(), entryNote()) }),
    words: "multiple Xen PVH entry notes are present",
    keeps: pvhKernel({ notes: joined(entryNote(), BUILD_ID) }),
  },
  {
    rule: "pvh-note-missing",
    breaks: pvhKernel({ notes: BUILD_ID }),
    words: "kernel does not contain XEN_ELFNOTE_PHYS32_ENTRY",
  },
  {
    rule: "pvh-entry-above-4g",
    breaks: pvhKernel({ notes: entryNote(0x1_0010_0000n, 8) }),
    words: "Xen PVH entry address does not fit in 32 bits",
    keeps: pvhKernel({ notes: entryNote(0x10_0000n, 8) }),
  },
  {
    rule: "pvh-entry-outside-load",
    breaks: pvhKernel({ notes: entryNote(CODE + 0x40) }),
    words: "Xen PVH entry address is not within a load segment",
    keeps: pvhKernel({ notes: entryNote(CODE + 0x3f) }),
  },
  {
    rule: "phys-outside-ram",
    breaks: pvhKernel({ more: [dataAt(0xfff_f000n, { p_memsz: 0x1001n })] }),
    words: "required guest range 0xffff000..0x10001000 for pvh-kernel is outside declared RAM",
    keeps: pvhKernel({ more: [dataAt(0xfff_f000n, { p_memsz: 0x1000n })] }),
  },
  {
    rule: "pvh-entry-in-bss",
    breaks: pvhKernel({ code: { p_memsz: 0x41n }, notes: entryNote(CODE + 0x40) }),
    keeps: pvhKernel({ code: { p_memsz: 0x41n }, notes: entryNote(CODE + 0x3f) }),
  },
];

/** A kernel with a third program header, of a type that is not loaded, written into its table as it is. */
function withPhdr(index: number, { p_offset, p_filesz }: { p_offset: bigint; p_filesz: bigint }): Uint8Array {
  const bytes = pvhKernel({ header: { e_phnum: index + 1 } });
  const view = new DataView(bytes.buffer);
  const at = 0x40 + index * 56;
  view.setUint32(at, 0x6474_e551, true);
  view.setBigUint64(at + 8, p_offset, true);
  view.setBigUint64(at + 32, p_filesz, true);
  return bytes;
}

const TABLES: readonly (readonly [Loader, readonly Case[], number])[] = [
  [firecracker, FIRECRACKER_CASES, 2 ** 28],
  [cloudHypervisor, CLOUD_HYPERVISOR_CASES, 2 ** 28],
  [openVmm, OPENVMM_CASES, 2 ** 28],
];

for (const [loader, cases, memory] of TABLES) {
  for (const { rule, breaks, words, keeps = GOOD } of cases) {
    Deno.test(`${loader.name}: ${rule} is broken by a kernel, and kept by its neighbour`, async () => {
      // The two rules on the first GiB need a guest that has more.
      const size = rule === "entry-outside-identity-map" ? 2 ** 31 : memory;
      const broken = await judgeFile(loader, breaks, size);
      const outcome = words === undefined ? "fails" : "refuses";
      assertEquals([broken.rule, broken.outcome, broken.words], [rule, outcome, words], broken.message);
      const kept = await judgeFile(loader, keeps, size);
      assertEquals([kept.rule, kept.outcome], [undefined, "boots"], kept.message);
    });
  }

  Deno.test(`${loader.name}: every rule has a kernel that breaks it`, () => {
    assertEquals([...new Set(cases.map(({ rule }) => rule))].sort(), loader.rules.map(({ id }) => id).sort());
  });
}

Deno.test("a note after one that is padded to 8 bytes is missed or refused where padding is always 4", async () => {
  const kernel = pvhKernel({ notes: PADDED_TO_8, noteHeader: { p_align: 8n } });
  const verdicts = [];
  for (const loader of [firecracker, cloudHypervisor, openVmm]) verdicts.push((await judgeFile(loader, kernel)).rule);
  assertEquals(verdicts, [undefined, "pvh-note-missing", "note-malformed"]);
});

Deno.test("cloud-hypervisor loads a refused ELF file with a setup header as an image", async () => {
  const kernel = pvhKernel({ header: { e_entry: 0n } });
  const image = linuxImage();
  kernel.set(image.subarray(0x1f1, 0x270), 0x1f1);
  assertEquals((await judgeFile(cloudHypervisor, kernel)).outcome, "boots");
  assertEquals((await judgeFile(firecracker, kernel)).rule, "pvh-e-entry-low");
});

Deno.test("memory above the gap below 4 GiB takes segments of monitors' guests", async () => {
  const kernel = pvhKernel({ more: [dataAt(0x1_0000_0000n)] });
  const inGap = pvhKernel({ more: [dataAt(0xc000_0000n)] });
  for (const loader of [firecracker, cloudHypervisor, openVmm]) {
    assertEquals((await judgeFile(loader, kernel, 2 ** 32)).outcome, "boots", loader.name);
    assertEquals((await judgeFile(loader, inGap, 2 ** 32)).rule, "phys-outside-ram", loader.name);
  }
});
