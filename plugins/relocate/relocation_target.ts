/**
 * The memory that relocations are read from and applied to, by the addresses that the kernel was linked for.
 *
 * @module
 */

import {
  type AddressRange,
  lowerHalf,
  type RangeIndex,
  rangeIndex,
  upperHalf,
} from "../../core/address_space/range_index.ts";
import { openWordWindow, type WordWindow } from "../../core/address_space/word_window.ts";
import { ADDRESS_END, checkedAddress } from "../../core/elf/checked_address.ts";
import { PT_LOAD } from "../../core/elf/constants.ts";
import type { ProgramHeader } from "../../core/elf/program_header.ts";
import { amended, LoadError } from "../../core/errors.ts";
import { low48 } from "../../core/memory/addresses.ts";
import type { PluginContext } from "../../core/plugin/plugin_context.ts";
import type { Rules } from "../../core/rules.ts";

/** Memory by linked addresses. */
export interface RelocationTarget {
  /** Index of the header whose relocations are applied. */
  readonly index: number;
  /** The rule set. */
  readonly rules: Rules;
  /** What is added to linked addresses; may be negative. */
  readonly offset: bigint;
  /**
   * Reads bytes at a linked address and returns a copy; `what` names them in errors. Throws a `LoadError`
   * "page-not-mapped", "address-overflow" or "address-not-canonical".
   */
  readonly read: (linked: bigint, length: number, what: string) => Uint8Array;
  /**
   * Writes 64 bits at a linked address in a segment. Throws a `LoadError` "relocation-out-of-segment", or like `read`.
   */
  readonly write64: (linked: bigint, value: bigint) => void;
  /** The segments that relocations may be applied to, by their linked addresses. */
  readonly segments: RangeIndex<RelocatedSegment>;
  /** How many bytes of a word must lie in a segment. */
  readonly bytesInSegment: number;
  /** The same memory, for many words that need no check of their own; `write64` forgets what it found. */
  readonly window: WordWindow;
}

/** A segment, by its linked addresses. */
export interface RelocatedSegment extends AddressRange {
  /** Bits 32 to 63 of its first address. */
  readonly high: number;
  /** Bits 0 to 31. */
  readonly low: number;
  /** Number of bytes. */
  readonly size: number;
  /**
   * Low 48 bits of the address where its first byte was loaded, if all its addresses are valid and follow from that;
   * otherwise each address needs a check of its own.
   */
  readonly place?: number;
}

const WORD = 8;
const HOLE_START = 1n << 47n;
const HOLE_END = 0xffff_8000_0000_0000n;

/**
 * Opens a kernel's memory for its relocations.
 *
 * @param context The load.
 * @returns A function that takes the index of the header whose relocations are applied, and returns the memory.
 */
export function relocationTargets(context: PluginContext): (index: number) => RelocationTarget {
  const { rules, signedOffset: offset, programHeaders, addressSpace } = context;
  const loads = programHeaders.filter(({ p_type }) => p_type === PT_LOAD);
  const segments = rangeIndex(loads.map((load) => relocatedSegment(load, offset, rules)));
  const bytesInSegment = rules.relocatedBytes === "first-byte" ? 1 : WORD;
  const window = openWordWindow(addressSpace);
  const word = new Uint8Array(WORD);
  const wordView = new DataView(word.buffer);

  return (index) => {
    /** The number of bytes at an address that lie before the hole; the others, if any, continue after it. */
    const bytesBeforeHole = (virt: bigint, length: number, what: string): number => {
      const end = virt + BigInt(length);
      const place = { index, field: `the end of ${what}`, value: end };
      if (end > ADDRESS_END) throw new LoadError("address-overflow", place);
      if (virt >= HOLE_START || end <= HOLE_START) return length;
      if (rules.relocatesAcrossHole) return Number(HOLE_START - virt);
      throw new LoadError("address-not-canonical", place);
    };
    const readMapped = (virt: bigint, length: number, what: string): Uint8Array => {
      try {
        return addressSpace.read(virt, length);
      } catch (error) {
        if (!(error instanceof LoadError) || error.code !== "page-not-mapped") throw error;
        throw amended(error, { detail: { index, field: `${what} at` } });
      }
    };
    return {
      index,
      rules,
      offset,
      segments,
      bytesInSegment,
      window,
      read: (linked, length, what) => {
        const virt = checkedAddress(linked + offset, `the address of ${what}`, rules, index);
        const before = bytesBeforeHole(virt, length, what);
        if (before === length) return readMapped(virt, length, what);
        const bytes = new Uint8Array(length);
        bytes.set(readMapped(virt, before, what));
        bytes.set(readMapped(HOLE_END, length - before, what), before);
        return bytes;
      },
      write64: (linked, value) => {
        const segment = segments.reaching(upperHalf(linked), lowerHalf(linked));
        if (!segment || linked + BigInt(bytesInSegment) > segment.end) {
          throw new LoadError("relocation-out-of-segment", { index, field: "r_offset", value: linked });
        }
        const virt = checkedAddress(linked + offset, "r_offset + virtualAddressOffset", rules, index);
        const before = bytesBeforeHole(virt, WORD, "a relocated word");
        wordView.setBigUint64(0, value, true);
        window.forget();
        addressSpace.write(virt, word.subarray(0, before));
        if (before < WORD) addressSpace.write(HOLE_END, word.subarray(before));
      },
    };
  };
}

function relocatedSegment({ p_vaddr, p_memsz }: ProgramHeader, offset: bigint, rules: Rules): RelocatedSegment {
  const range = { start: p_vaddr, end: p_vaddr + p_memsz };
  const place = placeOf(range, offset, rules);
  return {
    ...range,
    high: upperHalf(p_vaddr),
    low: lowerHalf(p_vaddr),
    size: Number(p_memsz),
    ...(place === undefined ? {} : { place }),
  };
}

/** Low 48 bits of the address of a range's first byte, if all its addresses are valid and follow from that. */
function placeOf({ start, end }: AddressRange, offset: bigint, rules: Rules): number | undefined {
  try {
    const first = low48(checkedAddress(start + offset, "the first address", rules));
    const last = low48(checkedAddress(end - 1n + offset, "the last address", rules));
    return BigInt(last) - BigInt(first) === end - 1n - start ? first : undefined;
  } catch (error) {
    if (error instanceof LoadError) return undefined;
    throw error;
  }
}

/**
 * Finds where a table that is linked at an address lies.
 *
 * @param linked The linked address of its first byte.
 * @param target The memory.
 * @returns Low 48 bits of its address; `undefined` if the address is invalid.
 */
export function tablePlace(linked: bigint, { offset, rules }: RelocationTarget): number | undefined {
  return placeOf({ start: linked, end: linked + 1n }, offset, rules);
}

/**
 * Creates a view for reading numbers from bytes.
 *
 * @param bytes The bytes.
 * @returns The view.
 */
export function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}
