/** The stage bss-fixup: the zeroed memory after each file part. */

import { assertEquals, assertLess } from "@std/assert";
import { defaultPipeline, segmentStage } from "../../../core/stages/mod.ts";
import { PF_R, PF_W, PF_X } from "../../../core/elf/constants.ts";
import { loadKernel } from "../../../mod.ts";
import { buildElf, type SegmentSpec } from "../../elf_builder.ts";
import { assertRefused, END, fileBytes, KERNEL_OFFSET, LAYOUT, loadDefault, loadOriginal, pages } from "./by_rules.ts";

Deno.test("a bss that ends on a page boundary takes no page too many", async () => {
  const file = buildElf({
    segments: [
      { offset: 0x1000, p_vaddr: 0x40_0000n, filesz: 0x1000, p_memsz: 0x2000n, p_flags: PF_R | PF_W },
      { offset: 0x2000, p_vaddr: 0x40_2000n, filesz: 0x100 },
    ],
    length: END,
  });
  assertEquals(pages(await loadDefault(file)), ["0x400000 RW-", "0x401000 RW-", "0x402000 R-X"]);
  await assertRefused(loadOriginal(file), "page-already-mapped", { index: 1, value: 0x40_2000n, otherIndex: 0 });
});

Deno.test("the file's bytes stay as they are, and the bss after them is zero", async () => {
  const data: SegmentSpec = {
    offset: 0x1234,
    p_vaddr: 0x40_0234n,
    filesz: 0x1000,
    p_memsz: 0x5000n,
    p_flags: PF_R | PF_W | PF_X,
  };
  const file = buildElf({ segments: [data], header: { e_entry: 0x40_0234n }, length: END });
  const kernel = await loadKernel(file, LAYOUT);
  assertEquals(kernel.read(0x40_0234n, 0x1000), fileBytes(0x1234, 0x1000));
  assertEquals(kernel.read(0x40_1234n, 0x4000), new Uint8Array(0x4000));
  assertEquals(kernel.memory.bytes(KERNEL_OFFSET, 0x2234), file.subarray(0, 0x2234));
  const runs = kernel.frameRuns().map(({ owner, size }) => [owner, size / 4096]);
  assertEquals(runs, [["file", 3], ["table", 1], ["table", 3], ["copy", 1], ["bss", 4]]);
});

Deno.test("bss-fixup waits for the page that it copies, not for later segments", async () => {
  const file = buildElf({
    segments: [
      { offset: 0x1000, filesz: 0x100, p_memsz: 0x4000n, p_flags: PF_R | PF_W },
      { offset: 0x2000, filesz: 0x20_0000, p_vaddr: 0x80_0000n },
    ],
  });
  const received: number[] = [];
  const watch = segmentStage("watch", { needs: ["intake"] }, (_segment, { intake }) => {
    received.push(intake.received);
    return {};
  });
  const kernel = await loadKernel(file, { pipeline: defaultPipeline.after("bss-fixup", watch) });
  assertEquals(received.length, 2);
  assertLess(received[0], 0x2001);
  assertEquals(kernel.bytesRead, 0x20_2000);
});
