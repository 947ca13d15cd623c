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
  if (holder === undefined && end - rip <= 1n && (end & 0xfffn) === 0n && areZeros(end - BigInt(ZEROS), memory)) {
    const message = `the ${ZEROS} bytes before ${hexAddr(end)} are zero, and 00 00 is the instruction add [rax], al`;
    return [{ code: "zero-filled-code", message }];
  }
  const gate = gateOf(rip, view);
  if (gate !== undefined) {
    const message = `entry ${gate} of the interrupt descriptor table names ${hexAddr(rip)} as its handler`;
    return [{ code: "wild-jump", message }];
  }
  const caller = callerOnTop(view);
  if (caller) return [calledFrom(caller, rip, view)];
  if (memory.isCurrent && readWord(memory, (registers.get("RSP") ?? 0n) - 8n) === rip) {
    const message = `the word below RSP is ${hexAddr(rip)}, as after a ret that took it for a return address`;
    return [{ code: "wild-jump", message }];
  }
  if (rip === 0n && memory.isCurrent) {
    const message = "the processor went to address 0, and the word on top of the stack is no return address";
    return [{ code: "null-pointer", message }];
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
  const message = `the ${ZEROS} bytes at ${hexAddr(rip)} are zero${where}, and 00 00 is the instruction add [rax], al`;
  const caller = callerOnTop(view);
  return [{ code: "zero-filled-code", message }, ...(caller ? [calledFrom(caller, rip, view)] : [])];
}

function calledFrom(caller: Caller, rip: bigint, view: FaultView): FaultCause {
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
  if (target !== rip) {
    return {
      code: "wild-jump",
      message: `the return address on top of the stack is that of the call at ${place}${text}`,
    };
  }
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
