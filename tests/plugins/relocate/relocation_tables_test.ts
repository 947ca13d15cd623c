/** Tables that overlap, or that lie where they would only cost time. */

import { assertEquals, assertObjectMatch, assertRejects } from "@std/assert";
import { ET_DYN, PF_R, PF_W, PT_DYNAMIC } from "../../../core/elf/constants.ts";
import { LoadError, loadKernel } from "../../../mod.ts";
import { relocate } from "../../../plugins/relocate.ts";
import { buildElf } from "../../elf_builder.ts";
import { kernelFile, RELA, type RelaEntry, type Tags, word, WORDS } from "./kernel_file.ts";

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
