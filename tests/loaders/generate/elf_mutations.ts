/** Deviations in the ELF headers, which every loader sees. */

import { ELFDATA2MSB, PT_LOAD, PT_NOTE, RECORD_SIZES } from "../../../core/elf/constants.ts";
import { changeSegment, type KernelSpec, type Mutation, type SectionSpec, TEXT, withSegment } from "./kernel.ts";
import type { Choices } from "./random.ts";

function withHeader(kernel: KernelSpec, header: KernelSpec["header"]): KernelSpec {
  return { ...kernel, header: { ...kernel.header, ...header } };
}

/** Sizes and offsets at which something changes, and their neighbours. */
function odd(random: Choices): bigint {
  const size = BigInt(random.of([0, 1, 8, 0x10, 0x20, 0x100, 0x1000, 0x2000, 0x1_0000, 0x10_0000]));
  const value = size + BigInt(random.of([-1, 0, 0, 0, 1, 7]));
  return value < 0n ? 0n : value;
}

function withSection(kernel: KernelSpec, section: Partial<SectionSpec>): KernelSpec {
  const full = { sh_type: 1, sh_addr: 0n, sh_offset: 0x2000n, sh_size: 0x80n, sh_addralign: 1n, ...section };
  const none = { sh_type: 0, sh_addr: 0n, sh_offset: 0n, sh_size: 0n, sh_addralign: 0n };
  return { ...kernel, sections: [...(kernel.sections.length === 0 ? [none] : kernel.sections), full] };
}

/** Every deviation. */
export const ELF_MUTATIONS: readonly Mutation[] = [
  { name: "more-segments", apply: (kernel, random) => withSegment(kernel, { p_filesz: odd(random) % 0x200n }) },
  { name: "big-endian", apply: (kernel, random) => withHeader(kernel, { EI_DATA: random.of([ELFDATA2MSB, 0, 3]) }) },
  { name: "class", apply: (kernel, random) => withHeader(kernel, { EI_CLASS: random.of([0, 1, 2, 3, 255]) }) },
  { name: "machine", apply: (kernel, random) => withHeader(kernel, { e_machine: random.of([0, 3, 6, 40, 62, 183]) }) },
  { name: "type", apply: (kernel, random) => withHeader(kernel, { e_type: random.of([0, 1, 3, 4, 0xfe00]) }) },
  { name: "version", apply: (kernel, random) => withHeader(kernel, { e_version: random.of([0, 2]) }) },
  {
    name: "entry-out",
    apply: (kernel, random) => {
      const { p_vaddr, p_paddr, p_filesz, p_memsz } = kernel.segments[0];
      return withHeader(kernel, {
        e_entry: random.of([
          ...[0n, p_paddr + 0x400n, p_vaddr - 1n, p_vaddr + p_filesz, p_vaddr + p_memsz, p_vaddr + 0x40_0000n],
          ...[2n ** 64n - 1n, p_vaddr + 0x480n],
        ]),
      });
    },
  },
  {
    name: "note-around-entry",
    apply: (kernel, random) => {
      const { p_vaddr, p_paddr } = kernel.segments[0];
      const note = {
        ...{ p_type: PT_NOTE, p_flags: 4, p_offset: 0x2000n, p_vaddr, p_filesz: 0n, p_memsz: 0x1000n, p_align: 4n },
        p_paddr: p_paddr + random.of([0n, 0x1000n, 2n ** 32n, -p_paddr]),
      };
      return { ...kernel, segments: [note, ...kernel.segments] };
    },
  },
  {
    name: "above-4g",
    apply: (kernel, random) => {
      const index = random.below(kernel.segments.length);
      const { p_memsz } = kernel.segments[index];
      const end = 2n ** 32n;
      const p_paddr = random.of([
        end,
        end - p_memsz,
        end - p_memsz - 1n,
        end - p_memsz + 1n,
        2n ** 64n - p_memsz,
        2n * end,
      ]);
      return changeSegment(kernel, index, { p_paddr });
    },
  },
  {
    name: "overlapping",
    apply: (kernel, random) => {
      const { p_paddr, p_memsz } = kernel.segments[0];
      const at = p_paddr + random.of([0n, 1n, p_memsz - 1n, p_memsz, -0x100n, -0xffn, -0x101n]);
      return withSegment(kernel, { p_paddr: at, p_memsz: random.of([0x100n, 0x2000n]), p_filesz: 0x100n });
    },
  },
  {
    name: "empty-load",
    apply: (kernel, random) => {
      const { p_paddr, p_memsz } = kernel.segments[0];
      const empty = {
        ...kernel.segments[0],
        ...{ p_paddr: p_paddr + random.of([0n, 1n, p_memsz, p_memsz - 1n, 0x20_0000n]), p_filesz: 0n, p_memsz: 0n },
      };
      const times = random.of([1, 1, 2]);
      const added = Array.from({ length: times }, () => empty);
      return { ...kernel, segments: random.once(2) ? [...added, ...kernel.segments] : [...kernel.segments, ...added] };
    },
  },
  {
    name: "filesz-larger",
    apply: (kernel, random) => {
      const p_filesz = random.of([0x40n, 0x100n, 0x123n, 0x1000n]);
      const p_memsz = random.of([0n, 1n, 0x20n, p_filesz - 1n, p_filesz - 0x10n, p_filesz / 2n]);
      const isFirst = random.once(3);
      if (isFirst) return changeSegment(kernel, 0, { p_memsz: random.of([0n, 0x480n, 0x4f0n, 0x4ffn]) });
      return withSegment(kernel, { p_filesz, p_memsz, p_offset: 0x1100n });
    },
  },
  {
    name: "past-end",
    apply: (kernel, random) => {
      const p_offset = random.of([0x2180n, 0x2300n, 0x10_0000n, 2n ** 40n, 2n ** 64n - 0x100n]);
      return withSegment(kernel, { p_offset, p_filesz: random.of([0n, 1n, 0x100n, 0x1000n]), p_memsz: 0x1000n });
    },
  },
  {
    name: "filesz-wide",
    apply: (kernel, random) =>
      withSegment(kernel, { p_filesz: 2n ** 32n * random.of([1n, 2n]) + random.of([0n, 0x100n]), p_memsz: 0x200n }),
  },
  {
    name: "cut",
    apply: (kernel, random) => ({
      ...kernel,
      length: random.of([0, 31, 32, 63, 64, 100, 0x1000, 0x1010, 0x1400, TEXT.offset + TEXT.size, 0x2000, 0x2100]),
    }),
  },
  {
    name: "longer",
    apply: (kernel, random) => ({ ...kernel, length: random.of([0x8000, 0x8001, 0x1_0003, 0x4_0000]) }),
  },
  {
    name: "phdr-far",
    apply: (kernel, random) => {
      const size = RECORD_SIZES[kernel.fileClass].programHeader * kernel.segments.length;
      const end = random.of([8192, 8193, 8200, 32_768, 32_769, 40_000, 0x2400]);
      return withHeader(kernel, { e_phoff: BigInt(end - size) });
    },
  },
  {
    name: "phentsize",
    apply: (kernel, random) => withHeader(kernel, { e_phentsize: random.of([0, 32, 40, 48, 56, 57, 64, 72, 0x1000]) }),
  },
  {
    name: "phnum",
    apply: (kernel, random) => withHeader(kernel, { e_phnum: random.of([0, 2, 5, 100, 600, 0xffff]) }),
  },
  {
    name: "low",
    apply: (kernel, random) => {
      const p_paddr = random.of([0n, 0x500n, 0x7c00n, 0x8000n, 0x1_0000n, 0x9_0000n, 0x9_f000n, 0xa_0000n, 0xc_0000n]);
      return withSegment(kernel, { p_paddr, p_memsz: 0x100n + odd(random) % 0x2000n });
    },
  },
  {
    name: "code-elsewhere",
    apply: (kernel, random) => {
      const p_paddr = random.of([
        ...[0n, 0x1000n, 0x8000n, 0x1_0000n, 0x7_0000n, 0x9_0000n, 0x10_0200n, 0x10_0010n, 0x80_0000n, 0x800_0000n],
        ...[0x2000_0000n, 0xffe_0000n, 0xff0_0000n],
      ]);
      return changeSegment(kernel, 0, { p_paddr });
    },
  },
  {
    name: "high",
    apply: (kernel, random) => {
      const p_paddr = random.of([0xfe0_0000n, 0xff0_0000n, 0xfff_0000n, 0x1000_0000n, 0x8000_0000n, 0xfee0_0000n]);
      return withSegment(kernel, { p_paddr, p_memsz: 0x100n + odd(random) % 0x1_0000n });
    },
  },
  {
    name: "large",
    apply: (kernel, random) => {
      const size = random.of([
        0x100_0000n,
        0x700_0000n,
        0xe00_0000n,
        0xf00_0000n,
        0xfe0_0000n,
        0x1000_0000n,
        0x8000_0000n,
      ]);
      const p_paddr = random.of([0n, 0x1000n, 0x20_0000n, 0x100_0000n]);
      return withSegment(kernel, { p_paddr, p_memsz: size });
    },
  },
  {
    name: "type-other",
    apply: (kernel, random) =>
      withSegment(kernel, { p_type: random.of([0, 3, 6, 7, 0x6474_e551, 0x7000_0000]), p_paddr: 2n ** 33n }),
  },
  {
    name: "relocations",
    apply: (kernel, random) =>
      withSection(kernel, {
        sh_type: random.of([4, 9, 9, 11]),
        sh_addr: random.of([0n, 0x1000n]),
        sh_size: odd(random) % 0x30n,
      }),
  },
  {
    name: "debug-section",
    apply: (kernel, random) =>
      withSection(kernel, { sh_size: odd(random) % 0x200n, sh_addralign: random.of([1n, 2n, 8n, 4096n]) }),
  },
  {
    name: "section-align",
    apply: (kernel, random) =>
      withSection(kernel, { sh_addralign: random.of([0n, 3n, 2n ** 31n, 2n ** 40n, 0x1_0000n]) }),
  },
  {
    name: "section-past-end",
    apply: (kernel, random) => {
      const sh_offset = random.of([0x2000n, 0x2210n, 0x3000n, 2n ** 40n]);
      const sh_size = random.of([0n, 0x80n, 0x1000n, 2n ** 32n, 2n ** 32n + 0x10n, 0x1000_0000n]);
      return withSection(kernel, { sh_offset, sh_size, sh_type: random.of([1, 8]), sh_addr: random.of([0n, 0n, 1n]) });
    },
  },
  {
    name: "section-table-cut",
    apply: (kernel, random) =>
      withHeader(withSection(kernel, {}), {
        ...random.of<KernelSpec["header"]>([
          { e_shnum: 3 },
          { e_shnum: 100 },
          { e_shoff: 0x10_0000n },
          { e_shoff: 2n ** 63n },
          { e_shoff: 0x2380n },
          { e_shentsize: 0 },
          { e_shentsize: 40 },
          { e_shentsize: 80 },
        ]),
      }),
  },
  {
    name: "no-loads",
    apply: (kernel, random) => ({
      ...kernel,
      segments: kernel.segments.map((segment) =>
        segment.p_type === PT_LOAD ? { ...segment, p_type: random.of([0, 6]) } : segment
      ),
    }),
  },
];
