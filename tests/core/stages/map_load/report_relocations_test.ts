/** What is reported of relocations that nothing applies. */

import { assertEquals } from "@std/assert";
import { ET_DYN, PT_DYNAMIC } from "../../../../core/elf/constants.ts";
import { loadKernel } from "../../../../mod.ts";
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
