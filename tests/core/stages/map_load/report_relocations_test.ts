/** What is reported of relocations that nothing applies. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { ET_DYN, PT_DYNAMIC } from "../../../../core/elf/constants.ts";
import { loadKernel, type Plugin } from "../../../../mod.ts";
import { buildElf, type SegmentSpec } from "../../../elf_builder.ts";
import { assertRefused, codes, END, loadDefault, loadOriginal, pages } from "../by_rules.ts";

Deno.test("an ET_DYN kernel is loaded at kernelBase, with a diagnostic when it has relocations", async () => {
  const dynamic = new BigUint64Array([7n, 0x100n, 8n, 24n, 9n, 24n, 0n, 0n]); // DT_RELA, DT_RELASZ, DT_RELAENT, DT_NULL
  const text: SegmentSpec = { offset: 0x1000, p_vaddr: 0n, filesz: 0x200, data: new Uint8Array(dynamic.buffer) };
  const segments = [text, { p_type: PT_DYNAMIC, offset: 0x1000, p_vaddr: 0n, filesz: 64, p_align: 8n }];
  const file = buildElf({ header: { e_type: ET_DYN, e_entry: 0x10n }, segments, length: END });
  const kernelBase = 0xffff_ffff_8000_0000n;
  const kernel = await loadKernel(file, { kernelBase });
  assertEquals(pages(kernel), ["0xffffffff80000000 R-X"]);
  assertEquals([kernel.entryPoint, kernel.virtualAddressOffset], [kernelBase + 0x10n, kernelBase]);
  assertEquals(kernel.diagnostics.map(({ code, index }) => [code, index]), [["relocations-unapplied", 1]]);
  assertEquals(pages(await loadDefault(file)), ["0x0 R-X"]);
  const original = await loadOriginal(file);
  assertEquals([pages(original), codes(original)], [["0x0 R-X"], []]);

  const none = buildElf({ header: { e_type: ET_DYN, e_entry: 0n }, segments: [text], length: END });
  assertEquals(codes(await loadDefault(none)), []);
  await assertRefused(loadKernel(none, { kernelBase: 0x1800n }), "kernel-base-misaligned", { value: 0x1800n });
});

/** An ET_DYN kernel with this dynamic table. */
function dynamicKernel(words: readonly bigint[]): Uint8Array {
  const data = new Uint8Array(new BigUint64Array(words).buffer);
  const text = { offset: 0x1000, p_vaddr: 0n, filesz: Math.max(data.length, 0x10), data };
  const dynamic = { p_type: PT_DYNAMIC, offset: 0x1000, p_vaddr: 0n, filesz: data.length, p_align: 8n };
  return buildElf({ header: { e_type: ET_DYN, e_entry: 0n }, segments: [text, dynamic] });
}

Deno.test("relocations are reported for every kind of table that is not empty, up to DT_NULL", async () => {
  const [DT_RELA, DT_RELASZ, DT_RELSZ, DT_RELRSZ, DT_PLTRELSZ] = [7n, 8n, 18n, 35n, 2n]; // gABI, "Dynamic Array Tags"
  const reported: readonly (readonly [words: readonly bigint[], count: number])[] = [
    [[DT_RELASZ, 24n, 0n, 0n], 1],
    [[DT_RELSZ, 16n], 1],
    [[DT_RELRSZ, 8n], 1],
    [[DT_PLTRELSZ, 24n, DT_RELASZ, 24n], 1], // once
    [[DT_RELASZ, 0n], 0],
    [[DT_RELA, 0x1000n], 0],
    [[0n, 0n, DT_RELASZ, 24n], 0],
    [[], 0],
    [[DT_RELASZ], 0], // half an entry
  ];
  for (const [words, count] of reported) {
    const kernel = await loadKernel(dynamicKernel(words), { kernelBase: 0x4000_0000n });
    assertEquals(codes(kernel), Array(count).fill("relocations-unapplied"), words.join());
    for (const { addresses, message } of kernel.diagnostics) {
      assertEquals(addresses, [0x4000_0000n]);
      assertStringIncludes(message, "none were applied (its offset is 0x40000000");
    }
  }
});

Deno.test("relocations are not reported if a plugin claims the dynamic table, or the kernel's addresses are fixed", async () => {
  const file = dynamicKernel([8n, 24n, 0n, 0n]);
  const plugin: Plugin = { name: "mine", handlers: [{ type: PT_DYNAMIC, handle: () => undefined }] };
  assertEquals((await loadKernel(file, { plugins: [plugin] })).diagnostics, []);
  new DataView(file.buffer).setUint16(16, 2, true); // ET_EXEC
  assertEquals(codes(await loadDefault(file)), []);
});
