/** Limine 12: for each rule a kernel that breaks it, and a neighbour that keeps it. The words are those of its source. */

import { assertEquals } from "@std/assert";
import { ET_DYN, ET_EXEC, PF_R, PF_W } from "../../core/elf/constants.ts";
import { LOADERS } from "../../loaders/all_loaders.ts";
import type { SegmentSpec } from "../elf_builder.ts";
import * as limine from "./limine_kernel.ts";
import { ask, BASE, code, data, DYNAMIC, dynamic, kernel, rela, request, revision, symbol } from "./limine_kernel.ts";

/** A rule, a kernel that breaks it, one that does not, and what is printed. */
type Case = readonly [rule: string, broken: Uint8Array, kept: Uint8Array, words?: string];

const plain = kernel();
const big = (values: Uint8Array, change: (view: DataView) => void): Uint8Array => {
  const copy = values.slice();
  change(new DataView(copy.buffer));
  return copy;
};

/** A PE file of nothing but headers: "MZ", the PE header at 0x80, its machine. */
function pe(machine: number): Uint8Array {
  return big(new Uint8Array(0x200), (view) => {
    view.setUint16(0, 0x5a4d, true);
    view.setUint32(60, 0x80, true);
    view.setUint32(0x80, 0x4550, true);
    view.setUint16(0x84, machine, true);
  });
}

function relocated(relocations: Uint8Array, change: readonly (readonly [bigint, bigint])[] = []): Uint8Array {
  const entries = new Map<bigint, bigint>([
    ...([[7n, DYNAMIC + 0x200n], [8n, BigInt(relocations.length)], [9n, 24n], [6n, DYNAMIC + 0x500n]] as const),
    ...([[11n, 24n], [5n, DYNAMIC + 0x580n]] as const),
    ...change,
  ]);
  const symbols = new Uint8Array([...new Uint8Array(24), ...symbol(1, 1, 0), ...symbol(1, 2, 0), ...symbol(1, 1, 1)]);
  const strings = new TextEncoder().encode("\0missing\0");
  return kernel({ more: dynamic([...entries], { 0x200: relocations, 0x500: symbols, 0x580: strings }) });
}

const moved: readonly SegmentSpec[] = dynamic([]).map((segment) => ({ ...segment, p_vaddr: 0x80000n }));

/** A kernel of base revision 0 with the section `.limine_reqs`, which lists one address. */
function listing(address: bigint, sectionHeaderSize = 64): Uint8Array {
  const file = kernel({
    header: { e_shoff: 0x3000n, e_shnum: 3, e_shentsize: sectionHeaderSize, e_shstrndx: 2 },
    tags: [request(limine.HHDM)],
    more: [data({ data: limine.bytesOf([address, 0n]) })],
    length: 0x3200,
  });
  const names = "\0.limine_reqs\0.shstrtab\0";
  file.set(new TextEncoder().encode(names), 0x3100);
  return big(file, (view) => {
    [[1, 1, 0x2000, 16], [14, 3, 0x3100, names.length]].forEach(([name, type, offset, size], at) => {
      view.setUint32(0x3040 + 64 * at, name, true);
      view.setUint32(0x3044 + 64 * at, type, true);
      view.setBigUint64(0x3058 + 64 * at, BigInt(offset), true);
      view.setBigUint64(0x3060 + 64 * at, BigInt(size), true);
    });
  });
}

const requests = (count: number): Uint8Array => {
  const tags = Array.from({ length: count }, (_, at) => [0xc7b1dd30df4c8b88n, 0x0a82e883a194f07bn, BigInt(at), 7n]);
  return kernel({ more: [data({ data: limine.bytesOf(...tags) })] });
};

const paging = (...modes: readonly bigint[]): Uint8Array => {
  return kernel({ tags: [revision(6n), request(limine.PAGING_MODE, 1n, ...modes)] });
};

const stack = (size: bigint): Uint8Array => kernel({ tags: [revision(6n), request(limine.STACK_SIZE, 0n, size)] });

const CASES: readonly Case[] = [
  ["not-elf", new Uint8Array(64), plain, "limine: Unknown kernel executable format"],
  ["not-elf", plain.slice(0, 63), plain, "limine: Unknown kernel executable format"],
  ["not-elf", kernel({ header: { e_machine: 8 } }), plain, "limine: Unknown kernel executable format"],
  ["pe-file", pe(0x8664), plain],
  ["pe-file", pe(0xaa64), plain],
  ["data-encoding-unsupported", kernel({ header: { EI_DATA: 2 } }), plain, "elf: Not a Little-endian ELF file."],
  ["machine-unsupported", kernel({ header: { e_machine: 183 } }), plain, "elf: Not an x86-64 ELF file."],
  ["type-unsupported", kernel({ header: { e_type: 1 } }), plain, "elf: ELF file not of type ET_EXEC nor ET_DYN"],
  [
    "record-size-mismatch",
    kernel({ header: { e_phentsize: 55 } }),
    kernel({ header: { e_phentsize: 64 } }),
    "elf: phdr_size < sizeof(struct elf64_phdr)",
  ],
  [
    "program-headers-out-of-file",
    big(plain, (view) => view.setUint16(56, 0xffff, true)),
    big(plain, (view) => view.setUint16(56, 2, true)),
    "elf: Program header table extends beyond file bounds",
  ],
  [
    "program-headers-out-of-file",
    big(plain, (view) => view.setBigUint64(32, 2n ** 64n - 8n, true)),
    plain,
    "elf: Program header table size overflow",
  ],
  [
    "dynamic-missing",
    kernel({ header: { e_type: ET_DYN } }),
    kernel({ header: { e_type: ET_DYN }, more: dynamic([]) }),
    "elf: ELF file type is ET_DYN, but PT_DYNAMIC segment missing",
  ],
  [
    "dynamic-empty",
    kernel({ header: { e_type: ET_DYN }, more: [{ ...dynamic([])[1], filesz: 0 }] }),
    kernel({ header: { e_type: ET_EXEC }, more: [{ ...dynamic([])[1], filesz: 0 }] }),
    "elf: ELF file type is ET_DYN, but PT_DYNAMIC segment has 0 size",
  ],
  [
    "align-not-power",
    kernel({ code: { p_align: 0x3000n } }),
    kernel({ code: { p_align: 0x2000n } }),
    "elf: p_align is not a power of 2",
  ],
  ["no-load-segment", kernel({ code: { p_type: 6 } }), plain, "elf: Executable has no loadable segments"],
  [
    "align-zero-only",
    kernel({ code: { p_align: 0n } }),
    kernel({ code: { p_align: 0n }, more: [data()] }),
    "elf: Executable has no loadable segments",
  ],
  [
    "lower-half",
    kernel({ code: { p_vaddr: BASE - 0x1000n } }),
    kernel({ more: [data({ p_memsz: 0n, filesz: 0, p_vaddr: 0n })] }),
    "elf: Lower half PHDRs are not allowed",
  ],
  [
    "mixed-halves", // the higher one first: Limine 8 accepts that
    kernel({ header: { e_type: ET_DYN }, more: moved }),
    kernel({ header: { e_type: ET_DYN, e_entry: 0x400n }, code: { p_vaddr: 0n }, more: moved }),
    "elf: Mix of lower and higher half PHDRs in relocatable kernel",
  ],
  [
    "address-overflow",
    kernel({ more: [data({ p_vaddr: 2n ** 64n - 0x1000n, p_memsz: 0x1000n })] }),
    kernel({ more: [data({ p_vaddr: BASE + 0x20000n, p_memsz: 0x1000n })] }),
    "elf: p_vaddr + p_memsz overflow in PHDR 1",
  ],
  [
    "segments-overlap",
    kernel({ more: [data({ p_vaddr: BASE + 0x41fn })] }),
    kernel({ more: [data({ p_vaddr: BASE + 0x1000n })] }),
    "elf: Attempted to load ELF file with overlapping PHDRs (0 and 1 overlap)",
  ],
  [
    "shared-page-permissions",
    kernel({ more: [data({ p_vaddr: BASE + 0x420n })] }),
    kernel({ more: [data({ p_vaddr: BASE + 0x420n, p_flags: 5 })] }),
    "elf: Attempted to load ELF file with PHDRs with different permissions sharing the same memory page.",
  ],
  ["align-huge", kernel({ code: { p_align: 2n ** 32n } }), kernel({ code: { p_align: 2n ** 26n } })],
  [
    "out-of-memory",
    kernel({ more: [data({ p_memsz: 2n ** 28n })] }),
    kernel({ more: [data({ p_memsz: 2n ** 27n })] }),
    "High memory allocator: Out of memory",
  ],
  [
    "dynamic-outside-file",
    kernel({ more: [{ ...dynamic([])[1], filesz: 0x10000 }], length: 0x4100 }),
    kernel({ more: [{ ...dynamic([])[1], filesz: 0x100 }], length: 0x4100 }),
    "elf: Failed to apply relocations",
  ],
  [
    "needed-library",
    relocated(new Uint8Array(), [[1n, 1n]]),
    relocated(new Uint8Array()),
    "elf: ELF file attempts to load a dynamically linked library",
  ],
  [
    "dynamic-entry-size",
    relocated(new Uint8Array(), [[11n, 23n]]),
    relocated(new Uint8Array(), [[11n, 24n]]),
    "elf: symtab_ent < sizeof(struct elf64_sym)",
  ],
  [
    "dynamic-entry-size",
    relocated(rela(BASE, 8), [[8n, 23n]]),
    relocated(rela(BASE, 8)),
    "elf: rela_size not a multiple of rela_ent",
  ],
  [
    "dynamic-entry-size",
    relocated(new Uint8Array(), [[9n, 0n], [2n, 24n], [20n, 7n], [23n, DYNAMIC + 0x200n]]),
    relocated(new Uint8Array(), [[9n, 24n], [2n, 24n], [20n, 7n], [23n, DYNAMIC + 0x200n]]),
    "elf: dt_pltrelsz != 0 but rela_ent == 0",
  ],
  [
    "dynamic-entry-size",
    relocated(new Uint8Array(), [[2n, 25n], [20n, 7n], [23n, DYNAMIC + 0x200n]]),
    relocated(new Uint8Array(), [[2n, 24n], [20n, 7n], [23n, DYNAMIC + 0x200n]]),
    "elf: dt_pltrelsz not a multiple of rela_ent",
  ],
  [
    "dynamic-address-unmapped",
    relocated(rela(BASE, 8), [[7n, DYNAMIC + 0x600n]]),
    relocated(rela(BASE, 8), [[7n, DYNAMIC + 0x5e8n]]),
    "elf: RELA vaddr translation failed or out of bounds",
  ],
  [
    "dynamic-address-unmapped",
    relocated(rela(BASE, 8), [[5n, 1n]]),
    relocated(rela(BASE, 8), [[5n, 0n]]),
    "elf: STRTAB vaddr translation failed or out of bounds",
  ],
  [
    "implicit-addends",
    relocated(new Uint8Array(), [[2n, 24n], [20n, 17n], [23n, DYNAMIC + 0x200n]]),
    relocated(new Uint8Array(), [[2n, 24n], [20n, 7n], [23n, DYNAMIC + 0x200n]]),
    "elf: dt_pltrel != DT_RELA",
  ],
  [
    "filesz-gt-memsz",
    kernel({ more: [data({ p_memsz: 0x1fn })] }),
    kernel({ more: [data({ p_memsz: 0x20n })] }),
    "elf: p_filesz > p_memsz",
  ],
  [
    "segment-out-of-file",
    kernel({ more: [data()], length: 0x201f }),
    kernel({ more: [data()], length: 0x2020 }),
    "elf: p_offset + p_filesz exceeds file size",
  ],
  [
    "segment-out-of-file",
    big(kernel({ more: [data()] }), (view) => view.setBigUint64(64 + 56 + 8, 2n ** 64n - 1n, true)),
    kernel({ more: [data()] }),
    "elf: p_offset + p_filesz overflow",
  ],
  [
    "relocation-unsupported",
    relocated(rela(BASE + 0x200n, 0x25)),
    relocated(rela(BASE + 0x41dn, 0x25)),
    "elf: Unknown relocation type: 0x25",
  ],
  [
    "symbol-missing",
    relocated(rela(BASE + 0x200n, 6, 11)),
    relocated(rela(BASE + 0x200n, 6, 3)),
    "elf: Symbol index 11 out of bounds",
  ],
  [
    "symbol-missing",
    relocated(rela(BASE + 0x200n, 6, 3), [[6n, 0n]]),
    relocated(rela(BASE + 0x200n, 8, 3), [[6n, 0n]]),
    "elf: Relocation requires symbol table but none present",
  ],
  [
    "symbol-undefined",
    relocated(rela(BASE + 0x200n, 1, 1)),
    relocated(rela(BASE + 0x200n, 1, 2)),
    'elf: Unresolved symbol "missing"',
  ],
  [
    "duplicate-base-revision", // the first one of revision 0: Limine 8 accepts that
    kernel({ tags: [revision(0n), revision(2n)] }),
    kernel({ tags: [revision(2n), limine.START, revision(2n)] }),
    "limine: Duplicated base revision tag",
  ],
  ["section-header-size", listing(BASE, 40), listing(BASE), "elf: shdr_size < sizeof(struct elf64_shdr)"],
  [
    "request-list-outside",
    listing(BASE + 0x20000n),
    listing(BASE),
    "limine: .limine_reqs entry outside kernel image",
  ],
  [
    "duplicate-request",
    kernel({ tags: [revision(6n), request(limine.HHDM), request(limine.HHDM)] }),
    kernel({ tags: [revision(6n), request(limine.HHDM), limine.END, request(limine.HHDM)] }),
    "limine: Conflict detected for request ID 0x48dcf1cb8ad2b852 0x63984e959a98244b",
  ],
  ["too-many-requests", requests(129), requests(128), "limine: Maximum requests exceeded"],
  [
    "paging-mode-range",
    paging(0n, 0n, 1n),
    paging(0n, 1n, 0n),
    "limine: Executable's paging max_mode lower than min_mode",
  ],
  [
    "paging-mode-unsupported",
    paging(1n, 1n, 1n),
    paging(1n, 1n, 0n),
    "limine: Executable's minimum supported paging mode higher than maximum allowable paging mode",
  ],
  [
    "paging-mode-unsupported",
    paging(0n, 2n ** 64n - 1n, 2n ** 64n - 1n),
    paging(0n, 0n, 2n ** 64n - 1n),
    "limine: Executable's maximum supported paging mode lower than minimum allowable paging mode",
  ],
  ["stack-too-large", stack(2n ** 28n), stack(2n ** 20n), "High memory allocator: Out of memory"],
  ["stack-size-wraps", stack(2n ** 32n), stack(2n ** 20n)],
  [
    "image-base-unaligned",
    kernel({ code: { p_vaddr: BASE + 0x10n } }),
    kernel({ header: { e_entry: BASE + 0x1400n }, code: { p_vaddr: BASE + 0x1000n } }),
  ],
  ["image-base-unaligned", kernel({ code: { p_align: 1n } }), kernel({ code: { p_align: 1n, p_memsz: 0x1000n } })],
  [
    "entry-not-in-segment",
    kernel({ header: { e_entry: BASE + 0x420n } }),
    kernel({ header: { e_entry: BASE + 0x41fn } }),
  ],
  ["entry-not-executable", kernel({ code: { p_flags: PF_R | PF_W } }), plain],
  [
    "entry-not-executable",
    kernel({ code: { p_align: 0x200000n }, more: [data({ p_align: 0x200000n })] }),
    kernel({ code: { p_align: 0x200000n }, more: [data({ p_align: 0x1000n })] }),
  ],
  ["entry-zero-bytes", kernel({ header: { e_entry: BASE + 0x100n } }), plain],
];

CASES.forEach(([rule, broken, kept, words], at) => {
  Deno.test(`limine-12: ${rule}, case ${at}`, async () => {
    const verdict = await ask("limine-12", broken);
    assertEquals([verdict.rule, verdict.words], [rule, words]);
    const neighbour = await ask("limine-12", kept);
    assertEquals([neighbour.outcome, neighbour.rule], ["boots", undefined]);
  });
});

Deno.test("limine-12: each rule has a kernel that breaks it", () => {
  const { rules } = LOADERS.find(({ name }) => name === "limine-12")!;
  const broken = new Set(CASES.map(([rule]) => rule));
  assertEquals([...new Set(rules.map(({ id }) => id))].filter((id) => !broken.has(id)), []);
});

Deno.test("limine-12 accepts what Limine 8 does not", async () => {
  const requestsAfterBss = kernel({
    tags: [revision(0n)],
    more: [
      data({ p_vaddr: BASE + 0x20000n, data: limine.bytesOf(revision(6n)) }),
      { ...code(new Uint8Array()), p_vaddr: BASE + 0x10000n, offset: 0x3000, p_memsz: 0x11000n - 0x1000n },
    ],
  });
  assertEquals((await ask("limine-8", requestsAfterBss)).outcome, "boots");
  assertEquals((await ask("limine-12", requestsAfterBss)).rule, "duplicate-base-revision");
  const zeroBeside = kernel({ more: [data({ p_align: 0n })] });
  assertEquals((await ask("limine-8", zeroBeside)).rule, "align-zero");
  assertEquals((await ask("limine-12", zeroBeside)).outcome, "boots");
});
