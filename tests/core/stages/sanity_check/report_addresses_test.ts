/** What is reported of addresses that are accepted. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { PT_TLS } from "../../../../core/elf/constants.ts";
import { buildElf, type SegmentSpec } from "../../../elf_builder.ts";
import { codes, END, loadDefault, loadOriginal, TEXT } from "../by_rules.ts";

Deno.test("a TLS template outside every PT_LOAD is accepted, with a diagnostic", async () => {
  const tls: SegmentSpec = { p_type: PT_TLS, p_vaddr: 0x90_0000n, offset: 0x1000, filesz: 0x10, p_memsz: 0x20n };
  const file = buildElf({ segments: [TEXT, tls], length: END });
  const kernel = await loadDefault(file);
  assertEquals(kernel.tlsTemplate, { startAddr: 0x90_0000n, fileSize: 0x10n, memSize: 0x20n, align: 0x1000n });
  assertEquals(kernel.diagnostics.map(({ code, index }) => [code, index]), [["tls-outside-load", 1]]);
  assertEquals(codes(await loadOriginal(file)), []);
});

Deno.test("p_paddr is ignored, with a diagnostic where it is set and differs", async () => {
  const elsewhere = buildElf({ segments: [{ ...TEXT, p_paddr: 0x10_0000n }], length: END });
  assertEquals(codes(await loadDefault(elsewhere)), ["physical-address-ignored"]);
  assertEquals(codes(await loadDefault({ segments: [{ ...TEXT, p_paddr: 0n }], length: END })), []);
  const physicalEntry = buildElf({ header: { e_entry: 0x10_0010n }, segments: [{ ...TEXT, p_paddr: 0x10_0000n }] });
  const kernel = await loadDefault(physicalEntry);
  assertEquals(codes(kernel), ["entry-not-executable", "physical-address-ignored"]);
  assertStringIncludes(kernel.diagnostics[0].message, "p_paddr range of program header 0");
  assertStringIncludes(kernel.diagnostics[0].hint ?? "", "with paging off");
});

Deno.test("a TLS template is reported unless all its file bytes lie in one PT_LOAD", async () => {
  const load: SegmentSpec = { p_vaddr: 0x80_0000n, offset: 0x2000, filesz: 0x100, p_memsz: 0x200n, p_flags: 6 };
  const next: SegmentSpec = { p_vaddr: 0x80_1000n, offset: 0x3000, filesz: 0x100, p_flags: 6 };
  const cases: readonly (readonly [vaddr: bigint, filesz: number, isReported: boolean])[] = [
    [0x80_0000n, 0x100, false],
    [0x80_0000n, 0x200, false],
    [0x80_0000n, 0x201, true],
    [0x80_01ffn, 1, false],
    [0x80_01ffn, 2, true],
    [0x80_0200n, 1, true],
    [0x7f_ffffn, 1, true],
    [0x7f_ffffn, 2, true],
    [0x80_1000n, 0x100, false],
    [0x90_0000n, 0, false],
  ];
  for (const [p_vaddr, filesz, isReported] of cases) {
    const tls: SegmentSpec = { p_type: PT_TLS, p_vaddr, offset: 0x2000, filesz, p_memsz: 0x400n, p_align: 1n };
    const kernel = await loadDefault({ segments: [TEXT, load, next, tls], length: END });
    assertEquals(codes(kernel), isReported ? ["tls-outside-load"] : [], `${p_vaddr.toString(16)}, ${filesz} bytes`);
  }
});

Deno.test("an entry point is reported unless it is in a page of a segment that may be executed", async () => {
  const text: SegmentSpec = { p_vaddr: 0x40_0800n, offset: 0x1800, filesz: 0x900 };
  const data: SegmentSpec = { p_vaddr: 0x40_2000n, offset: 0x3000, filesz: 0x100, p_flags: 6 };
  for (
    const [e_entry, isReported] of [
      [0x3f_ffffn, true],
      [0x40_0000n, false],
      [0x40_0800n, false],
      [0x40_1fffn, false],
      [0x40_2000n, true],
    ] as const
  ) {
    const kernel = await loadDefault({ header: { e_entry }, segments: [text, data], length: END });
    assertEquals(codes(kernel), isReported ? ["entry-not-executable"] : [], e_entry.toString(16));
  }
});

Deno.test("an entry point in a p_paddr range is called that, to its last byte, and in no other range", async () => {
  const text: SegmentSpec = { ...TEXT, p_paddr: 0x10_0000n };
  const hints = async (e_entry: bigint, segment: SegmentSpec) => {
    const { diagnostics } = await loadDefault({ header: { e_entry }, segments: [segment], length: END });
    return diagnostics.find(({ code }) => code === "entry-not-executable")?.message.includes("p_paddr range");
  };
  assertEquals(await hints(0x10_0000n, text), true);
  assertEquals(await hints(0x10_01ffn, text), true);
  assertEquals(await hints(0x10_0200n, text), false);
  assertEquals(await hints(0xf_ffffn, text), false);
  // The same range by both addresses is no clue.
  assertEquals(await hints(0x10_0000n, { ...TEXT, p_vaddr: 0x10_0000n, p_flags: 6 }), false);
});
