/** What is mended in a file, and what is left alone. */

import { assert, assertEquals } from "@std/assert";
import { ELFCLASS32, ELFCLASS64, PT_LOAD, PT_NOTE } from "../../core/elf/constants.ts";
import { writeFileHeader, writeProgramHeader } from "../../core/elf/writer.ts";
import { readModel } from "../../core/file/file_model.ts";
import { keepFile } from "../../core/file/kept_file.ts";
import { LOADERS } from "../../loaders/all_loaders.ts";
import { checkKernel } from "../../loaders/check_kernel.ts";
import { applyFixes, findFixes } from "../../loaders/fixes.ts";
import { buildElf, type SegmentSpec } from "../elf_builder.ts";

const HIGHER_HALF = 0xffff_ffff_8000_0000n;
const TEXT: SegmentSpec = { offset: 0x1000, filesz: 0x200, p_vaddr: HIGHER_HALF };

/** The fixes of a file, each as its rule, the header, the field's offset, and the new value. */
function fixesOf(file: Uint8Array): readonly (readonly [string, number, number, number])[] {
  return findFixes(file).map(({ rule, index, offset, after }) => {
    const view = new DataView(after.buffer);
    return [rule, index, offset, after.length === 8 ? Number(view.getBigUint64(0, true)) : view.getUint32(0, true)];
  });
}

/** A note with its name and descriptor padded to 4 bytes, as assemblers write it. */
function note(owner: string, type: number, descriptor: readonly number[]): number[] {
  const name = [...new TextEncoder().encode(`${owner}\0`)];
  const padded = (bytes: readonly number[]) => [...bytes, ...new Array((4 - bytes.length % 4) % 4).fill(0)];
  const words = new Uint8Array(new Uint32Array([name.length, descriptor.length, type]).buffer);
  return [...words, ...padded(name), ...padded(descriptor)];
}

const BUILD_ID = note("GNU", 3, new Array(20).fill(0xab));
const PVH = note("Xen", 18, [0x40, 0, 0x10, 0]);
const noteSegment = (bytes: readonly number[], p_align: bigint): SegmentSpec => {
  return { p_type: PT_NOTE, p_flags: 4, offset: 0x2000, data: new Uint8Array(bytes), p_vaddr: 0x2000n, p_align };
};

Deno.test("p_align 0 of segments to load becomes 4096, where addresses and offsets keep that already", () => {
  const data = { offset: 0x2000, filesz: 0x100, p_vaddr: HIGHER_HALF + 0x1000n };
  assertEquals(fixesOf(buildElf({ segments: [{ ...TEXT, p_align: 0n }, { ...data, p_align: 0n }] })), [
    ["align-zero-only", 0, 64 + 48, 0x1000],
    ["align-zero-only", 1, 64 + 56 + 48, 0x1000],
  ]);
  assertEquals(fixesOf(buildElf({ segments: [TEXT, { ...data, p_align: 0n }] })), [
    ["align-zero", 1, 64 + 56 + 48, 0x1000],
  ]);
});

Deno.test("p_align is left alone where it is not 0, and where 4096 would be wrong or would not help", () => {
  for (
    const segments of [
      [TEXT],
      [{ ...TEXT, p_align: 1n }],
      [{ ...TEXT, p_align: 3n }],
      [{ ...TEXT, p_align: 0n, offset: 0x1010 }], // not congruent
      [{ ...TEXT, p_align: 0n, offset: 0x1010, p_vaddr: HIGHER_HALF + 0x10n }], // does not start on a page
      [TEXT, { ...TEXT, p_align: 0n, filesz: 0, p_memsz: 0n }], // nothing to load
      [TEXT, { ...TEXT, p_type: 7, p_align: 0n }],
    ]
  ) assertEquals(fixesOf(buildElf({ segments })), []);
});

Deno.test("a PT_NOTE with p_align 8 becomes one with 4 if QEMU would step over its notes", () => {
  // 12 + 4 + 20 bytes, then the Xen note: with 8, QEMU takes the name for 8 bytes and the descriptor for 24.
  assertEquals(fixesOf(buildElf({ segments: [TEXT, noteSegment([...BUILD_ID, ...PVH], 8n)] })), [
    ["note-align-mismatch", 1, 64 + 56 + 48, 4],
  ]);
  assertEquals(fixesOf(buildElf({ segments: [TEXT, noteSegment([...BUILD_ID, ...PVH], 4n)] })), []);
  const absurd = noteSegment([...BUILD_ID, ...PVH], 2n ** 63n);
  assertEquals(fixesOf(buildElf({ segments: [TEXT, absurd] })).map(([rule]) => rule), ["note-align-mismatch"]);
  // All sizes are multiples of 4, so without padding the notes are the same.
  assertEquals(fixesOf(buildElf({ segments: [TEXT, noteSegment([...BUILD_ID, ...PVH], 1n)] })), []);
});

Deno.test("a PT_NOTE without a PVH entry stays, and one changes in which QEMU reads that from the wrong place", () => {
  // With 8, QEMU takes the name for 8 bytes, so the entry would be read from the note that follows.
  assertEquals(fixesOf(buildElf({ segments: [TEXT, noteSegment([...PVH, ...BUILD_ID], 8n)] })).length, 1);
  for (const bytes of [BUILD_ID, [...BUILD_ID, ...BUILD_ID]]) {
    assertEquals(fixesOf(buildElf({ segments: [TEXT, noteSegment(bytes, 8n)] })), []);
  }
  // A user program's property note wants to be aligned to 8.
  const property = note("GNU", 5, [2, 0, 0, 0xc0, 4, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0]);
  assertEquals(fixesOf(buildElf({ segments: [TEXT, noteSegment([...property, ...BUILD_ID], 8n)] })), []);
  assertEquals(fixesOf(buildElf({ segments: [TEXT, noteSegment([...property, ...PVH], 8n)] })), [
    ["note-align-mismatch", 1, 64 + 56 + 48, 4],
  ]);
});

Deno.test("a PT_NOTE with p_align 0 becomes one with 4, unless QEMU takes its first note", () => {
  assertEquals(fixesOf(buildElf({ segments: [TEXT, noteSegment([...PVH, ...BUILD_ID], 0n)] })), []);
  assertEquals(fixesOf(buildElf({ segments: [TEXT, noteSegment(BUILD_ID, 0n)] })), [
    ["note-align-zero", 1, 64 + 56 + 48, 4],
  ]);
});

Deno.test("notes that cannot be read with an alignment of 4 are left alone", () => {
  const eight = [...note("Abcd", 1, [1, 0, 0, 0]).slice(0, 20), 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, ...PVH];
  const long = [...BUILD_ID.slice(0, 4), 0xff, 0xff, ...BUILD_ID.slice(6)]; // a descriptor past the end
  const unnamed = BUILD_ID.with(15, 0x41); // the name does not end in a zero byte
  for (const bytes of [eight, long, unnamed, [], [1, 2, 3], new Array(64).fill(0)]) {
    for (const p_align of [0n, 8n, 16n]) {
      assertEquals(fixesOf(buildElf({ segments: [TEXT, noteSegment(bytes, p_align)] })), [], bytes.join());
    }
  }
});

Deno.test("a table that is cut, overlaps, or lies in the file header is left alone, and so is what is no ELF file", () => {
  const zero = { ...TEXT, p_align: 0n };
  for (
    const file of [
      new Uint8Array(),
      new Uint8Array(4096).fill(0x7f),
      buildElf({ segments: [zero], header: { e_phentsize: 40 } }),
      buildElf({ segments: [zero], header: { e_phentsize: 64 } }),
      buildElf({ segments: [zero], header: { e_phoff: 16n } }),
      buildElf({ segments: [zero], header: { e_phoff: 2n ** 64n - 1n }, length: 0x2000 }),
      buildElf({ segments: [noteSegment(BUILD_ID, 0n)] }).slice(0, 0x2010),
    ]
  ) assertEquals(fixesOf(file), []);
});

Deno.test("65,535 headers over the same notes are not read again and again", () => {
  const phnum = 65_535;
  const file = buildElf({ header: { e_phnum: phnum }, length: 64 + 56 * phnum + 2 ** 20 });
  for (let index = 0; index < phnum; index++) {
    writeProgramHeader(file, 64 + 56 * index, ELFCLASS64, {
      ...{ p_type: PT_NOTE, p_flags: 4, p_offset: 64n + 56n * BigInt(phnum), p_vaddr: 0n, p_paddr: 0n },
      ...{ p_filesz: 2n ** 20n, p_memsz: 0n, p_align: 0n },
    });
  }
  file.set(BUILD_ID, 64 + 56 * phnum);
  assertEquals(fixesOf(file).length, 16); // 16 MiB of notes
});

Deno.test("in ELF32, p_align is a word of four bytes at the end of the header", () => {
  const file = new Uint8Array(0x2000);
  writeFileHeader(file, ELFCLASS32, { e_type: 2, e_machine: 3, e_entry: 0x10_0000n, e_phoff: 52n, e_phnum: 1 });
  writeProgramHeader(file, 52, ELFCLASS32, {
    ...{ p_type: PT_LOAD, p_flags: 5, p_offset: 0x1000n, p_vaddr: 0x10_0000n, p_paddr: 0x10_0000n },
    ...{ p_filesz: 0x10n, p_memsz: 0x10n, p_align: 0n },
  });
  assertEquals(fixesOf(file), [["align-zero-only", 0, 52 + 28, 0x1000]]);
});

Deno.test("a mended file differs in those fields alone, and has nothing left to mend", async () => {
  const segments = [{ ...TEXT, p_align: 0n }, noteSegment([...BUILD_ID, ...PVH], 8n)];
  const file = buildElf({ segments });
  const before = file.slice();
  const mended = applyFixes(file, findFixes(file));
  assertEquals(file, before);
  assertEquals(findFixes(mended), []);
  const { elf } = await readModel(keepFile(mended), []);
  assertEquals(elf?.programHeaders.map(({ p_align }) => p_align), [0x1000n, 4n]);
  const differing = [...mended.keys()].filter((at) => mended[at] !== file[at]);
  assertEquals(differing, [64 + 48 + 1, 64 + 56 + 48]);
});

const FOLDERS = ["loaders/", "loaders/probes/", "field/", "original/corpus/"];

Deno.test("no loader does worse with a mended file, and the one that a fix is for takes it", async () => {
  const OUTCOMES = ["fails", "refuses", "boots"];
  const mended = new Set<string>();
  for (const folder of FOLDERS.map((name) => new URL(`../fixtures/${name}`, import.meta.url))) {
    for (const { name } of [...Deno.readDirSync(folder)].filter(({ isFile }) => isFile)) {
      const file = await Deno.readFile(new URL(name, folder));
      const fixes = findFixes(file);
      if (fixes.length === 0) continue;
      const before = (await checkKernel(file)).verdicts;
      const after = (await checkKernel(applyFixes(file, fixes))).verdicts;
      before.forEach(({ loader, outcome, rule }, at) => {
        const now = after[at];
        assert(OUTCOMES.indexOf(now.outcome) >= OUTCOMES.indexOf(outcome), `${name}: ${loader} ${now.message}`);
        if (!fixes.some((fix) => fix.rule === rule)) return;
        assert(now.rule !== rule, `${name}: ${loader} still has ${rule}`);
        mended.add(`${name} ${loader} ${now.outcome}`);
      });
    }
  }
  assert(mended.has("la_second_align0.elf limine-8 boots"), [...mended].join("; "));
  assert(mended.has("dyn-align-0.elf limine-8 boots"), [...mended].join("; "));
});

Deno.test("QEMU takes a kernel whose PVH note it missed before, or divided by 0 at", async () => {
  for (const [p_align, notes] of [[8n, [...BUILD_ID, ...PVH]], [0n, [...BUILD_ID, ...PVH]]] as const) {
    const file = buildElf({
      header: { e_entry: 0x10_0040n },
      segments: [{ ...TEXT, p_vaddr: 0x10_0000n }, noteSegment(notes, p_align)],
    });
    const ask = async (bytes: Uint8Array) => (await checkKernel(bytes, { loaders: ["qemu-kernel"] })).verdicts[0];
    const [fix] = findFixes(file);
    assertEquals((await ask(file)).rule, fix.rule);
    assertEquals((await ask(applyFixes(file, [fix]))).outcome, "boots");
  }
});

Deno.test("every fix is for a rule that a loader has", () => {
  const rules = new Set(LOADERS.flatMap(({ rules }) => rules.map(({ id }) => id)));
  for (const rule of ["align-zero-only", "align-zero", "note-align-zero", "note-align-mismatch"]) {
    assert(rules.has(rule), rule);
  }
});
