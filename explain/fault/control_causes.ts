/**
 * Values that control registers cannot hold.
 *
 * @module
 */

import { hexAddr } from "../../core/hex.ts";
import { walkTables } from "../tables/walk_tables.ts";
import type { Instruction } from "../instructions/instruction.ts";
import type { FaultCause } from "./fault_explanation.ts";
import type { FaultView } from "./fault_view.ts";
import { type Registers, registerValue } from "./registers.ts";

// Intel SDM vol. 3, "Control Registers": the bits with a meaning, and those of CR3 that can hold a physical address
const CR0_PE = 1n << 0n;
const CR0_NW = 1n << 29n;
const CR0_CD = 1n << 30n;
const CR0_PG = 1n << 31n;
const CR3_RESERVED = 0x7ff0_0000_0000_0000n; // bit 63 is the instruction's, with CR4.PCIDE
const CR3_KEEP = 1n << 63n;
const CR4_PAE = 1n << 5n;
const CR4_PCIDE = 1n << 17n;
const CR4_KNOWN = 0x1_13ff_7fffn;

/**
 * Finds out whether an instruction loads a control register with a value that it cannot hold (Intel SDM vol. 2, "MOV –
 * Move to/from Control Registers": a general protection exception).
 *
 * @param instruction The instruction.
 * @param view The guest before it.
 * @returns The cause; `undefined` if it is no such instruction, or its value may be held.
 */
export function controlCause(instruction: Instruction, view: FaultView): FaultCause | undefined {
  const { mnemonic, operands: [target, source] } = instruction;
  if (mnemonic !== "mov" || source?.register === undefined || target?.register === undefined) return undefined;
  const value = registerValue(view.registers, source.register)?.value;
  const problem = value === undefined ? undefined : problemOf(target.register, value, view);
  if (problem === undefined || value === undefined) return undefined;
  const { text, hint } = problem;
  return {
    code: "control-register-value",
    message: `${instruction.text} is not permitted: ${hexAddr(value)} ${text}`,
    ...(hint === undefined ? {} : { hint }),
  };
}

interface ValueProblem {
  readonly text: string;
  readonly hint?: string;
}

function problemOf(register: string, value: bigint, view: FaultView): ValueProblem | undefined {
  if (register === "cr3") return rootProblem(value, view);
  if (register === "cr4") return featureProblem(value);
  if (register !== "cr0") return undefined;
  if (value >> 32n !== 0n) return { text: "has bits above bit 31 set, which are reserved" };
  if ((value & CR0_PG) !== 0n && (value & CR0_PE) === 0n) return { text: "has CR0.PG set and CR0.PE clear" };
  return (value & CR0_NW) !== 0n && (value & CR0_CD) === 0n ? { text: "has CR0.NW set and CR0.CD clear" } : undefined;
}

function featureProblem(value: bigint): ValueProblem | undefined {
  if ((value & CR4_PAE) === 0n) return { text: "has CR4.PAE clear, which 64-bit mode needs" };
  const reserved = value & ~CR4_KNOWN;
  return reserved === 0n ? undefined : { text: `has reserved bits of CR4 set (${hexAddr(reserved)})` };
}

function rootProblem(value: bigint, { registers, memory: { initial, current } }: FaultView): ValueProblem | undefined {
  const allowed = hasContexts(registers) ? CR3_KEEP : 0n;
  if ((value & (CR3_RESERVED | CR3_KEEP) & ~allowed) === 0n) return undefined;
  const { end } = walkTables(current ?? initial, value);
  return {
    text: "has bits above bit 51 set, and CR3 holds the physical address of the level-4 table",
    ...(end.kind === "page"
      ? { hint: `That is a virtual address; it is mapped to physical ${hexAddr(end.phys)}.` }
      : {}),
  };
}

/** Whether CR3 holds a process-context identifier, so that bit 63 has a meaning. */
function hasContexts(registers: Registers): boolean {
  return ((registers.get("CR4") ?? 0n) & CR4_PCIDE) !== 0n;
}
