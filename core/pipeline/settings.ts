/**
 * The caller's options about memory and addresses, checked and with their defaults.
 *
 * @module
 */

import { hexAddr, PAGE_SIZE, PHYSICAL_END, physicalPages } from "../memory/addresses.ts";
import type { FrameAllocator } from "../memory/frame_allocator.ts";
import type { PhysicalMemory } from "../memory/physical_memory.ts";
import type { LoadSettings } from "./stage.ts";

/** Where our own memory is to be. */
export interface MemoryWindow {
  /** Physical address of the first byte, a multiple of 4096; 0. */
  readonly base?: number;
  /** Number of bytes, a multiple of 4096; as many as the kernel needs. */
  readonly size?: number;
}

const DEFAULT_MAX_MEMORY = 4 * 2 ** 30;
const DEFAULT_KERNEL_OFFSET = 2 * 2 ** 20;

/**
 * Checks the options about memory and addresses.
 *
 * @param options The caller's options.
 * @returns The settings.
 * @throws {RangeError} Where an address or size is misaligned or out of bounds.
 * @throws {TypeError} Where an option is of the wrong kind.
 */
export function checkSettings(options: {
  readonly memory?: PhysicalMemory | MemoryWindow;
  readonly maxMemory?: number;
  readonly kernelOffset?: number;
  readonly level4Frame?: number;
  readonly frames?: FrameAllocator;
  readonly kernelBase?: bigint;
}): LoadSettings {
  const { maxMemory = DEFAULT_MAX_MEMORY, level4Frame, frames, kernelBase } = options;
  if (typeof maxMemory !== "number") throw new TypeError(`Cannot use ${maxMemory} as maxMemory: it is no number`);
  if (!(Number.isInteger(maxMemory) && maxMemory > 0 && maxMemory <= PHYSICAL_END)) {
    throw new RangeError(`Cannot use ${maxMemory} as maxMemory: it is no number of bytes up to 2^52`);
  }
  checkMemoryKind(options.memory);
  if (frames !== undefined && typeof frames?.allocateFrame !== "function") {
    throw new TypeError("Cannot use frames: it is no frame allocator with allocateFrame()");
  }
  const memory = options.memory && "bytes" in options.memory ? options.memory : undefined;
  const base = physicalPages(options.memory?.base ?? 0, "the base of physical memory");
  const size = memory ? undefined : options.memory?.size;
  if (size !== undefined && physicalPages(size, "the size of physical memory") > maxMemory) {
    throw new RangeError(`Cannot allocate ${hexAddr(size)} bytes of memory: maxMemory is ${hexAddr(maxMemory)}`, {
      cause: { option: "memory" },
    });
  }
  const kernelOffset = physicalPages(options.kernelOffset ?? base + DEFAULT_KERNEL_OFFSET, "kernelOffset");
  if (kernelOffset < base) {
    throw new RangeError(`Cannot use ${hexAddr(kernelOffset)} as kernelOffset: memory starts at ${hexAddr(base)}`, {
      cause: { option: "kernelOffset", value: kernelOffset },
    });
  }
  if (level4Frame !== undefined && physicalPages(level4Frame, "level4Frame") > PHYSICAL_END - PAGE_SIZE) {
    throw new RangeError(`Cannot use ${hexAddr(level4Frame)} as level4Frame: it ends above 2^52`, {
      cause: { option: "level4Frame", value: level4Frame },
    });
  }
  if (kernelBase !== undefined && typeof kernelBase !== "bigint") {
    throw new TypeError(`Cannot use ${kernelBase} as kernelBase: it is no bigint`);
  }
  if (kernelBase !== undefined && (kernelBase < 0n || kernelBase >= 1n << 64n)) {
    throw new RangeError(`Cannot use ${kernelBase} as kernelBase: it has more than 64 bits`);
  }
  return { memory, base, size, maxMemory, kernelOffset, level4Frame, frames, kernelBase };
}

function checkMemoryKind(memory: unknown): void {
  if (memory === undefined) return;
  const isBuffer = ArrayBuffer.isView(memory) || /Buffer\]$/.test(Object.prototype.toString.call(memory));
  if (typeof memory === "object" && memory !== null && !isBuffer) return;
  throw new TypeError("Cannot use the memory: pass { base, size }, or what physicalMemory({ base, buffer }) makes");
}
