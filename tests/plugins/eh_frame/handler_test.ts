/** What the plugin eh-frame does with headers and files that are not as a linker makes them. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { ELFCLASS64, PF_R, PT_GNU_EH_FRAME } from "../../../core/elf/constants.ts";
import type { Segment } from "../../../core/elf/program_header.ts";
import type { PluginContext } from "../../../core/plugin/plugin_context.ts";
import { type Diagnostic, loadKernel } from "../../../mod.ts";
import { ehFrame } from "../../../plugins/eh_frame.ts";
import { buildElf } from "../../elf_builder.ts";
import { words } from "../note_bytes.ts";

/** A header of absolute addresses: of .eh_frame, and of one row. */
const header = (frame: number, start: number, fde: number): Uint8Array =>
  concat([new Uint8Array([1, 0x03, 0x03, 0x03]), words(frame, 1, start, fde)]);

/** Calls the plugin's handler with memory that is read in this way. */
function handled(read: PluginContext["addressSpace"]["read"], EI_CLASS = ELFCLASS64, virtualAddressOffset = 0n) {
  const reports: Diagnostic[] = [];
  const context = {
    addressSpace: { read },
    fileHeader: { EI_CLASS },
    virtualAddressOffset,
    report: reports.push.bind(reports),
  };
  const phdr = { index: 3, p_vaddr: 0x2000n, p_memsz: 20n } as Segment;
  const [handler] = ehFrame().handlers ?? [];
  const found = handler.handle(phdr, context as unknown as PluginContext, undefined);
  assert(found && !(found instanceof Promise));
  return { found, reports };
}

Deno.test("the first of two headers counts", async () => {
  const file = buildElf({
    segments: [
      { offset: 0x1000, p_vaddr: 0x40_0000n, filesz: 0x1000 },
      { offset: 0x2000, p_vaddr: 0x40_1000n, p_flags: PF_R, data: header(0x1111, 1, 1) },
      { offset: 0x3000, p_vaddr: 0x40_2000n, p_flags: PF_R, data: header(0x2222, 1, 1) },
      { p_type: PT_GNU_EH_FRAME, offset: 0x2000, p_vaddr: 0x40_1000n, filesz: 20, p_align: 4n },
      { p_type: PT_GNU_EH_FRAME, offset: 0x3000, p_vaddr: 0x40_2000n, filesz: 20, p_align: 4n },
    ],
  });
  const { results, diagnostics } = await loadKernel(file, { plugins: [ehFrame()] });
  const found = results["eh-frame"];
  assertEquals([found?.address, found?.ehFrame], [0x40_1000n, 0x1111n]);
  assertEquals(diagnostics, []);
});

Deno.test("the table of a 32-bit file is located, and reported as not read", () => {
  const { found, reports } = handled(() => assert(false) as never, 1);
  assertEquals(found, { address: 0x2000n, size: 20n });
  assertEquals(reports.map(({ code, index, addresses }) => [code, index, addresses]), [
    ["eh-frame-encoding", 3, [0x2000n]],
  ]);
});

Deno.test("addresses are sums modulo 2^64", () => {
  const bytes = header(0x1111, 1, 1);
  const { found } = handled(
    (virt, length) => bytes.slice(0, virt < 0n ? 0 : length),
    ELFCLASS64,
    (1n << 64n) - 0x1000n,
  );
  assertEquals([found.address, found.ehFrame], [0x1000n, 0x1111n]);
});

Deno.test("errors that are not about the kernel go through, from the header and from a search", () => {
  const fail = () => {
    throw new TypeError("out of order");
  };
  assertThrows(() => handled(fail), TypeError, "out of order");
  const bytes = header(0x1111, 1, 1);
  let reads = 0;
  const { found } = handled((_, length) => reads++ === 0 ? bytes.slice(0, length) : fail());
  assertThrows(() => found.lookup?.(1n), TypeError, "out of order");
});
