import type { FrameAllocator } from "../../mod.ts";

/** An allocator whose frames all stand apart: every other one from 3 MiB on. */
export function scatteredFrames(): FrameAllocator {
  let next = 0x30_0000;
  return {
    allocateFrame: () => (next += 0x2000) - 0x2000,
    get nextFrame() {
      return next;
    },
    framesAllocated: 0,
  };
}
