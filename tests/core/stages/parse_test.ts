/** The stage parse: which files are kernels, and what is read of them. */

import { assertEquals } from "@std/assert";
import type { ErrorCode } from "../../../mod.ts";
import { buildElf, type ElfSpec } from "../../elf_builder.ts";
import { checkHeaders } from "../check_headers.ts";
import { readOriginal } from "../../original.ts";
import { assertRefused, END, loadDefault, loadOriginal, pages, TEXT } from "./by_rules.ts";

Deno.test("only 64-bit little-endian executables for x86-64 are kernels", async (t) => {
  const cases: readonly [string, ElfSpec["header"], ErrorCode, object][] = [
    ["machine", { e_machine: 183 }, "machine-unsupported", { field: "e_machine", value: 183 }],
    ["ET_REL", { e_type: 1 }, "type-unsupported", { field: "e_type", value: 1 }],
    ["big-endian", { EI_DATA: 2 }, "data-encoding-unsupported", { field: "EI_DATA", value: 2 }],
  ];
  for (const [name, header, code, detail] of cases) {
    await t.step(name, async () => {
      const file = buildElf({ header, segments: [TEXT], length: END });
      await assertRefused(loadDefault(file), code, detail);
      assertEquals(pages(await loadOriginal(file)), ["0x400000 R-X"]);
    });
  }
  await t.step("32-bit", async () => {
    const file = readOriginal("hdr-elf32-well-formed.elf");
    await assertRefused(loadDefault(file), "class-unsupported", { field: "EI_CLASS", value: 1 });
    assertEquals([...(await loadOriginal(file)).mappings()].length, 1);
  });
});

Deno.test("the section header table is not looked at", async () => {
  const file = buildElf({
    header: { e_shoff: 0x7fff_0000n, e_shnum: 3, e_shentsize: 64 },
    segments: [TEXT],
    length: END,
  });
  assertEquals(pages(await loadDefault(file)), ["0x400000 R-X"]);
  await assertRefused(loadOriginal(file), "section-headers-out-of-file", { limit: END });
});

Deno.test("a count of PN_XNUM program headers is refused by name", async () => {
  const file = buildElf({ header: { e_phnum: 0xffff }, segments: [TEXT], length: END });
  await assertRefused(loadDefault(file), "program-header-count-extended", { field: "e_phnum", value: 0xffff });
  await assertRefused(loadOriginal(file), "program-headers-out-of-file");
});

Deno.test("parse gives the headers as they stand in the file, in table order, and asks for no byte more", async () => {
  const segments = [{ ...TEXT, p_paddr: 0x10_0000n }, { p_type: 4, p_vaddr: 1n, p_memsz: 2n, offset: 3, p_align: 5n }];
  const file = buildElf({ header: { e_phoff: 0x200n, e_flags: 7 }, segments, length: END });
  const { context } = await checkHeaders(file.subarray(0, 0x200 + 2 * 56));
  assertEquals([context.fileHeader.e_phoff, context.fileHeader.e_flags, context.fileHeader.e_phnum], [0x200n, 7, 2]);
  assertEquals(context.programHeaders, [
    {
      ...{ index: 0, p_type: 1, p_flags: 5, p_offset: 0x1000n, p_vaddr: 0x40_0000n, p_paddr: 0x10_0000n },
      ...{ p_filesz: 0x200n, p_memsz: 0x200n, p_align: 0x1000n },
    },
    {
      ...{ index: 1, p_type: 4, p_flags: 5, p_offset: 3n, p_vaddr: 1n, p_paddr: 1n },
      ...{ p_filesz: 0n, p_memsz: 2n, p_align: 5n },
    },
  ]);
  assertEquals(context.intake.bytesRead, 0x200 + 2 * 56);
});
