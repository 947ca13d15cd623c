/**
 * The memory that relocations are read from and written to, by the addresses that the kernel was linked for.
 *
 * @module
 */

import { PT_LOAD } from "../../core/elf/constants.ts";
import { LoadError } from "../../core/errors.ts";
import { isCanonical } from "../../core/memory/addresses.ts";
import type { PluginContext } from "../../core/plugin/plugin_context.ts";

/** Memory by linked addresses. */
export interface RelocationTarget {
  /** Index of the header whose table is applied. */
  readonly index: number;
  /** Whether the newest original's rules hold. */
  readonly original: boolean;
  /** What is added to linked addresses; may be negative. */
  readonly offset: bigint;
  /** Where a linked address is. Throws `LoadError` "address-overflow" or "address-not-canonical". */
  readonly addressOf: (linked: bigint, field: string) => bigint;
  /** Reads bytes at a linked address. Throws `LoadError` "page-not-mapped". */
  readonly read: (linked: bigint, length: number, field: string) => DataView;
  /** Writes 64 bits at a linked address, which has to lie in a segment. Throws "relocation-out-of-segment". */
  readonly write64: (linked: bigint, value: bigint) => void;
}

const WORD = 8n;
const HOLE = 1n << 47n;
const HIGHER_HALF = 0xffff_8000_0000_0000n;

/**
 * Makes the target of a load.
 *
 * @param index Index of the header whose table is applied.
 * @param context The load.
 * @returns The target.
 */
export function relocationTarget(index: number, context: PluginContext): RelocationTarget {
  const { rules, signedOffset: offset, segments } = context;
  const original = rules.relocation === "bootloader-0.11";
  const loads = segments.filter(({ p_type }) => p_type === PT_LOAD);
  const word = new Uint8Array(8);
  const wordView = new DataView(word.buffer);

  const addressOf = (linked: bigint, field: string): bigint => {
    const value = linked + offset;
    if (value < 0n || value >= 1n << 64n) throw new LoadError("address-overflow", { index, field, value });
    if (!isCanonical(value)) throw new LoadError("address-not-canonical", { index, field, value });
    return value;
  };
  /** Bytes that lie below the hole; the newest original goes on behind it. */
  const belowHole = (virt: bigint, length: number): number => {
    if (virt >= HOLE || virt + BigInt(length) <= HOLE) return length;
    if (original) return Number(HOLE - virt);
    throw new LoadError("address-not-canonical", { index, field: "the end of a relocation", value: HOLE });
  };
  return {
    index,
    original,
    offset,
    addressOf,
    read: (linked, length, field) => {
      const virt = addressOf(linked, field);
      const below = belowHole(virt, length);
      const bytes = context.addressSpace.read(virt, below);
      if (below === length) return new DataView(bytes.buffer);
      const whole = new Uint8Array(length);
      whole.set(bytes);
      whole.set(context.addressSpace.read(HIGHER_HALF, length - below), below);
      return new DataView(whole.buffer);
    },
    write64: (linked, value) => {
      const end = original ? linked + 1n : linked + WORD;
      if (!loads.some(({ p_vaddr, p_memsz }) => linked >= p_vaddr && end <= p_vaddr + p_memsz)) {
        throw new LoadError("relocation-out-of-segment", { index, field: "r_offset", value: linked });
      }
      const virt = addressOf(linked, "r_offset + virtualAddressOffset");
      const below = belowHole(virt, word.length);
      wordView.setBigUint64(0, value, true);
      context.addressSpace.write(virt, word.subarray(0, below));
      if (below < word.length) context.addressSpace.write(HIGHER_HALF, word.subarray(below));
    },
  };
}
