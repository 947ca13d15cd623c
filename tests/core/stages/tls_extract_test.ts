/** The stage tls-extract: the template of the one `PT_TLS` header. */

import { assertEquals } from "@std/assert";
import { ET_DYN, PT_TLS } from "../../../core/elf/constants.ts";
import { buildElf } from "../../elf_builder.ts";
import { loadKernel } from "../../../mod.ts";
import { assertRefused, END, loadDefault, loadOriginal, TEXT } from "./by_rules.ts";

Deno.test("an empty PT_TLS stays a template", async () => {
  const file = buildElf({
    segments: [TEXT, { p_type: PT_TLS, p_vaddr: 0x40_0100n, offset: 0x1100, filesz: 0, p_align: 8n }],
    length: END,
  });
  const template = { startAddr: 0x40_0100n, fileSize: 0n, memSize: 0n, align: 8n };
  assertEquals((await loadDefault(file)).tlsTemplate, template);
  assertEquals((await loadOriginal(file)).tlsTemplate, template);
});

Deno.test("the template is that of the one PT_TLS header, moved by the offset; a second one is refused", async () => {
  const tls = { p_type: PT_TLS, p_vaddr: 0x1010n, offset: 0x1010, filesz: 0x10, p_memsz: 0x38n, p_align: 8n };
  const segments = [{ ...TEXT, p_vaddr: 0x1000n }, tls];
  const file = buildElf({ header: { e_type: ET_DYN, e_entry: 0x1000n }, segments });
  const { tlsTemplate } = await loadKernel(file, { kernelBase: 0xffff_ffff_8000_0000n });
  assertEquals(tlsTemplate, { startAddr: 0xffff_ffff_8000_1010n, fileSize: 0x10n, memSize: 0x38n, align: 8n });
  assertEquals("tlsTemplate" in await loadDefault({ segments: [TEXT] }), false);
  const twice = loadDefault({ segments: [TEXT, { ...tls, p_vaddr: 0x40_0000n }, { ...tls, p_vaddr: 0x40_0010n }] });
  await assertRefused(twice, "tls-repeated", { index: 2, otherIndex: 1, field: "p_type", value: PT_TLS });
});
