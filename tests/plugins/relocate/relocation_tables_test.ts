/** Tables that overlap, or that lie where they would only cost time. */

import { assertEquals, assertObjectMatch, assertRejects } from "@std/assert";
import { ET_DYN, PF_R, PF_W, PT_DYNAMIC } from "../../../core/elf/constants.ts";
import { LoadError, loadKernel } from "../../../mod.ts";
import { presets } from "../../../plugins/presets.ts";
import { relocate } from "../../../plugins/relocate.ts";
import { buildElf } from "../../elf_builder.ts";
import { kernelFile, RELA, type RelaEntry, STRINGS, SYMBOLS, type Tags, word, WORDS } from "./kernel_file.ts";

const ENTRIES: readonly RelaEntry[] = [0, 1, 2, 3, 4, 5].map((at) => [WORDS + 8 * at, 8, 0, BigInt(at)] as const);

/** DT_RELA with the entries from `rela[0]` to `rela[1]`, DT_JMPREL with those of `jumps`. */
function tagsOf(rela: readonly [number, number], jumps: readonly [number, number], shift = 0): Tags {
  const at = (index: number) => BigInt(RELA + index * 24);
  const size = ([from, to]: readonly [number, number]) => BigInt((to - from) * 24);
  return [
    [7n, at(rela[0])],
    [8n, size(rela)],
    [9n, 24n],
    [23n, at(jumps[0]) + BigInt(shift)],
    [2n, size(jumps)],
    [20n, 7n],
    [0n, 0n],
  ];
}

Deno.test("entries that are in DT_RELA and in DT_JMPREL are applied once", async () => {
  const cases = [
    [[0, 6], [4, 6], 6], // as linkers do that count DT_JMPREL in DT_RELASZ
    [[0, 6], [0, 6], 6],
    [[1, 4], [0, 6], 6], // some on either side
    [[2, 6], [0, 3], 6],
    [[0, 3], [2, 6], 6],
    [[0, 3], [3, 6], 6],
    [[3, 6], [0, 3], 6],
    [[0, 0], [0, 6], 6],
  ] as const;
  for (const [rela, jumps, count] of cases) {
    const kernel = await loadKernel(kernelFile({ tags: tagsOf(rela, jumps), rela: ENTRIES }), {
      plugins: [relocate()],
    });
    assertEquals(kernel.results.relocate?.counts, { R_X86_64_RELATIVE: count }, `${rela} and ${jumps}`);
    for (const [place, , , addend] of ENTRIES) {
      const base = kernel.virtualAddressOffset;
      assertEquals(word(kernel.read(base + BigInt(place), 8)), base + addend);
    }
  }
});

Deno.test("entries that start elsewhere are others, even if their bytes are the same", async () => {
  // 16 bytes on, an entry has the place of the next one as its type.
  const file = kernelFile({ tags: tagsOf([0, 6], [0, 1], 16), rela: ENTRIES });
  const error = await assertRejects(() => loadKernel(file, { plugins: [relocate()] }), LoadError);
  assertObjectMatch(error, { code: "relocation-unsupported", detail: { value: WORDS + 8 } });
});

Deno.test("a table across segments is refused, even if they have its bytes in the file", async () => {
  const data = new Uint8Array(0x1000);
  new BigUint64Array(data.buffer).set([7n, 0x2800n, 8n, 0x2000n - 8n, 9n, 24n, 0n, 0n]);
  const segments = [
    { offset: 0x1000, p_vaddr: 0x1000n, filesz: 0x1000 },
    ...[0x2000n, 0x3000n, 0x4000n].map((p_vaddr) => ({ offset: 0x2000, p_vaddr, data, p_flags: PF_R | PF_W })),
    { p_type: PT_DYNAMIC, offset: 0x2000, p_vaddr: 0x2000n, filesz: 64, p_align: 8n },
  ];
  const file = buildElf({ header: { e_type: ET_DYN, e_entry: 0x1000n }, segments });
  const error = await assertRejects(() => loadKernel(file, { plugins: [relocate()] }), LoadError);
  const field = "the end of a relocation table, past its segment's file bytes,";
  assertObjectMatch(error, { code: "dynamic-malformed", detail: { index: 4, field, value: 0x47f8n } });
});

Deno.test("v0.11 of the original refuses tags that it has no name for, and those alone", async () => {
  const load = (tag: bigint) => {
    const tags: Tags = [[7n, BigInt(RELA)], [8n, 24n], [9n, 24n], [tag, 0n], [0n, 0n]];
    return loadKernel(kernelFile({ tags, rela: ENTRIES.slice(0, 1) }), presets["bootloader-0.11"]);
  };
  // gABI, "Dynamic Array Tags": 32 to 34 are DT_PREINIT_ARRAY to DT_SYMTAB_SHNDX, 0x6000000d is DT_LOOS, 0x7fffffff
  // DT_HIPROC. 31 has no name; DT_RELRSZ and later tags are newer than the original.
  for (const tag of [26n, 30n, 32n, 33n, 34n, 0x6000_000dn, 0x6fff_fffbn, 0x7fff_ffffn]) {
    assertEquals((await load(tag)).results.relocate?.counts, { R_X86_64_RELATIVE: 1 }, `tag ${tag}`);
  }
  for (const tag of [31n, 35n, 36n, 37n, 0x6000_000cn, 0x8000_0000n, (1n << 64n) - 1n]) {
    const error = await assertRejects(() => load(tag), LoadError);
    assertObjectMatch(error, { code: "dynamic-malformed", detail: { index: 2, value: tag } });
  }
});

Deno.test("of tags that may be repeated, the first counts", async () => {
  const table: Tags = [[7n, BigInt(RELA)], [8n, 24n], [9n, 24n]];
  const more: Tags = [[6n, BigInt(SYMBOLS)], [5n, BigInt(STRINGS)], [10n, 0x100n], [6n, 1n], [5n, 1n], [10n, 1n]];
  const file = kernelFile({
    tags: [...table, ...more, [0n, 0n]],
    rela: [[WORDS, 1, 1, 0n]],
    symbols: [[1, 0x10, 0, 0n]],
  });
  const error = await assertRejects(() => loadKernel(file, { plugins: [relocate()] }), LoadError);
  assertObjectMatch(error, { code: "symbol-undefined", detail: { symbol: "alpha" } });
});

Deno.test("a table of strings without a size has no names", async () => {
  const tags: Tags = [[7n, BigInt(RELA)], [8n, 24n], [9n, 24n], [6n, BigInt(SYMBOLS)], [5n, BigInt(STRINGS)], [1n, 1n]];
  const file = kernelFile({ tags: [...tags, [0n, 0n]], rela: [[WORDS, 1, 1, 0n]], symbols: [[1, 0x10, 0, 0n]] });
  const error = await assertRejects(() => loadKernel(file, { plugins: [relocate()] }), LoadError);
  assertObjectMatch(error, { code: "symbol-undefined", detail: { symbol: "#1" } });
});

Deno.test("text relocations are announced by DT_TEXTREL or by its bit in DT_FLAGS", async () => {
  const codes = async (...tags: Tags) => {
    const file = kernelFile({ tags: [...tags, [0n, 0n]] });
    return (await loadKernel(file, { plugins: [relocate()] })).diagnostics.map(({ code }) => code);
  };
  // gABI, "DT_FLAGS values": DF_TEXTREL is 4.
  assertEquals(await codes([22n, 0n]), ["text-relocations"]);
  assertEquals(await codes([30n, 4n]), ["text-relocations"]);
  assertEquals(await codes([30n, 0xfffbn]), []);
  assertEquals(await codes(), []);
});

Deno.test("the relocations of a kernel with fixed addresses are applied by v0.11 of the original alone", async () => {
  const file = kernelFile({
    e_type: 2,
    base: 0x40_0000n,
    tags: [[7n, 0x40_0000n + BigInt(RELA)], [8n, 24n], [9n, 24n], [0n, 0n]],
    rela: [[WORDS, 8, 0, 0x1234n]],
    words: [7n],
  });
  for (const [rules, expected] of [["default", 7n], ["bootloader-0.10", 7n], ["bootloader-0.11", 0x1234n]] as const) {
    const kernel = await loadKernel(file, { rules, plugins: [relocate()] });
    assertEquals(word(kernel.read(0x40_0000n + BigInt(WORDS), 8)), expected, rules);
  }
});

Deno.test("other rules than those of v0.11 pass over tags that they have no use for", async () => {
  for (const rules of ["default", "bootloader-0.10"] as const) {
    for (const tag of [31n, 0x6000_000cn, 0x8000_0000n, (1n << 64n) - 1n]) {
      const tags: Tags = [[7n, BigInt(RELA)], [8n, 24n], [9n, 24n], [tag, 0n], [0n, 0n]];
      const file = kernelFile({ tags, rela: ENTRIES.slice(0, 1) });
      const kernel = await loadKernel(file, { rules, plugins: [relocate()] });
      assertEquals(kernel.results.relocate?.counts, { R_X86_64_RELATIVE: 1 });
    }
  }
});
