/**
 * Where Limine puts a kernel in memory: in one piece, at the top of the memory below 4 GiB, by the allocator of its
 * BIOS port, which counts in 32 bits.
 *
 * @module
 */

import type { LimineImage } from "./image.ts";

/** Where the image goes, or why it does not. */
export interface Placement {
  /** The largest alignment of a segment, which is that of the image. */
  readonly alignment: bigint;
  /** The size of the image, from the first address of a segment to the last. */
  readonly size: bigint;
  /** Number of bytes to allocate: the size, rounded up to the alignment. */
  readonly needed: bigint;
  /** Number of bytes that are free. */
  readonly free: bigint;
  /** Whether the alignment is a multiple of 4 GiB, which the allocator takes as 0 and divides by. */
  readonly dividesByZero: boolean;
  /** Whether there is room for the image. */
  readonly fits: boolean;
  /** The physical address of the image, modulo 4096; `undefined` if it depends on the machine. */
  readonly inPage?: bigint;
}

const PAGE = 4096n;

/** Memory of a PC starts here that is used for large things. */
const LOW_MEMORY = 2n ** 20n;

/** A PC with as much memory, or more, has this much of it below 4 GiB; of it, the firmware takes the top. */
const SPLIT_AT = 0xe000_0000n;
const BELOW_SPLIT = 0xc000_0000n;
const FIRMWARE = 0x2_0000n;

/** What Limine itself has allocated when it allocates the image, and will need: measured with 8.2.0 in QEMU. */
const LIMINE_ITSELF = 0x9_5000n;

/** What is free below 1 MiB, which is enough for small things: measured likewise. */
export const FREE_BELOW_1_MIB = 0x8_0000n;

/** Size of a kernel's stack that asks for none. */
const STACK = 0x1_0000n;

/**
 * Works out where the image goes.
 *
 * @param view The file.
 * @returns The place.
 */
export function placeImage({ loads, start, end, memory, model, version }: LimineImage): Placement {
  const aligns = loads.map(({ p_align }) => p_align);
  const alignment = aligns.reduce((most, align) => align > most ? align : most, 0n);
  const size = BigInt.asUintN(64, end - start);
  const top = topOfMemory(memory) - LIMINE_ITSELF + STACK - roundUp(BigInt(model.length), PAGE);
  const free = top > LOW_MEMORY ? top - LOW_MEMORY : 0n;
  const step = BigInt.asUintN(32, alignment);
  if (step === 0n) return { alignment, size, needed: size, free, dividesByZero: true, fits: false };
  const count = BigInt.asUintN(32, size);
  const needed = BigInt.asUintN(32, BigInt.asUintN(32, count + step - 1n) / step * step);
  const room = top - needed - STACK;
  const fits = room > 0n && (version.isChecked ? size === count : true) && room / step * step >= LOW_MEMORY;
  const place = { alignment, size, needed, free, dividesByZero: false, fits };
  if (step % PAGE === 0n) return { ...place, inPage: 0n };
  if (PAGE % step !== 0n) return place;
  return { ...place, inPage: BigInt.asUintN(12, -needed) };
}

/** The end of the memory that Limine allocates from. */
function topOfMemory(memory: number): bigint {
  const bytes = BigInt(memory);
  return (bytes < SPLIT_AT ? bytes : BELOW_SPLIT) - FIRMWARE;
}

/**
 * Rounds up to a multiple.
 *
 * @param value The value.
 * @param step What to round to a multiple of; not 0.
 * @returns The multiple.
 */
export function roundUp(value: bigint, step: bigint): bigint {
  return (value + step - 1n) / step * step;
}
