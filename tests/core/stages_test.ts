import { assertEquals, assertLess } from "@std/assert";
import { loadKernel } from "../../mod.ts";
import { defaultPipeline, type Loading, type SegmentStage } from "../../core/stages/mod.ts";
import type { Base, Checked } from "../../core/stages/mod.ts";
import { PF_R, PF_W } from "../../core/elf/constants.ts";
import { buildElf } from "../elf_builder.ts";

Deno.test("bss-fixup waits for the page that it copies, not for the segments behind it", async () => {
  const file = buildElf({
    segments: [
      { offset: 0x1000, filesz: 0x100, p_memsz: 0x4000n, p_flags: PF_R | PF_W },
      { offset: 0x2000, filesz: 0x20_0000, p_vaddr: 0x80_0000n },
    ],
  });
  const received: number[] = [];
  const watch: SegmentStage<Base & Checked & Loading, unknown, "watch"> = {
    name: "watch",
    needs: ["intake"],
    adds: [],
    segment: (_phdr, { intake }) => {
      received.push(intake.received);
      return {};
    },
  };
  const kernel = await loadKernel(file, { pipeline: defaultPipeline.after("bss-fixup", watch) });
  assertEquals(received.length, 2);
  assertLess(received[0], 0x2001);
  assertEquals(kernel.bytesRead, 0x20_2000);
});
