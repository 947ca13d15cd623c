/**
 * Explains why no handler ran for an exception, from the IDT and the stack.
 *
 * @module
 */

import { hexAddr } from "../../core/hex.ts";
import { walkTables } from "../tables/walk_tables.ts";
import { type Exception, hasErrorCode } from "./exception.ts";
import type { FaultCause } from "./fault_explanation.ts";
import type { FaultView } from "./fault_view.ts";
import { gateProblem } from "./gate_problem.ts";
import { readThrough, readWord } from "./guest_memory.ts";
import { describeAddress, isBelowStack } from "./place.ts";
import { stackHint } from "./stack_causes.ts";

// Intel SDM vol. 3, "64-Bit Mode IDT"
const GATE_SIZE = 16n;
const GATE_TYPE = 5; // offset of P, DPL and type
const GATE_PRESENT = 0x80;
const GATE_STACK = 4; // offset of the number of a stack of the TSS
const GATE_STACK_BITS = 7;

/** IDTR's limit before LIDT: SeaBIOS leaves that of its real-mode vectors, a reset the other. Its base is 0 in both. */
const FIRST_LIMITS: readonly bigint[] = [0x3ffn, 0xffffn];

// Intel SDM vol. 3, "64-Bit Mode Stack Frame": SS, RSP, RFLAGS, CS and RIP, on a multiple of 16
const FRAME_SIZE = 40n;
const ERROR_CODE_SIZE = 8n;

const NO_TABLE = "no IDT was loaded: its base is 0, which is not mapped";

/**
 * Explains why no handler ran for an exception.
 *
 * @param exception The exception that ended in a triple fault.
 * @param view The guest at that time.
 * @returns A clause about the IDT or the stack.
 */
export function explainHandler(exception: Exception, view: FaultView): FaultCause {
  const { registers, started, memory: { isCurrent, usesInitial } } = view;
  const { vector } = exception;
  const base = registers.get("IDT") ?? 0n;
  const limit = registers.get("IDT limit") ?? 0n;
  const gate = BigInt.asUintN(64, base + BigInt(vector) * GATE_SIZE);
  const isKnown = isCurrent || usesInitial;
  const gateBytes = view.memory.read(gate, Number(GATE_SIZE));
  // At address 0, firmware has vectors of its own: only a gate that the kernel brought is one.
  const loaded = readThrough(view.memory.initial, gate, Number(GATE_SIZE));
  if (base === 0n && FIRST_LIMITS.includes(limit) && !(isKnown && isPresent(loaded))) {
    const message = isKnown && !isMapped(gate, view)
      ? NO_TABLE
      : `no IDT was loaded: IDTR still has base 0 and limit ${hexAddr(limit)}`;
    return { code: "no-descriptor-table", message };
  }
  const table = `the IDT at ${hexAddr(base)}`;
  if (limit < BigInt(vector + 1) * GATE_SIZE - 1n) {
    const message = `${table} ends before entry ${vector} (its limit is ${hexAddr(limit)})`;
    return { code: "descriptor-table-too-short", message };
  }
  if (isKnown && !isMapped(gate, view)) return notMapped(base, gate, vector, table, view);
  if (isCurrent && gateBytes && !isPresent(gateBytes)) {
    const state = gateBytes.every((byte) => byte === 0) ? "empty" : "not present";
    return { code: "gate-not-present", message: `entry ${vector} of ${table} is ${state}` };
  }
  if (isKnown) {
    const stack = explainStack(exception, gateBytes, view);
    if (stack) return stack;
  }
  const through = `through entry ${vector} of ${table}`;
  if (!isCurrent || !gateBytes) {
    return { code: "no-handler", message: `the processor could not enter a handler ${through}` };
  }
  const problem = gateProblem(gateBytes, view);
  if (problem !== undefined) return { code: "gate-unusable", message: `entry ${vector} of ${table} ${problem}` };
  const handler = handlerOf(gateBytes);
  const at = `${hexAddr(handler)} (${describeAddress(handler, started)})`;
  return { code: "no-handler", message: `the processor could not enter the handler at ${at} ${through}` };
}

function isPresent(gate: Uint8Array | undefined): boolean {
  return gate !== undefined && (gate[GATE_TYPE] & GATE_PRESENT) !== 0;
}

/** The most entries of an IDT. */
const MOST_GATES = 256;

/**
 * Finds the entry of the IDT that names a handler.
 *
 * @param address The handler's address.
 * @param view The guest.
 * @returns The number of the first entry that is present and names it; `undefined` if none does, or it is not known.
 */
export function gateOf(address: bigint, { registers, memory }: FaultView): number | undefined {
  const [base, limit] = [registers.get("IDT"), registers.get("IDT limit")];
  if (base === undefined || limit === undefined || !memory.isCurrent) return undefined;
  for (let vector = 0; vector < MOST_GATES && BigInt(vector + 1) * GATE_SIZE <= limit + 1n; vector++) {
    const gate = memory.read(BigInt.asUintN(64, base + BigInt(vector) * GATE_SIZE), Number(GATE_SIZE));
    if (gate && isPresent(gate) && handlerOf(gate) === address) return vector;
  }
  return undefined;
}

/**
 * Finds out whether an exception came up in its own handler.
 *
 * @param exception The exception.
 * @param view The guest at that time.
 * @returns One cause, or none.
 */
export function handlerCauses({ vector }: Exception, { registers, memory, place }: FaultView): readonly FaultCause[] {
  const [base, limit, rip] = ["IDT", "IDT limit", "RIP"].map((name) => registers.get(name) ?? 0n);
  const last = BigInt(vector + 1) * GATE_SIZE - 1n;
  const gate = memory.isCurrent && last <= limit
    ? memory.read(BigInt.asUintN(64, base + last + 1n - GATE_SIZE), Number(GATE_SIZE))
    : undefined;
  if (!gate || !isPresent(gate)) return [];
  const handler = handlerOf(gate);
  const { symbol } = place(rip);
  const start = symbol ? BigInt.asUintN(64, rip - BigInt(symbol.offset)) : rip;
  if (start !== handler) return hasOwnFrames(registers, memory) ? [{ code: "handler-raises-it", message: AGAIN }] : [];
  const name = symbol?.name ?? hexAddr(handler);
  return [{
    code: "handler-raises-it",
    message: `${name} is the handler of this exception (entry ${vector} of the IDT), and raises it itself`,
  }];
}

const AGAIN = "the stack has frames of this very instruction: each time, its handler comes here again";

/** Whether the stack has frames that the processor pushed at this very instruction before. */
function hasOwnFrames(registers: FaultView["registers"], memory: FaultView["memory"]): boolean {
  const [rip, cs, rsp] = ["RIP", "CS", "RSP"].map((name) => registers.get(name) ?? 0n);
  let found = 0;
  let before: bigint | undefined;
  for (let at = rsp; at < rsp + FRAMES_REACH && found < FRAMES; at += 8n) {
    const word = readWord(memory, at);
    if (word === undefined) break;
    if (before === rip && word === cs) found++;
    before = word;
  }
  return found === FRAMES;
}

/** How many such frames tell that it comes up again and again, and how far up the stack they are looked for, in bytes. */
const FRAMES = 2;
const FRAMES_REACH = 0x1000n;

/** The address of the handler that a gate names. */
function handlerOf(gate: Uint8Array): bigint {
  const view = new DataView(gate.buffer, gate.byteOffset, gate.length);
  return BigInt(view.getUint16(0, true)) | BigInt(view.getUint16(6, true)) << 16n |
    BigInt(view.getUint32(8, true)) << 32n;
}

function isMapped(address: bigint, { memory: { current, initial, read, isCurrent } }: FaultView): boolean {
  if (!current && isCurrent) return read(address, 1) !== undefined;
  return walkTables(current ?? initial, BigInt.asUintN(64, address)).end.kind === "page";
}

function notMapped(base: bigint, gate: bigint, vector: number, table: string, view: FaultView): FaultCause {
  if (base === 0n) return { code: "no-descriptor-table", message: NO_TABLE };
  const is = view.memory.isCurrent ? "is not mapped" : "was not mapped when the kernel was entered";
  const where = describeAddress(gate, view.started);
  const message = `${table} ${is}; entry ${vector} is at ${hexAddr(gate)}, ${where}`;
  return { code: "descriptor-table-not-mapped", message };
}

/** Says so if what the processor pushes does not fit above the guard page, or nothing is mapped there. */
function explainStack(exception: Exception, gate: Uint8Array | undefined, view: FaultView): FaultCause | undefined {
  const { registers, started, memory } = view;
  const rsp = registers.get("RSP") ?? 0n;
  const { vector } = exception;
  const size = FRAME_SIZE + (hasErrorCode(exception) ? ERROR_CODE_SIZE : 0n);
  const lowest = BigInt.asUintN(64, (rsp & ~0xfn) - size);
  const isUserMode = ((registers.get("CS") ?? 0n) & 3n) !== 0n; // another stack is used then
  const isFull = !isUserMode && isBelowStack(lowest, started);
  if (isFull) {
    const where = describeAddress(lowest, started);
    const reach = `the ${size} bytes that the processor pushes reach to ${hexAddr(lowest)}, ${where}`;
    // A gate can name a stack of the TSS, if there is one.
    const hasNoOther = registers.get("TR") === 0n ||
      (memory.isCurrent && gate !== undefined && (gate[GATE_STACK] & GATE_STACK_BITS) === 0);
    const message = hasNoOther
      ? `RSP is ${hexAddr(rsp)}: the stack overflowed; ${reach}`
      : `RSP is ${hexAddr(rsp)}: ${reach}, unless entry ${vector} of the IDT names another stack`;
    return hasNoOther
      ? { code: "stack-overflow", message, hint: stackHint(lowest, started) }
      : { code: "stack-overflow", message };
  }
  if (isUserMode || isMapped(rsp - 8n, view)) return undefined;
  const message = memory.isCurrent
    ? `nothing is mapped below the stack pointer (${hexAddr(rsp)})`
    : `nothing was mapped below the stack pointer (${hexAddr(rsp)}) when the kernel was entered`;
  return { code: "no-handler", message };
}
