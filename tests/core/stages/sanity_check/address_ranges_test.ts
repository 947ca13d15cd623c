/** Where segments may lie, by the rule sets. */

import { assertEquals, assertThrows } from "@std/assert";
import { PF_R, PF_W, PT_LOAD } from "../../../../core/elf/constants.ts";
import { buildElf } from "../../../elf_builder.ts";
import { ADDRESS_RULES } from "../../../../core/stages/sanity_check/address_ranges.ts";
import { LoadError } from "../../../../mod.ts";
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

// Under v0.11 each sum that a walk over the segment takes is checked in turn, and the first that fails is named.
const HOLE = 1n << 47n;
const REFUSED_0_11: readonly (readonly [vaddr: bigint, filesz: number, memsz: bigint, field: string, size: bigint])[] =
  [
    [HOLE - 0x1000n, 0x1001, 0x1001n, "p_vaddr + p_filesz", 0x1001n],
    [HOLE - 0x1000n, 0x1000, 0x2000n, "p_vaddr + p_filesz", 0x1000n],
    [HOLE - 0x2000n, 0x1000, 0x2000n, "p_vaddr + p_memsz", 0x2000n],
    [HOLE - 0x1000n, 0xfff, 0x1000n, "p_vaddr + p_memsz", 0x1000n],
    [HOLE - 0x1000n, 0x10, 0x20n, "p_vaddr + p_filesz", 0x10n],
    [HOLE - 0x1000n, 0x10, 0x10n, "p_vaddr + p_memsz - 1", 0xfn],
  ];

for (const [p_vaddr, filesz, p_memsz, field, size] of REFUSED_0_11) {
  const what = `0x${filesz.toString(16)} of 0x${p_memsz.toString(16)} bytes at 0x${p_vaddr.toString(16)}`;
  Deno.test(`v0.11 of the original refuses ${what} for ${field}`, () => {
    const phdr = {
      index: 1,
      p_type: PT_LOAD,
      p_flags: PF_R,
      p_offset: 0x3000n,
      p_vaddr: p_vaddr - 0x5000n,
      p_paddr: 0n,
      p_filesz: BigInt(filesz),
      p_memsz,
      p_align: 1n,
    };
    const error = assertThrows(() => ADDRESS_RULES["canonical-steps"](phdr, 0x5000n), LoadError);
    const named = field.replace("p_vaddr", "p_vaddr + virtualAddressOffset");
    assertEquals<unknown>([error.code, error.detail], ["address-not-canonical", {
      index: 1,
      field: named,
      value: p_vaddr + size,
    }]);
  });
}
