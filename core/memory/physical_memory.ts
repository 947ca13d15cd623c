/**
 * Physical memory: a window of whole pages over a typed array.
 *
 * @module
 */

import { hexAddr } from "../hex.ts";
import { PAGE_SIZE, PHYSICAL_END, physicalPages } from "./addresses.ts";

/** A window of physical memory: `size` bytes starting at `base`. */
export interface PhysicalMemory {
  /** Physical address of the first byte; a multiple of 4096. */
  readonly base: number;
  /** Number of bytes; a multiple of 4096. */
  readonly size: number;
  /** The bytes; index 0 is physical address `base`. */
  readonly buffer: ArrayBufferLike;
  /** Whether every byte that was never written is known to be zero. */
  readonly fresh: boolean;
  /**
   * Returns a view of the bytes at a physical address; writing to it writes to memory. Throws a `RangeError` if the
   * range leaves the window.
   */
  readonly bytes: (address: number, length: number) => Uint8Array;
}

/**
 * Creates physical memory over a buffer of the caller, whose content need not be zero.
 *
 * @example
 * ```ts
 * import { physicalMemory } from "@kload/kload";
 * import { assertEquals } from "@std/assert";
 *
 * const memory = physicalMemory({ base: 0x100000, buffer: new ArrayBuffer(0x4000) });
 * memory.bytes(0x101000, 2).set([1, 2]);
 * assertEquals(new Uint8Array(memory.buffer)[0x1001], 2);
 * ```
 *
 * @param options `base`: physical address of the first byte, a multiple of 4096 up to 2^52. `buffer`: an `ArrayBuffer`
 * or `SharedArrayBuffer` of whole pages.
 * @returns The memory; it uses the buffer itself, without a copy.
 * @throws {RangeError} If the base or the length is not a multiple of 4096, or the window ends above 2^52.
 * @throws {TypeError} If `buffer` is not a buffer, but for example a typed array.
 */
export function physicalMemory(
  { base, buffer }: { readonly base: number; readonly buffer: ArrayBufferLike },
): PhysicalMemory {
  // By its tag: SharedArrayBuffer is not a global in pages that are not isolated, and a buffer may be from another
  // realm.
  if (!/^\[object (Shared)?ArrayBuffer\]$/.test(Object.prototype.toString.call(buffer))) {
    throw new TypeError("Cannot use the buffer as physical memory: it must be an ArrayBuffer or a SharedArrayBuffer");
  }
  return window(base, buffer, false);
}

/**
 * Allocates physical memory, all of it zero.
 *
 * @param base Physical address of the first byte, a multiple of 4096 up to 2^52.
 * @param size Number of bytes, a multiple of 4096.
 * @returns The memory; the system typically commits its pages only when they are touched.
 * @throws {RangeError} If the base or the size is out of bounds, or the system cannot allocate the buffer.
 */
export function freshMemory(base: number, size: number): PhysicalMemory {
  return window(base, new ArrayBuffer(size), true);
}

function window(base: number, buffer: ArrayBufferLike, fresh: boolean): PhysicalMemory {
  const size = buffer.byteLength;
  physicalPages(base, "the base of physical memory");
  physicalPages(size, "the size of physical memory");
  if (base + size > PHYSICAL_END) {
    throw new RangeError(`Cannot use ${hexAddr(size)} bytes of memory at ${hexAddr(base)}: they end above 2^52`);
  }
  const bytes = (address: number, length: number): Uint8Array => {
    if (!contains(base, size, address, length)) {
      throw new RangeError(
        `Cannot view ${length} bytes at ${hexAddr(address)}: memory is ${hexAddr(base)}..${hexAddr(base + size)}`,
      );
    }
    return new Uint8Array(buffer, address - base, length);
  };
  return Object.freeze({ base, size, buffer, fresh, bytes });
}

function contains(base: number, size: number, address: number, length: number): boolean {
  return Number.isInteger(address) && Number.isInteger(length) && length >= 0 && address >= base &&
    address + length <= base + size;
}

/**
 * Whether a frame lies in a window of memory.
 *
 * @param memory The window.
 * @param frame A physical address.
 * @returns True if it is page-aligned and all its 4096 bytes are inside.
 */
export function containsFrame(memory: PhysicalMemory, frame: number): boolean {
  return frame % PAGE_SIZE === 0 && contains(memory.base, memory.size, frame, PAGE_SIZE);
}
