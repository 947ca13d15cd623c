/** The stage tls-extract: the template of the one `PT_TLS` header. */

import { assertEquals } from "@std/assert";
import { PT_TLS } from "../../../core/elf/constants.ts";
import { buildElf } from "../../elf_builder.ts";
import { END, loadDefault, loadOriginal, TEXT } from "./by_rules.ts";

Deno.test("an empty PT_TLS stays a template", async () => {
  const file = buildElf({
    segments: [TEXT, { p_type: PT_TLS, p_vaddr: 0x40_0100n, offset: 0x1100, filesz: 0, p_align: 8n }],
    length: END,
  });
  const template = { startAddr: 0x40_0100n, fileSize: 0n, memSize: 0n, align: 8n };
  assertEquals((await loadDefault(file)).tlsTemplate, template);
  assertEquals((await loadOriginal(file)).tlsTemplate, template);
});
