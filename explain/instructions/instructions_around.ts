/**
 * The instructions before and after an address.
 *
 * @module
 */

import type { KernelSymbols } from "../symbols/kernel_symbols.ts";
import { linkedAddress } from "../symbols/linked_address.ts";
import { readVirtual } from "../tables/read_virtual.ts";
import type { TableSet } from "../tables/table_set.ts";
import type { Disassembler, Instruction } from "./instruction.ts";

/** Where to look, and how far. */
export interface AroundOptions {
  /** The symbols of the kernel: an instruction starts at each function. */
  readonly symbols?: KernelSymbols;
  /** What was added to the addresses that symbols have; 0 by default. */
  readonly virtualAddressOffset?: bigint;
  /** The most instructions before the one at the address; 0 by default. */
  readonly before?: number;
  /** The most instructions after it; 0 by default. */
  readonly after?: number;
}

/** Instructions, of which one contains the address. */
export interface InstructionsAround {
  /** The instructions, ascending. */
  readonly instructions: readonly Instruction[];
  /** Index of the one that contains the address. */
  readonly current: number;
  /**
   * Where decoding started: at the symbol that contains the address, which tells where instructions start, or at the
   * address, which may be in the middle of one.
   */
  readonly from: "symbol" | "address";
}

/** The most bytes before an address that are decoded to find out where the instruction at the address starts. */
export const CODE_BEFORE = 0x1_0000;

/** The longest instruction has 15 bytes (Intel SDM vol. 2, "Instruction Format"). */
const LONGEST_INSTRUCTION = 15;

/**
 * Decodes the instructions around an address. Instructions differ in length, so decoding starts where one certainly
 * starts: at the symbol that contains the address, if that is not farther than 64 KiB.
 *
 * @param disassembler Decodes instructions.
 * @param tables The page tables that map them.
 * @param address The address, of 64 bits.
 * @param options Symbols, and how many instructions to return.
 * @returns The instructions; `undefined` if no executable page is mapped at the address.
 */
export function instructionsAround(
  { instructions, lengths }: Disassembler,
  tables: TableSet,
  address: bigint,
  options: AroundOptions = {},
): InstructionsAround | undefined {
  const { before = 0, after = 0 } = options;
  const room = LONGEST_INSTRUCTION * (after + 1);
  const distance = distanceFromSymbol(address, options);
  const whole = distance === undefined ? undefined : readVirtual(tables, address - BigInt(distance), distance + room, {
    executable: true,
  });
  const isFromSymbol = distance !== undefined && whole !== undefined && whole.length > distance;
  const bytes = isFromSymbol ? whole : readVirtual(tables, address, room, { executable: true });
  if (bytes.length === 0) return undefined;
  const inBytes = isFromSymbol ? distance : 0;
  const starts: number[] = [];
  let start = 0;
  for (const length of lengths(bytes)) {
    if (starts.push(start) > before + 1) starts.shift();
    start += length;
    if (start > inBytes) break;
  }
  const found: Instruction[] = [];
  const first = starts[0];
  for (const instruction of instructions(bytes.subarray(first), address - BigInt(inBytes - first))) {
    found.push(instruction);
    if (found.length === starts.length + after) break;
  }
  return { instructions: found, current: starts.length - 1, from: isFromSymbol ? "symbol" : "address" };
}

/** How far an address is from the start of the code that it certainly belongs to, if that is known. */
function distanceFromSymbol(
  address: bigint,
  { symbols, virtualAddressOffset = 0n }: AroundOptions,
): number | undefined {
  const place = symbols?.symbolAt(linkedAddress({ virtualAddressOffset }, address));
  if (!place || place.offset > CODE_BEFORE) return undefined;
  const { type, size, absolute } = place.symbol;
  const isCode = type === "function" || type === "ifunc" || type === "none";
  return isCode && !absolute && (size === 0n || place.offset < size) ? place.offset : undefined;
}
