/** A kernel of three segments of a page each: the cost of a load that hardly moves a byte. */

import { getHeapStatistics } from "node:v8";
import { loadKernel, physicalMemory } from "../../mod.ts";
import { loadPages } from "../floors.ts";
import { MIB, PAGE, threeSegments } from "../kernels.ts";
import { type Group, timedEach, timedEachAwaited, type Workload } from "../runner/workload.ts";

const KERNEL_OFFSET = 2 * MIB;
const CALLS = 20;
/** KiB of garbage that a load may leave. */
const GARBAGE = 16;

const warm: Workload = {
  name: "three segments, memory given and warm / copied and mapped by hand",
  aim: 25,
  open: () => {
    const file = threeSegments(PAGE);
    const memory = physicalMemory({ base: 0, buffer: new ArrayBuffer(4 * MIB) });
    const bytes = new Uint8Array(4 * MIB);
    const words = new Uint32Array(bytes.buffer);
    return {
      floor: timedEach(CALLS, () => loadPages(file, bytes, words, KERNEL_OFFSET)),
      kload: timedEachAwaited(CALLS, () => loadKernel(file, { memory })),
    };
  },
};

const own: Workload = {
  name: "three segments, own memory / the same into a fresh buffer of the same size",
  aim: 1.6,
  open: async () => {
    const file = threeSegments(PAGE);
    const { size } = (await loadKernel(file)).memory;
    const floor = () => {
      const buffer = new ArrayBuffer(size);
      loadPages(file, new Uint8Array(buffer), new Uint32Array(buffer), KERNEL_OFFSET);
    };
    return { floor: timedEach(CALLS, floor), kload: timedEachAwaited(CALLS, () => loadKernel(file)) };
  },
};

const garbage: Workload = {
  name: "three segments, memory given: garbage of a load / 16 KiB",
  unit: "KiB",
  aim: 2.4,
  open: () => {
    const file = threeSegments(PAGE);
    const memory = physicalMemory({ base: 0, buffer: new ArrayBuffer(4 * MIB) });
    const kload = async () => {
      const before = allocated();
      for (let call = 0; call < CALLS; call++) await loadKernel(file, { memory });
      return (allocated() - before) / CALLS / 1024;
    };
    return { floor: () => GARBAGE, kload };
  },
};

/** Bytes that this process has allocated on JavaScript's heap so far, including those that were freed. */
function allocated(): number {
  return (getHeapStatistics() as unknown as { readonly total_allocated_bytes: number }).total_allocated_bytes;
}

/** The group. */
export const small: Group = { name: "small kernels", workloads: [warm, own, garbage] };
