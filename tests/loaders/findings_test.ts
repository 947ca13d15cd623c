import { assert, assertEquals } from "@std/assert";
import {
  EM_386,
  ET_DYN,
  PF_R,
  PT_DYNAMIC,
  PT_GNU_RELRO,
  PT_GNU_STACK,
  PT_INTERP,
  PT_LOAD,
  PT_NOTE,
  PT_TLS,
} from "../../core/elf/constants.ts";
import { FINDING_RULES } from "../../loaders/findings.ts";
import { directMapCollision } from "../../loaders/findings/direct_map_collision.ts";
import { entryIsPhysical, entryOutsideCode } from "../../loaders/findings/entry_point.ts";
import { loadInHole } from "../../loaders/findings/low_memory_hole.ts";
import { debugOnly, nothingToLoad } from "../../loaders/findings/nothing_to_load.ts";
import { offsetMismatch } from "../../loaders/findings/offset_mismatch.ts";
import { relroUnsealable } from "../../loaders/findings/relro_unsealable.ts";
import { rwxLoad } from "../../loaders/findings/rwx_load.ts";
import { stackExecutable } from "../../loaders/findings/stack_executable.ts";
import { tlsMisaligned } from "../../loaders/findings/tls_misaligned.ts";
import { userProgram } from "../../loaders/findings/user_program.ts";
import { buildElf, type SegmentSpec } from "../elf_builder.ts";
import { runTool, testWithTools } from "../tools.ts";
import { CODE, DATA, find, type RuleTest, RW, testFindings } from "./finding_cases.ts";

const text = (string: string): Uint8Array => new TextEncoder().encode(`${string}\0`);

function words(...values: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer);
}

/** Entries of a dynamic table. */
function dynamic(...tags: readonly number[]): Uint8Array {
  return words(...[...tags, 0].flatMap((tag) => [tag, 0, 1, 0]));
}

const INTERP: SegmentSpec = { p_type: PT_INTERP, offset: 0x800, data: text("/lib64/ld.so") };
const SONAME: SegmentSpec = { p_type: PT_DYNAMIC, data: dynamic(1, 14) };
const ABI_TAG: SegmentSpec = {
  ...{ p_type: PT_NOTE, offset: 0x900, p_align: 4n },
  data: words(4, 16, 1, 0x554e47, 0, 3, 2, 0), // "GNU"
};

const TESTS: readonly RuleTest[] = [
  {
    rule: userProgram,
    breaks: [
      { file: { segments: [CODE, INTERP] }, index: 1, offset: 0x800, says: "the interpreter /lib64/ld.so" },
      {
        file: { segments: [CODE, INTERP, { p_type: PT_DYNAMIC, offset: 0xa00, data: dynamic(1, 5, 1) }] },
        index: 1,
        offset: 0x800,
        says: "A user program: program header 1 names the interpreter /lib64/ld.so, and it needs 2 shared libraries",
      },
      {
        file: { segments: [CODE, { p_type: PT_DYNAMIC, offset: 0xa00, data: dynamic(1) }] },
        says: "needs 1 shared library",
      },
      {
        // a library that is a program too, as libc is
        file: { header: { e_type: ET_DYN }, segments: [CODE, INTERP, { ...SONAME, offset: 0xa00 }] },
        says: "A shared library: its dynamic table has the name",
      },
      { file: { segments: [CODE, ABI_TAG] }, index: 1, offset: 0x900, says: "for Linux 3.2.0 or later" },
      {
        file: { segments: [CODE, { ...INTERP, offset: 0x9500 }] },
        index: 1,
        offset: 0x9500,
        says: "names an interpreter",
      },
      {
        file: { segments: [CODE, { ...INTERP, data: text("\x01\x02") }] },
        index: 1,
        offset: 0x800,
        says: "an interpreter",
      },
    ],
    keeps: [
      { file: { segments: [CODE, { p_type: PT_DYNAMIC, offset: 0xa00, data: dynamic(5, 6, 7) }] } },
      { file: { segments: [CODE, { p_type: PT_DYNAMIC, offset: 0xa00, data: dynamic(0, 1) }] } },
      { file: { segments: [CODE, { ...INTERP, data: text("/red/herring") }] } },
      { file: { segments: [CODE, { ...INTERP, filesz: 0, data: undefined }] } },
      { file: { segments: [CODE, { ...ABI_TAG, data: words(4, 16, 2, 0x554e47, 0, 3, 2, 0) }] } },
      { file: { segments: [CODE, { ...ABI_TAG, data: words(4, 16, 1, 0x554e47, 9, 3, 2, 0) }] } },
      { file: { header: { e_type: 4 }, segments: [CODE, INTERP] } },
    ],
  },
  {
    rule: nothingToLoad,
    breaks: [
      { file: {}, says: "has no program headers" },
      {
        file: { segments: [{ p_type: PT_NOTE, filesz: 4 }] },
        says: "has 1 program header, but no PT_LOAD with memory",
      },
      { file: { segments: [{ filesz: 0 }, INTERP] }, says: "has 2 program headers" },
      { file: { header: { e_type: 1 } }, offset: 16, says: "has not been linked" },
      { file: { header: { e_type: 4 }, segments: [CODE] }, offset: 16, says: "core dump" },
    ],
    keeps: [
      { file: { segments: [CODE] } },
      { file: { segments: [{ filesz: 0, p_memsz: 1n }] } },
      { file: {}, protocols: ["multiboot"] },
      { file: new Uint8Array(100) },
    ],
  },
  {
    rule: debugOnly,
    breaks: [{
      file: {
        segments: [{ p_type: PT_NOTE }, { ...CODE, filesz: 0, p_memsz: 64n }, { ...DATA, p_memsz: 0x200n }],
      },
      index: 1,
      says: "--only-keep-debug",
    }],
    keeps: [
      { file: { segments: [{ ...CODE, filesz: 0, p_memsz: 64n }, { ...CODE, p_vaddr: 0x50_0000n }] } },
      { file: { segments: [{ ...DATA, filesz: 0, p_memsz: 64n }] } },
      { file: { segments: [] } },
    ],
  },
  {
    rule: entryOutsideCode,
    breaks: [
      {
        file: { header: { e_entry: 0n }, segments: [CODE] },
        offset: 24,
        says: "entry point 0x0 lies in no executable",
      },
      { file: { header: { e_entry: 0x40_2010n }, segments: [CODE, DATA] }, offset: 24, says: "0x402010" },
      { file: { header: { e_entry: 0x40_1000n }, segments: [CODE] }, offset: 24, says: "0x401000" },
      { file: { header: { e_entry: 2n ** 64n - 1n }, segments: [CODE] }, offset: 24, says: "0xffffffffffffffff" },
    ],
    keeps: [
      { file: { segments: [CODE, DATA] } },
      { file: { header: { e_entry: 0x40_0fffn }, segments: [CODE] } }, // in the last page
      { file: { header: { e_entry: 0n }, segments: [CODE] }, intended: ["firecracker", "grub-multiboot2"] },
      { file: { header: { e_entry: 0x10_0000n }, segments: [{ ...CODE, p_paddr: 0x10_0000n }] } },
      { file: { header: { e_entry: 0n } } },
    ],
  },
  {
    rule: entryIsPhysical,
    breaks: [{
      file: { header: { e_entry: 0x10_00ffn }, segments: [DATA, { ...CODE, p_paddr: 0x10_0000n }] },
      index: 1,
      offset: 24,
      says: "0x1000ff is a physical address: it lies in the p_paddr range of program header 1",
    }],
    keeps: [
      { file: { header: { e_entry: 0x10_0100n }, segments: [{ ...CODE, p_paddr: 0x10_0000n }] } },
      { file: { header: { e_entry: 0x10_0000n }, segments: [{ ...DATA, p_paddr: 0x10_0000n }] } },
      { file: { segments: [{ ...CODE, p_paddr: 0x40_0800n }] } },
    ],
  },
  {
    rule: rwxLoad,
    breaks: [{
      file: { segments: [DATA, { ...CODE, p_flags: 7 }] },
      index: 1,
      says: "Program header 1 (0x400000..0x400100) is both writable and executable",
    }],
    keeps: [
      { file: { segments: [CODE, DATA] } },
      { file: { segments: [{ ...CODE, p_flags: 7, filesz: 0 }] } },
      { file: { segments: [CODE, { p_type: PT_GNU_STACK, p_flags: 7 }] } },
    ],
  },
  {
    rule: stackExecutable,
    breaks: [{ file: { segments: [CODE, { p_type: PT_GNU_STACK, p_flags: 7 }] }, index: 1, says: "executable stack" }],
    keeps: [
      { file: { segments: [CODE, { p_type: PT_GNU_STACK, p_flags: RW }] } },
      { file: { segments: [{ ...CODE, p_flags: 7 }] } },
    ],
  },
  {
    rule: offsetMismatch,
    breaks: [
      {
        file: { segments: [CODE, { ...DATA, offset: 0x2010 }] },
        index: 1,
        says: "start 0x10 into a page of the file, and 0x0 into a page of memory",
      },
      { file: { segments: [{ ...CODE, offset: 0x78 }] }, intended: ["bootloader-0.11"], index: 0, says: "start 0x78" },
    ],
    keeps: [
      { file: { segments: [CODE, DATA] } },
      { file: { segments: [{ ...CODE, offset: 0x3010, p_vaddr: 0x40_0010n }] } },
      { file: { segments: [CODE, { ...DATA, offset: 0x2010, filesz: 0, p_memsz: 16n }] } },
      { file: { segments: [{ ...CODE, offset: 0x78 }] }, intended: ["limine-8", "grub-multiboot2"] },
      { file: { header: { e_machine: 183 }, segments: [{ ...CODE, offset: 0x78 }] } },
    ],
  },
  {
    rule: relroUnsealable,
    breaks: [
      {
        file: { segments: [CODE, DATA, { p_type: PT_GNU_RELRO, p_vaddr: 0x40_2000n, p_memsz: 0x80n }] },
        index: 2,
        says: "(PT_GNU_RELRO, 0x402000..0x402080) shares page 0x402000 with writable data at 0x402080..0x402100",
      },
      {
        file: {
          segments: [
            { ...DATA, p_memsz: 0x3000n },
            { p_type: PT_GNU_RELRO, p_vaddr: 0x40_2000n, p_memsz: 0x1000n },
            { p_type: PT_GNU_RELRO, p_vaddr: 0x40_3000n, p_memsz: 0xc00n },
          ],
        },
        index: 2,
        says: "shares page 0x403000 with writable data at 0x403c00..0x405000",
      },
    ],
    keeps: [
      { file: { segments: [CODE, DATA, { p_type: PT_GNU_RELRO, p_vaddr: 0x40_2000n, p_memsz: 0x100n }] } },
      { file: { segments: [CODE, DATA, { p_type: PT_GNU_RELRO, p_vaddr: 0x40_2000n, p_memsz: 0x1000n }] } },
      {
        file: {
          segments: [{ ...DATA, p_memsz: 0x2000n }, { p_type: PT_GNU_RELRO, p_vaddr: 0x40_2000n, p_memsz: 0x1000n }],
        },
      },
      {
        file: {
          segments: [CODE, { ...DATA, p_flags: PF_R }, { p_type: PT_GNU_RELRO, p_vaddr: 0x40_2000n, p_memsz: 1n }],
        },
      },
      { file: { segments: [CODE, DATA, { p_type: PT_GNU_RELRO, p_vaddr: 0x40_2000n, p_memsz: 0n }] } },
    ],
  },
  {
    rule: loadInHole,
    breaks: [
      {
        file: { segments: [{ ...CODE, p_vaddr: 0x9_f000n, filesz: 0x1001 }] },
        intended: ["grub-multiboot2"],
        index: 0,
        says: "physical 0x9f000..0xa0001, which reaches into 0xa0000..0x100000",
      },
      {
        file: { segments: [{ ...DATA, p_paddr: 0xf_ffffn }] },
        intended: ["qemu-kernel"],
        index: 0,
        says: "data is lost",
      },
      {
        file: { segments: [{ ...CODE, p_paddr: 0n, p_memsz: 2n ** 64n - 1n }] },
        intended: ["openvmm"],
        index: 0,
        says: "code",
      },
    ],
    keeps: [
      { file: { segments: [{ ...CODE, p_vaddr: 0x9_f000n, filesz: 0x1000 }] }, intended: ["grub-multiboot2"] },
      { file: { segments: [{ ...CODE, p_vaddr: 0x10_0000n }] }, intended: ["grub-multiboot2"] },
      { file: { segments: [{ ...CODE, p_vaddr: 0xb_8000n }] }, intended: ["kload", "limine-8", "bootloader-0.11"] },
    ],
  },
  {
    rule: tlsMisaligned,
    breaks: [
      {
        file: { segments: [CODE, { p_type: PT_TLS, p_vaddr: 0x40_2008n, p_memsz: 8n, p_align: 16n }] },
        index: 1,
        says: "starts at 0x402008, which is 0x8 past a multiple of its p_align 0x10",
      },
      {
        file: { segments: [CODE, { p_type: PT_TLS, p_vaddr: 0x40_2000n, p_memsz: 8n, p_align: 24n }] },
        index: 1,
        says: "p_align of 0x18, not a power of two",
      },
    ],
    keeps: [
      { file: { segments: [CODE, { p_type: PT_TLS, p_vaddr: 0x40_2010n, p_memsz: 8n, p_align: 16n }] } },
      { file: { segments: [CODE, { p_type: PT_TLS, p_vaddr: 0x40_2001n, p_memsz: 8n, p_align: 0n }] } },
      { file: { segments: [CODE, { p_type: PT_TLS, p_vaddr: 0x40_2001n, p_memsz: 8n, p_align: 1n }] } },
      { file: { segments: [CODE, { p_type: PT_TLS, p_vaddr: 0x40_2001n, p_memsz: 0n, p_align: 16n }] } },
    ],
  },
  {
    rule: directMapCollision,
    breaks: [
      {
        file: { segments: [{ ...CODE, p_vaddr: 0xffff_8000_0010_0000n }] },
        index: 0,
        says: "(0xffff800000100000..0xffff800000100100) lies in level-4 entry 256",
      },
      { file: { segments: [DATA, { ...CODE, p_vaddr: 0xffff_807f_ffff_f000n }] }, index: 1, says: "entry 256" },
    ],
    keeps: [
      { file: { segments: [{ ...CODE, p_vaddr: 0xffff_8080_0000_0000n }] } },
      { file: { segments: [{ ...CODE, p_vaddr: 0xffff_ffff_8000_0000n }, DATA] } },
      { file: { header: { e_machine: EM_386 }, segments: [{ ...CODE, p_vaddr: 0xffff_8000_0000_0000n }] } },
      { file: { header: { e_type: ET_DYN }, segments: [{ ...CODE, p_vaddr: 0xffff_8000_0000_0000n }] } },
    ],
  },
];

testFindings(TESTS);

Deno.test("a rule finds every place where a file breaks it", async () => {
  const rwx = { ...CODE, p_flags: 7 };
  const found = await find(rwxLoad, { file: { segments: [rwx, CODE, { ...rwx, p_vaddr: 0x50_0000n }] } });
  assertEquals(found.map(({ index }) => index), [0, 2]);
});

Deno.test("rules have names of their own, and texts for a reader without a file", () => {
  const ids = FINDING_RULES.map(({ id }) => id);
  assertEquals(ids.length, new Set(ids).size);
  assertEquals(ids[0], "user-program");
  for (const { id, about, why, mend, source } of FINDING_RULES) {
    assert(/^[a-z0-9]+(-[a-z0-9]+)*$/.test(id), id);
    for (const sentence of [about, why, mend]) assert(/^[A-Zep].*[.;]$/s.test(sentence) || sentence === mend, sentence);
    assert(source.length > 0, id);
  }
});

Deno.test("65,535 headers cost every rule time that is linear in them", async () => {
  const count = 0xfffe;
  const types = [PT_LOAD, PT_GNU_RELRO, PT_TLS, PT_NOTE, PT_DYNAMIC];
  const spec: SegmentSpec[] = Array.from({ length: count }, (_, index) => ({
    ...{ p_type: types[index % 5], p_flags: 7, offset: 0x800, filesz: 0x700 },
    ...{ p_vaddr: BigInt(index % 7) * 0x800n, p_memsz: index % 3 ? 2n ** 63n : 0x900n, p_align: 8n },
  }));
  const file = buildElf({ header: { e_type: ET_DYN }, segments: spec });
  for (const rule of FINDING_RULES) {
    const found = await find(rule, { file, intended: ["kload", "grub-multiboot2"] });
    assert(found.length <= count);
  }
});

testWithTools(["as", "ld", "objcopy"], "debug-only: what objcopy --only-keep-debug leaves", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = (name: string): string => `${folder}/${name}`;
    await Deno.writeTextFile(path("k.s"), ".globl _start\n_start: hlt\n.data\n.quad 1\n");
    await runTool("as", ["-g", "-o", path("k.o"), path("k.s")]);
    await runTool("ld", ["-o", path("k.elf"), path("k.o")]);
    assertEquals(await find(debugOnly, { file: await Deno.readFile(path("k.elf")) }), []);
    await runTool("objcopy", ["--only-keep-debug", path("k.elf"), path("k.debug")]);
    assertEquals((await find(debugOnly, { file: await Deno.readFile(path("k.debug")) })).length, 1);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
