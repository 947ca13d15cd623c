/** Boot information of several pages whose frames lie apart. */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { type MachineRegion, writeBootInfo } from "../../../boot/boot_info.ts";
import { BOOT_INFO_SIZE, MEMORY_REGION_SIZE } from "../../../boot/boot_info/layout.ts";
import { loadKernel } from "../../../mod.ts";
import { buildElf } from "../../elf_builder.ts";
import { scatteredFrames } from "../scattered_frames.ts";

/** A machine with gaps, above the memory of the load. */
const memoryMap = Array.from({ length: 500 }, (_, index): MachineRegion => {
  return { start: 2 ** 32 + index * 0x2000, end: 2 ** 32 + index * 0x2000 + 0x1000, kind: "usable" };
});

Deno.test("the memory map goes on from page to page, whatever frames they have", async () => {
  const file = buildElf({ segments: [{ p_vaddr: 0x40_0000n, filesz: 0x1800 }] });
  const kernel = await loadKernel(file, { memory: { size: 0x200_0000 }, frames: scatteredFrames() });
  const info = writeBootInfo(kernel, { memoryMap });
  assert(info.size >= 3 * 4096);
  const [first, second] = [0n, 4096n].map((offset) => kernel.pageTable.translate(info.address + offset));
  assert(first.mapped && second.mapped);
  assertNotEquals(second.phys, first.phys + 4096);

  const bytes = kernel.read(info.address, info.size);
  const view = new DataView(bytes.buffer);
  const count = Number(view.getBigUint64(16, true));
  const starts = Array.from({ length: count }, (_, index) => {
    return Number(view.getBigUint64(BOOT_INFO_SIZE + index * MEMORY_REGION_SIZE, true));
  });
  assertEquals(starts.slice(-memoryMap.length), memoryMap.map(({ start }) => start));
});
