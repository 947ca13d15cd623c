/** The stage l4-usage: the level-4 entries that the kernel uses. */

import { assertEquals } from "@std/assert";
import { PT_GNU_STACK, PT_NOTE, PT_TLS } from "../../../core/elf/constants.ts";
import { buildElf } from "../../elf_builder.ts";
import type { Plugin } from "../../../core/plugin/plugin.ts";
import type { PluginContext } from "../../../core/plugin/plugin_context.ts";
import { loadKernel } from "../../../mod.ts";
import { END, loadDefault, loadOriginal, TEXT } from "./by_rules.ts";

Deno.test("level-4 usage counts what is loaded, with an exclusive end", async () => {
  const level4 = 1n << 39n;
  const file = buildElf({
    segments: [
      { offset: 0x1000, p_vaddr: 3n * level4 - 0x1000n, filesz: 0x1000 },
      { p_type: PT_GNU_STACK, p_vaddr: 7n * level4, p_memsz: 0n, p_align: 16n, offset: 0 },
      { p_type: PT_NOTE, p_vaddr: 9n * level4, p_memsz: 16n, filesz: 16, p_align: 4n },
      { p_type: PT_TLS, p_vaddr: 11n * level4, p_memsz: 16n, offset: 0x1000, filesz: 0 },
    ],
    header: { e_entry: 3n * level4 - 0x1000n },
    length: END,
  });
  assertEquals([...(await loadDefault(file)).usedLevel4Entries], [0, 2, 11]);
  assertEquals([...(await loadOriginal(file)).usedLevel4Entries], [0, 2, 3, 7, 9, 11]);
});

Deno.test("level-4 usage includes what handlers have reserved, and goes on to count what is reserved later", async () => {
  const handle = (_: unknown, { addressSpace }: PluginContext) => void addressSpace.reserve(0x1000);
  const plugin: Plugin = { name: "mine", handlers: [{ type: 1, handle }] };
  const { usedLevel4Entries, addressSpace } = await loadKernel(buildElf({ segments: [TEXT] }), { plugins: [plugin] });
  assertEquals([...usedLevel4Entries], [0, 1]);
  addressSpace.reserve(0x1000);
  assertEquals([...usedLevel4Entries], [0, 1, 2]);
});
