/**
 * The memory that relocations are read from and applied to, by the addresses that the kernel was linked for.
 *
 * @module
 */

import { ADDRESS_END, checkedAddress } from "../../core/elf/checked_address.ts";
import { PT_LOAD } from "../../core/elf/constants.ts";
import { amended, LoadError } from "../../core/errors.ts";
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
}

const WORD = 8;
const HOLE_START = 1n << 47n;
const HOLE_END = 0xffff_8000_0000_0000n;

/**
 * Opens a kernel's memory for its relocations.
 *
 * @param index Index of the header whose relocations are applied.
 * @param context The load.
 * @returns The memory.
 */
export function relocationTarget(index: number, context: PluginContext): RelocationTarget {
  const { rules, signedOffset: offset, programHeaders, addressSpace } = context;
  const loads = programHeaders.filter(({ p_type }) => p_type === PT_LOAD);
  const inSegment = rules.relocatedBytes === "first-byte" ? 1n : BigInt(WORD);
  const word = new Uint8Array(WORD);
  const wordView = new DataView(word.buffer);

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
      const end = linked + inSegment;
      if (!loads.some(({ p_vaddr, p_memsz }) => linked >= p_vaddr && end <= p_vaddr + p_memsz)) {
        throw new LoadError("relocation-out-of-segment", { index, field: "r_offset", value: linked });
      }
      const virt = checkedAddress(linked + offset, "r_offset + virtualAddressOffset", rules, index);
      const before = bytesBeforeHole(virt, WORD, "a relocated word");
      wordView.setBigUint64(0, value, true);
      addressSpace.write(virt, word.subarray(0, before));
      if (before < WORD) addressSpace.write(HOLE_END, word.subarray(before));
    },
  };
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
