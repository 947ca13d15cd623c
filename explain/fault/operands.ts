/**
 * The values that an instruction uses.
 *
 * @module
 */

import type { Instruction, MemoryUse } from "../instructions/instruction.ts";
import type { OperandValue } from "./fault_explanation.ts";
import { type Registers, registerSize, registerValue } from "./registers.ts";

/**
 * The registers that an instruction's operands read, with their values.
 *
 * @param instruction The instruction.
 * @param registers The registers before it.
 * @returns The values, in the order in which the operands name the registers, each once.
 */
export function operandValues(instruction: Instruction, registers: Registers): readonly OperandValue[] {
  const written = instruction.operands.filter(({ access }) => access !== "write");
  // The text has the part of the register that is read, such as ax for mov ds, ax.
  const direct = written.filter(({ register }) => register !== undefined).map(({ text }) => text);
  const indirect = instruction.memory.filter(({ implicit }) => !implicit).flatMap(({ base, index }) => [base, index]);
  // An address that is only computed, as by lea, is among the operands but uses no memory.
  const names = [...indirect, ...direct, ...implied(instruction)].filter((name) => name !== "rip");
  return [...new Set(names)].flatMap((name) => {
    const found = name === undefined ? undefined : registerValue(registers, name);
    return found && name !== undefined ? [{ name, value: found.value }] : [];
  });
}

/** Registers that the text does not name (Intel SDM vol. 2, "DIV", "IDIV", "WRMSR", "RDMSR", "OUT"). */
function implied({ mnemonic, operands: [first], memory }: Instruction): readonly string[] {
  if (mnemonic === "wrmsr") return ["ecx", "edx", "eax"];
  if (mnemonic === "rdmsr") return ["ecx"];
  if (mnemonic !== "div" && mnemonic !== "idiv") return [];
  const size = first?.register === undefined
    ? memory.find(({ implicit }) => !implicit)?.size
    : registerSize(first.text);
  return size === 8 ? ["rdx", "rax"] : size === 4 ? ["edx", "eax"] : size === 2 ? ["dx", "ax"] : ["ax"];
}

/**
 * The address that an instruction uses.
 *
 * @param use The memory that it uses.
 * @param registers The registers before it.
 * @returns The address, modulo 2^64; `undefined` if a register of it is not known.
 */
export function addressOf(
  { segment, base, index, scale, displacement }: MemoryUse,
  registers: Registers,
): bigint | undefined {
  const parts = [base, index].map((name) => name === undefined ? undefined : registerValue(registers, name));
  if ((base !== undefined && !parts[0]) || (index !== undefined && !parts[1])) return undefined;
  const bits = parts.some((part) => part?.size === 4) ? 32 : 64;
  const offset = (parts[0]?.value ?? 0n) + (parts[1]?.value ?? 0n) * BigInt(scale) + displacement;
  // Intel SDM vol. 1, "Segment Registers in 64-Bit Mode": only FS and GS have a base
  const start = segment === "fs" || segment === "gs" ? registers.get(`${segment.toUpperCase()} base`) : 0n;
  return start === undefined ? undefined : BigInt.asUintN(64, BigInt.asUintN(bits, offset) + start);
}

/** Memory that an instruction uses, and the address of its first byte. */
export interface UsedMemory {
  /** How the instruction names it. */
  readonly use: MemoryUse;
  /** Its address. */
  readonly address: bigint;
}

/**
 * Finds the memory of an instruction that an access was made to.
 *
 * @param instruction The instruction.
 * @param registers The registers before it.
 * @param address The address that the processor could not access.
 * @returns What contains the address; `undefined` if nothing does, as with string instructions that got further.
 */
export function memoryAt(instruction: Instruction, registers: Registers, address: bigint): UsedMemory | undefined {
  return usedMemory(instruction, registers).find(({ use, address: start }) => {
    return BigInt.asUintN(64, address - start) < BigInt(Math.max(use.size, 1));
  });
}

/**
 * The memory that an instruction uses, as far as its addresses can be computed.
 *
 * @param instruction The instruction.
 * @param registers The registers before it.
 * @returns Each use with its address.
 */
export function usedMemory(instruction: Instruction, registers: Registers): readonly UsedMemory[] {
  return instruction.memory.flatMap((use) => {
    const address = addressOf(use, registers);
    return address === undefined ? [] : [{ use, address }];
  });
}
