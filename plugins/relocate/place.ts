/**
 * Finds a place for a position-independent kernel.
 *
 * @module
 */

import { ET_DYN } from "../../core/elf/constants.ts";
import { LoadError } from "../../core/errors.ts";
import { canonical, isPowerOfTwo } from "../../core/memory/addresses.ts";
import { LEVEL_SPAN, TABLE_ENTRIES } from "../../core/paging/entry.ts";
import { usedLevel4Entries } from "../../core/paging/used_level4_entries.ts";
import { type Extent, extentOf } from "../../core/elf/extent.ts";
import type { Placed, Placement } from "../../core/pipeline/context.ts";
import { type ImageStage, imageStage, type Reads } from "../../core/pipeline/stage.ts";
import { randomBelow } from "../../core/random.ts";

const ENTRY = BigInt(LEVEL_SPAN[4]);
const HALF = 1n << 47n;
const PAGE = 4096n;
const FOUR_GIB = 2 ** 32;

/**
 * Makes the stage that places an `ET_DYN` kernel where the caller did not: at the first level-4 entries that are free,
 * or at random.
 *
 * @param seed What a random place follows from; none, and the first free one is taken.
 * @returns The stage.
 */
export function placeStage(
  seed: bigint | undefined,
): ImageStage<"place", Reads<"rules" | "settings" | "fileHeader" | "programHeaders">, Placed> {
  return imageStage(
    "place",
    { needs: ["rules", "settings", "fileHeader", "programHeaders"], adds: ["placement"] },
    (context) => {
      const { rules, settings, fileHeader, programHeaders } = context;
      if (fileHeader.e_type !== ET_DYN || settings.kernelBase !== undefined) return { placement: undefined };
      if (rules.relocation === "bootloader-0.11") return { placement: placeAsOriginal(context) };
      const extent = extentOf(programHeaders.filter(({ p_memsz }) => p_memsz > 0n));
      return { placement: placeExtent(extent, seed) };
    },
  );
}

/** The default rules: the lowest address is rounded down to the alignment, and the hole is never crossed. */
function placeExtent({ low, size, align }: Extent, seed: bigint | undefined): Placement | undefined {
  const step = align > PAGE ? align : PAGE;
  const start = low - low % step;
  const whole = low + size - start;
  // What cannot be placed at all is left to sanity-check to refuse, which names the header.
  if (size === 0n || !isPowerOfTwo(step) || step > HALF || whole > HALF) return undefined;
  const address = seed === undefined
    ? usedLevel4Entries([0]).getFreeAddress(whole, step)
    : randomAddress(whole, step, seed);
  const first = entryOf(address);
  const count = entryOf(address + whole - 1n) - first + 1;
  return { offset: address - start, level4Entries: Array.from({ length: count }, (_, at) => first + at) };
}

/** A multiple of `step` from the first address above entry 0 on, with `size` bytes behind it in its half. */
function randomAddress(size: bigint, step: bigint, seed: bigint): bigint {
  const lowest = step > ENTRY ? step : ENTRY;
  const lower = placesIn(lowest, HALF, size, step);
  const higher = placesIn(HALF, 2n * HALF, size, step);
  if (lower + higher === 0n) {
    throw new LoadError("level4-exhausted", { field: "bytes to place at random", value: size });
  }
  const choice = randomBelow(lower + higher, seed);
  const low48 = choice < lower ? lowest + choice * step : HALF + (choice - lower) * step;
  return canonical(Number(low48));
}

function placesIn(from: bigint, to: bigint, size: bigint, step: bigint): bigint {
  return to - from < size ? 0n : (to - from - size) / step + 1n;
}

function entryOf(address: bigint): number {
  return Number(BigInt.asUintN(48, address) / ENTRY);
}

/** v0.11 of the original: the lowest address is not rounded, and free entries may span the hole. */
function placeAsOriginal({ settings, programHeaders }: Reads<"settings" | "programHeaders">): Placement {
  const { low, size, align } = extentOf(programHeaders);
  if (!isPowerOfTwo(align)) {
    throw new LoadError("alignment-invalid", { field: "the largest p_align", value: align });
  }
  const end = settings.base + (settings.memory?.size ?? settings.size ?? 0);
  const identity = Math.ceil(Math.max(end, FOUR_GIB) / LEVEL_SPAN[4]);
  const count = Number((size + ENTRY - 1n) / ENTRY);
  if (count === 0 || identity + count > TABLE_ENTRIES) {
    throw new LoadError("level4-exhausted", { field: "neighbouring entries needed", value: count });
  }
  const level4Entries = Array.from({ length: count }, (_, at) => identity + at);
  return { offset: canonical(identity * LEVEL_SPAN[4]) - low, level4Entries };
}
