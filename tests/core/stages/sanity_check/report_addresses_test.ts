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
