/** Where segments may lie, by the rule sets. */

import { assertEquals } from "@std/assert";
import { PF_R, PF_W } from "../../../../core/elf/constants.ts";
import { buildElf } from "../../../elf_builder.ts";
import { assertRefused, END, loadDefault, loadOriginal, pages, TEXT } from "../by_rules.ts";

Deno.test("a segment may end at the end of the address space", async () => {
  const top = (1n << 64n) - 0x2000n;
  const file = buildElf({
    segments: [{ offset: 0x1000, p_vaddr: top, filesz: 0x1000, p_memsz: 0x2000n, p_flags: PF_R | PF_W }],
    header: { e_entry: top },
    length: END,
  });
  const kernel = await loadDefault(file);
  assertEquals(pages(kernel), ["0xffffffffffffe000 RW-", "0xfffffffffffff000 RW-"]);
  assertEquals(kernel.read(top + 0x1000n, 0x1000), new Uint8Array(0x1000));
  await assertRefused(loadOriginal(file), "address-overflow", { index: 0 });
});

Deno.test("an address with only bit 47 set is not canonical, and no segment crosses the hole", async () => {
  const hole = 1n << 47n;
  const bit47 = buildElf({ segments: [{ ...TEXT, p_vaddr: hole }], length: END });
  await assertRefused(loadDefault(bit47), "address-not-canonical", { index: 0, field: "p_vaddr", value: hole });
  assertEquals(pages(await loadOriginal(bit47)), ["0xffff800000000000 R-X"]);

  const across = buildElf({ segments: [{ ...TEXT, p_vaddr: hole - 0x1000n, filesz: 0x2000 }], length: END });
  await assertRefused(loadDefault(across), "address-not-canonical", {
    index: 0,
    field: "p_vaddr + p_memsz - 1",
    value: hole + 0xfffn,
  });
  assertEquals(pages(await loadOriginal(across)), ["0x7ffffffff000 R-X", "0xffff800000000000 R-X"]);
});
