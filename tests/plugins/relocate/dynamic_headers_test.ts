/** More than one PT_DYNAMIC header: what counts, what is refused, and how much work it is. */

import { assert, assertEquals, assertObjectMatch, assertRejects } from "@std/assert";
import { ET_DYN, PT_DYNAMIC } from "../../../core/elf/constants.ts";
import { LoadError, loadKernel } from "../../../mod.ts";
import { relocate } from "../../../plugins/relocate.ts";
import { buildElf } from "../../elf_builder.ts";
import { counted } from "../counted_work.ts";
import { DATA, kernelFile, RELA, type RelaEntry, STRINGS, type Tags, word, WORDS } from "./kernel_file.ts";

const ENTRIES: readonly RelaEntry[] = [0, 1, 2, 3].map((at) => [WORDS + 8 * at, 8, 0, BigInt(at)] as const);
const TAGS: Tags = [[7n, BigInt(RELA)], [8n, 96n], [9n, 24n], [0n, 0n]];

async function loadCounted(file: Uint8Array, rules: "default" | "bootloader-0.11" = "default") {
  const { plugin, work } = counted(relocate());
  const kernel = await loadKernel(file, { rules, plugins: [plugin] });
  const words = ENTRIES.map(([place]) => word(kernel.read(kernel.virtualAddressOffset + BigInt(place), 8)));
  return { kernel, work, words: words.map((value) => value - kernel.virtualAddressOffset) };
}

Deno.test("headers that are the same count once", async () => {
  const one = await loadCounted(kernelFile({ rela: ENTRIES, tags: TAGS }));
  const many = await loadCounted(kernelFile({ rela: ENTRIES, tags: TAGS, dynamics: 500, extra: 0x8000 }));
  assertEquals(many.words, [0n, 1n, 2n, 3n]);
  assertEquals(many.kernel.results.relocate, one.kernel.results.relocate);
  assertEquals(many.work.pauses, one.work.pauses);
  assertEquals(many.work.fileBytes, one.work.fileBytes);
});

Deno.test("a header that differs from the first is refused, and the first is named", async () => {
  const other = { p_type: PT_DYNAMIC, offset: 0x2000, p_vaddr: DATA, filesz: 64, p_align: 8n };
  const cases = [
    [{ ...other, offset: 0x2010 }, "p_offset", 0x2010n],
    [{ ...other, p_vaddr: DATA + 16n }, "p_vaddr", DATA + 16n],
    [{ ...other, filesz: 48, p_memsz: 64n }, "p_filesz", 48n],
    [{ ...other, p_memsz: 80n }, "p_memsz", 80n],
  ] as const;
  for (const [header, name, value] of cases) {
    const file = kernelFile({ rela: ENTRIES, tags: TAGS, dynamics: 2, more: [header] });
    const error = await assertRejects(() => loadKernel(file, { plugins: [relocate()] }), LoadError);
    const field = `${name}, unlike in the first PT_DYNAMIC (program header 2),`;
    assertObjectMatch(error, { code: "dynamic-malformed", detail: { index: 4, field, value } });
    assertEquals(
      error.message,
      `Cannot relocate using program header 4: ${field} is 0x${value.toString(16)}`,
    );
  }
});

Deno.test("v0.11 applies the table of every header, with the work of two", async () => {
  const entries = Array.from({ length: 20 }, (_, at): RelaEntry => [WORDS + 8 * at, 8, 0, BigInt(at)]);
  const tags: Tags = [[7n, BigInt(RELA)], [8n, 480n], [9n, 24n], [0n, 0n]];
  // The file is of the size that one entry for every eight bytes is fewer than the tables have together.
  const file = kernelFile({ rela: entries, tags, dynamics: 400, extra: 0x6000 });
  assert(400 * 20 > file.length / 8);
  const { kernel, work, words } = await loadCounted(file, "bootloader-0.11");
  assertEquals(words, [0n, 1n, 2n, 3n]);
  assertEquals(kernel.results.relocate?.counts, { R_X86_64_RELATIVE: 8000 });
  assertEquals(work.fileBytes, 64);
  assert(work.pauses < 500, `${work.pauses} pauses`); // one a header, and a few for the entries
});

Deno.test("v0.11: an error of a later table comes after those of the tables before it", async () => {
  const bad = { p_type: PT_DYNAMIC, offset: 0x2000, p_vaddr: DATA, filesz: 24, p_align: 8n };
  const file = (entry: RelaEntry) => kernelFile({ rela: [entry, ...ENTRIES.slice(1)], tags: TAGS, more: [bad] });
  const refuse = async (entry: RelaEntry) => {
    const load = () => loadKernel(file(entry), { rules: "bootloader-0.11", plugins: [relocate()] });
    return (await assertRejects(load, LoadError)).detail;
  };
  assertObjectMatch(await refuse([WORDS, 8, 0, 0n]), { index: 3, field: "p_filesz", value: 24 });
  assertObjectMatch(await refuse([0x9000, 8, 0, 0n]), { index: 2, field: "r_offset", value: 0x9000n });
});

Deno.test("v0.11: tables that overlap without end are refused", async () => {
  const at = (p_filesz: number, offset = 0x2000) => ({
    p_type: PT_DYNAMIC,
    offset,
    p_vaddr: DATA,
    filesz: p_filesz,
    p_align: 8n,
  });
  const more = Array.from({ length: 200 }, (_, index) => at(0x400 - 16 * (index % 60)));
  const file = kernelFile({ tags: [[0n, 0n]], more, extra: 0x1_0000 });
  const kernel = await loadKernel(file, { rules: "bootloader-0.11", plugins: [relocate()] });
  assertEquals(kernel.results.relocate?.counts, {});
  const many = Array.from({ length: 60 }, (_, index) => at(0x8_0000 - 16 * index, 0x8000)); // 30 MiB
  const small = kernelFile({ tags: [[0n, 0n]], more: many, extra: 0x9_0000 });
  small.fill(0, 0x8000); // DT_NULL
  const error = await assertRejects(
    () => loadKernel(small, { rules: "bootloader-0.11", plugins: [relocate()] }),
    LoadError,
  );
  const field = "the total size of PT_DYNAMIC tables, which overlap,";
  assertObjectMatch(error, { code: "dynamic-malformed", detail: { field } });
});

Deno.test("of many shared libraries, a message names the first eight", async () => {
  const needed: Tags = Array.from({ length: 20 }, () => [1n, 12n] as const);
  const kernel = await loadKernel(kernelFile({ tags: [[5n, BigInt(STRINGS)], [10n, 0x100n], ...needed, [0n, 0n]] }), {
    plugins: [relocate()],
  });
  assertEquals(kernel.results.relocate?.needed, Array(20).fill("libc.so"));
  const [{ message }] = kernel.diagnostics;
  const eight = Array(8).fill('"libc.so"').join(", ");
  assertEquals(message, `The file needs shared libraries, which are not loaded: ${eight} and 12 more.`);
});

Deno.test("large tables are applied with pauses in between", async () => {
  const [rela, relr] = [10_000, 3_000];
  const data = new BigUint64Array(8 + 6 + rela * 3 + relr);
  data.set([
    7n,
    0x1070n,
    8n,
    BigInt(rela * 24),
    9n,
    24n,
    36n,
    BigInt(0x1070 + rela * 24),
    35n,
    BigInt(relr * 8),
    0n,
    0n,
  ]);
  for (let at = 0; at < rela; at++) data.set([0x10_0000n + BigInt(at * 8), 8n, 1n], 14 + at * 3);
  data.fill(2n ** 64n - 1n, 14 + rela * 3);
  data[14 + rela * 3] = 0x10_0000n;
  const segments = [
    { offset: 0x1000, p_vaddr: 0x1000n, data: new Uint8Array(data.buffer) },
    { offset: 0, p_vaddr: 0x10_0000n, p_memsz: BigInt(relr * 63 * 8), p_flags: 6 },
    { p_type: PT_DYNAMIC, offset: 0x1000, p_vaddr: 0x1000n, filesz: 0x70, p_align: 8n },
  ];
  const { plugin, work } = counted(relocate());
  const file = buildElf({ header: { e_type: ET_DYN, e_entry: 0x1000n }, segments });
  const kernel = await loadKernel(file, { plugins: [plugin] });
  assertEquals(kernel.results.relocate?.counts, { RELR: 1 + (relr - 1) * 63, R_X86_64_RELATIVE: rela });
  assert(work.pauses > 50, `${work.pauses} pauses`); // each before a few thousand more words
});
