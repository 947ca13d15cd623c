/**
 * Causes of a fetch that failed: where the processor came from.
 *
 * @module
 */

import { hexAddr } from "../../core/hex.ts";
import { walkTables } from "../tables/walk_tables.ts";
import type { Instruction } from "../instructions/instruction.ts";
import { callerOnTop } from "./backtrace.ts";
import { callBefore } from "./calls.ts";
import type { Caller, FaultCause } from "./fault_explanation.ts";
import type { FaultView } from "./fault_view.ts";
import { gateOf } from "./explain_handler.ts";
import { type GuestMemory, readWord } from "./guest_memory.ts";
import { addressOf } from "./operands.ts";
import { headerAt } from "./place.ts";
import { GENERAL, type Registers, registerValue } from "./registers.ts";

/** How many bytes before an address must be zero for the report to say so. */
const ZEROS = 32;

/** What follows from zeros where the processor is. */
const EXECUTES = ": the processor was executing zeroed memory (00 00 is add [rax], al)";

/**
 * Finds out how the processor came to an address from which it could not fetch.
 *
 * @param view The guest, at the exception.
 * @returns The causes.
 */
export function jumpCauses(view: FaultView): readonly FaultCause[] {
  const { registers, started: { kernel }, memory } = view;
  const rip = registers.get("RIP") ?? 0n;
  if (rip === kernel.entryPoint && walkTables(memory.initial, rip).end.kind === "absent") {
    return [{ code: "entry-not-mapped", message: `the entry point ${hexAddr(rip)} is not mapped` }];
  }
  const end = registers.get("CR2") ?? rip;
  const holder = GENERAL.find((name) => registers.get(name) === rip);
  const gate = gateOf(rip, view);
  if (gate !== undefined) {
    const message = `entry ${gate} of the IDT points to ${hexAddr(rip)}`;
    return [{ code: "wild-jump", message }];
  }
  const caller = callerOnTop(view);
  const call = caller && calledFrom(caller, rip, view);
  if (call) return [call];
  // The stack is full of zeros where nothing was pushed.
  if (rip !== 0n && memory.isCurrent && readWord(memory, (registers.get("RSP") ?? 0n) - 8n) === rip) {
    const message = `the word below RSP is ${hexAddr(rip)}, as after a ret that popped it`;
    return [{ code: "wild-jump", message }];
  }
  if (rip === 0n && memory.isCurrent) {
    return [{ code: "null-pointer", message: "a jump or return to address 0" }];
  }
  const isPageStart = end - rip <= 1n && (end & 0xfffn) === 0n;
  if (holder === undefined && isPageStart && areZeros(end - BigInt(ZEROS), memory) && ranZeros(view)) {
    return [{ code: "zero-filled-code", message: `the ${ZEROS} bytes before ${hexAddr(end)} are zero${EXECUTES}` }];
  }
  if (holder === undefined || rip === 0n) return [];
  const message = `${holder.toLowerCase()} is ${hexAddr(rip)}, where the processor went`;
  return [{ code: "wild-jump", message }];
}

/** Whether there are as many zeros at an address as it takes, in a page that can be executed. */
function areZeros(address: bigint, memory: GuestMemory): boolean {
  const bytes = memory.isCurrent && memory.isExecutable(address)
    ? memory.read(BigInt.asUintN(64, address), ZEROS)
    : undefined;
  return bytes?.every((byte) => byte === 0) ?? false;
}

/** Whether the flags are those that add [rax], al leaves (Intel SDM vol. 2, "ADD"). */
function ranZeros({ registers, memory }: FaultView): boolean {
  const [rax, flags] = [registers.get("RAX"), registers.get("RFL")];
  const [sum] = rax === undefined ? [] : memory.read(rax, 1) ?? [];
  if (rax === undefined || flags === undefined || sum === undefined) return false;
  const added = Number(rax & 0xffn);
  const old = (sum - added) & 0xff;
  const isEven = [...sum.toString(2)].filter((bit) => bit === "1").length % 2 === 0;
  const overflows = ((old ^ sum) & (added ^ sum) & 0x80) !== 0;
  const carries = [old + added > 0xff, (old & 0xf) + (added & 0xf) > 0xf];
  const expected = [
    ...[[0, carries[0]], [2, isEven], [4, carries[1]], [6, sum === 0], [7, sum >= 0x80], [11, overflows]] as const,
  ];
  return expected.every(([bit, isSet]) => ((flags >> BigInt(bit)) & 1n) === (isSet ? 1n : 0n));
}

/**
 * Finds out whether the processor executes memory without code.
 *
 * @param view The guest, at an exception of the processor.
 * @returns The cause, and where the processor came from if that is known.
 */
export function zeroCauses(view: FaultView): readonly FaultCause[] {
  const { registers, memory, started: { kernel } } = view;
  const rip = registers.get("RIP") ?? 0n;
  if (!memory.isCurrent || (memory.read(rip, ZEROS)?.some((byte) => byte !== 0) ?? true)) return [];
  const header = headerAt(rip, kernel);
  const isPadding = header !== undefined &&
    BigInt.asUintN(64, rip - header.p_vaddr - kernel.virtualAddressOffset) >= header.p_filesz;
  const where = isPadding ? `, in the part of program header ${header.index} that is not in the file` : "";
  const message = `the ${ZEROS} bytes at ${hexAddr(rip)} are zero${where}${EXECUTES}`;
  const caller = callerOnTop(view);
  const call = caller && calledFrom(caller, rip, view);
  return [{ code: "zero-filled-code", message }, ...(call ? [call] : [])];
}

/** The call that went to an address; `undefined` if the one whose return address is on top goes elsewhere. */
function calledFrom(caller: Caller, rip: bigint, view: FaultView): FaultCause | undefined {
  const { memory, disassembler, registers } = view;
  const call = callBefore(caller.address, memory);
  const bytes = call && memory.read(call.address, call.length);
  const [decoded] = bytes && disassembler ? [...disassembler.instructions(bytes, call.address)] : [];
  const offset = (caller.symbol?.offset ?? 0) - (call?.length ?? 0);
  const place = caller.symbol
    ? `${caller.symbol.name}${offset === 0 ? "" : `+${hexAddr(offset)}`}`
    : hexAddr(call?.address ?? caller.address);
  const text = decoded?.flow === "call" ? ` (${decoded.text})` : "";
  const target = call?.target ?? (decoded && targetOf(decoded, registers, memory));
  if (target !== rip) return undefined;
  return rip === 0n
    ? {
      code: "null-pointer",
      message: `the call at ${place}${text} is through a null pointer: it went to address 0`,
    }
    : { code: "wild-jump", message: `the call at ${place}${text} went to ${hexAddr(rip)}` };
}

/** Where an indirect call goes, by the register or memory that it names. */
function targetOf(
  { operands, memory: [use] }: Instruction,
  registers: Registers,
  memory: GuestMemory,
): bigint | undefined {
  const [operand] = operands;
  if (operand?.register !== undefined) return registerValue(registers, operand.register)?.value;
  const address = operand?.kind === "memory" && use && !use.implicit ? addressOf(use, registers) : undefined;
  return address === undefined ? undefined : readWord(memory, address);
}
