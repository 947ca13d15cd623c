/**
 * Chooses the address of a position-independent kernel.
 *
 * @module
 */

import { ET_DYN } from "../../core/elf/constants.ts";
import { type Extent, extentOf } from "../../core/elf/extent.ts";
import { LoadError } from "../../core/errors.ts";
import { canonical, isPowerOfTwo, PAGE_SIZE } from "../../core/memory/addresses.ts";
import { LEVEL_SPAN, TABLE_ENTRIES } from "../../core/paging/entry.ts";
import { exhausted, usedLevel4Entries } from "../../core/paging/used_level4_entries.ts";
import type { Placed } from "../../core/pipeline/context.ts";
import { type ImageStage, imageStage, type Reads } from "../../core/pipeline/stage.ts";
import { randomBelow } from "../../core/random.ts";

const ENTRY = BigInt(LEVEL_SPAN[4]);
const HALF = 1n << 47n;
const PAGE = BigInt(PAGE_SIZE);
const FOUR_GIB = 2 ** 32;

/** The stage that places kernels. */
export type PlaceStage = ImageStage<"place", Reads<"rules" | "settings" | "fileHeader" | "programHeaders">, Placed>;

/**
 * Creates the stage that places an `ET_DYN` kernel at the first free level-4 entries or at random, unless the caller
 * chose a base.
 *
 * @param seed Determines a random address; `undefined` for the first free one.
 * @returns The stage.
 */
export function placeStage(seed: bigint | undefined): PlaceStage {
  return imageStage(
    "place",
    { needs: ["rules", "settings", "fileHeader", "programHeaders"], adds: ["placement"] },
    (context) => {
      const { rules, settings, fileHeader, programHeaders } = context;
      if (fileHeader.e_type !== ET_DYN || settings.kernelBase !== undefined) return { placement: undefined };
      const offset = rules.placement === "entry-start"
        ? offsetToEntryStart(context)
        : alignedOffset(extentOf(programHeaders.filter(({ p_memsz }) => p_memsz > 0n)), seed);
      return { placement: offset === undefined ? undefined : { offset } };
    },
  );
}

/** "aligned": the lowest address is rounded down to the alignment, and the kernel never crosses the hole. */
function alignedOffset({ low, size, align }: Extent, seed: bigint | undefined): bigint | undefined {
  const step = align > PAGE ? align : PAGE;
  const start = low - low % step;
  const whole = low + size - start;
  // What cannot be placed at all is left for sanity-check to refuse, because it names the header.
  if (size === 0n || !isPowerOfTwo(step) || step > HALF || whole > HALF) return undefined;
  if (seed !== undefined) return randomAddress(whole, step, seed) - start;
  return usedLevel4Entries([0]).getFreeAddress(whole, step) - start;
}

/** Picks a multiple of `step`, outside level-4 entry 0, from which `size` bytes (at most a half) fit into one half. */
function randomAddress(size: bigint, step: bigint, seed: bigint): bigint {
  const lowest = step > ENTRY ? step : ENTRY;
  const lower = placesIn(lowest, HALF, size, step);
  const higher = placesIn(HALF, 2n * HALF, size, step);
  const choice = randomBelow(lower + higher, seed);
  const low48 = choice < lower ? lowest + choice * step : HALF + (choice - lower) * step;
  return canonical(Number(low48));
}

function placesIn(from: bigint, to: bigint, size: bigint, step: bigint): bigint {
  return to - from < size ? 0n : (to - from - size) / step + 1n;
}

/** "entry-start", v0.11 of the original: the lowest address is not rounded, and the entries may span the hole. */
function offsetToEntryStart({ settings, programHeaders }: Reads<"settings" | "programHeaders">): bigint {
  const { low, size, align } = extentOf(programHeaders);
  if (!isPowerOfTwo(align)) {
    throw new LoadError("alignment-invalid", { field: "the largest p_align", value: align });
  }
  const memoryEnd = settings.base + (settings.memory?.size ?? settings.size ?? 0);
  const firstFree = Math.ceil(Math.max(memoryEnd, FOUR_GIB) / LEVEL_SPAN[4]);
  const count = Number((size + ENTRY - 1n) / ENTRY);
  if (count === 0 || firstFree + count > TABLE_ENTRIES) {
    throw exhausted(count);
  }
  return canonical(firstFree * LEVEL_SPAN[4]) - low;
}
