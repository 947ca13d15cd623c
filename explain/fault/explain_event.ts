/**
 * Explains one thing that happened to a guest: an exception, or where it stopped.
 *
 * @module
 */

import { backtrace } from "./backtrace.ts";
import { walkTables } from "../tables/walk_tables.ts";
import { controlCause } from "./control_causes.ts";
import { returnFrameCauses } from "./return_frame.ts";
import { descriptorCauses } from "./descriptor_causes.ts";
import { type Exception, exceptionName, hasErrorCode } from "./exception.ts";
import { modeCauses } from "./expectations.ts";
import { explainHandler, handlerCauses } from "./explain_handler.ts";
import { accessKind, explainPage } from "./explain_page.ts";
import type { Backtrace, FaultCause, FaultEvent, FaultInstruction } from "./fault_explanation.ts";
import type { FaultView } from "./fault_view.ts";
import { breakpointCauses, instructionCauses } from "./instruction_causes.ts";
import { jumpCauses, zeroCauses } from "./jump_causes.ts";
import { memoryAt, operandValues } from "./operands.ts";
import { pointerCauses } from "./pointer_causes.ts";
import { areInterruptsEnabled, isHaltedForGood, isLongMode } from "./registers.ts";
import { relatedDiagnostics } from "./related_diagnostics.ts";
import { stackCauses } from "./stack_causes.ts";

const PF = 14;

// Intel SDM vol. 3, "Page-Fault Error Code": bit 4 is an instruction fetch
const FETCH = 1 << 4;

// Intel SDM vol. 3, "Control Registers"
const CR0_PG = 1n << 31n;
const CR4_PAE = 1n << 5n;

/**
 * Explains an exception, or the state that a guest was stopped in.
 *
 * @param view The guest at that time.
 * @param isFatal Whether no handler ran for the exception.
 * @returns What happened, and why as far as it is known.
 */
export function explainEvent(view: FaultView, isFatal: boolean): FaultEvent {
  const { exception, registers, started } = view;
  const values = Object.fromEntries(registers);
  if (!isLongMode(registers)) {
    return { ...stateOf(view), causes: entryCauses(view), diagnostics: [], registers: values };
  }
  const instruction = instructionOf(view);
  const calls = backtrace(view);
  const found = exception ? explainException(exception, calls, view) : { causes: stuckCauses(view) };
  return {
    ...(exception ? { exception: describeException(exception) } : stateOf(view)),
    instruction,
    ...found,
    ...(exception && isFatal ? { handler: handlerOf(exception, found.causes, view) } : {}),
    ...(calls ? { backtrace: calls } : {}),
    diagnostics: exception ? relatedDiagnostics({ ...found, instruction }, started) : [],
    registers: values,
  };
}

/** A handler that raises its own exception fills a stack of any size. */
function handlerOf(exception: Exception, causes: readonly FaultCause[], view: FaultView): FaultCause {
  const { hint, ...handler } = explainHandler(exception, view);
  return hint === undefined || causes.some(({ code }) => code === "handler-raises-it") ? handler : { ...handler, hint };
}

function describeException(exception: Exception): NonNullable<FaultEvent["exception"]> {
  const { vector, error, origin, doubleFault } = exception;
  return {
    vector,
    ...exceptionName(exception),
    ...(hasErrorCode(exception) ? { error } : {}),
    origin,
    doubleFault,
  };
}

function stateOf(view: FaultView): Pick<FaultEvent, "state"> {
  const { registers, exception } = view;
  if (exception || registers.size === 0) return {};
  if (!isLongMode(registers)) {
    return { state: `not in 64-bit mode: ${leftText(view)}` };
  }
  if (registers.get("HLT") !== 1n) return { state: "running" };
  const waits = areInterruptsEnabled(registers);
  return { state: waits ? "halted, waiting for an interrupt" : "halted for good: interrupts are disabled" };
}

/** The processor sets ACCESSED in the entry of the page that it fetches from: the loader does not. */
function leftText({ registers, started: { kernel }, memory: { initial, current } }: FaultView): string {
  const walk = current && walkTables({ ...initial, pages: current.pages }, kernel.entryPoint);
  if (walk?.end.kind !== "page") return "the kernel was never entered, or has left 64-bit mode";
  const [wasSet, isSet] = [walkTables(initial, kernel.entryPoint), walk].map(({ levels }) => {
    return levels.at(-1)?.flags.includes("ACCESSED") ?? false;
  });
  if (wasSet) return "the kernel was never entered, or has left 64-bit mode";
  if (!isSet) return "the kernel was not entered";
  const isUnpaged = ((registers.get("CR0") ?? CR0_PG) & CR0_PG) === 0n;
  return `the kernel was entered, and has left it${isUnpaged ? ": CR0.PG is clear" : ""}`;
}

function instructionOf({ registers, instruction, memory, place }: FaultView): FaultInstruction {
  const address = instruction?.address ?? registers.get("RIP") ?? 0n;
  const bytes = instruction && memory.read(address, instruction.length);
  const isOne = instruction && instruction.flow !== "invalid";
  return {
    ...place(address),
    ...(bytes ? { bytes } : {}),
    ...(isOne ? { text: instruction.text } : {}),
    operands: isOne ? operandValues(instruction, registers) : [],
  };
}

type Found = Pick<FaultEvent, "access" | "page" | "causes">;

function explainException(exception: Exception, calls: Backtrace | undefined, view: FaultView): Found {
  const { vector, error, origin, entry } = exception;
  if (origin !== "processor") return { causes: origin === "instruction" ? breakpointCauses(view) : [] };
  if (entry !== undefined) return { causes: [gateCause(entry, exception, view)] };
  // What is no code, or other code, has no causes of its own.
  const notCode = [...modeCauses(view), ...zeroCauses(view)];
  const isCode = notCode.length === 0;
  const byHandler = [...handlerCauses(exception, view), ...returnFrameCauses(view)];
  if (vector !== PF) {
    const own = isCode ? [...instructionCauses(view), ...descriptorCauses(view)] : notCode;
    return { causes: [...byHandler, ...own] };
  }
  const address = view.registers.get("CR2") ?? 0n;
  // The error code tells fetches from reads only with EFER.NXE and CR4.PAE.
  const isFetch = isFetchOf(address, view);
  const code = isFetch ? error | FETCH : error;
  const access = { ...view.place(address), ...accessKind(code) };
  const { page, causes } = explainPage(address, code, view);
  const byStack = stackCauses(access, page, calls, view);
  const byPointer = byStack.length > 0 || !isCode
    ? []
    : access.kind === "fetch"
    ? jumpCauses(view)
    : pointerCauses(access, page, view);
  return {
    access,
    page,
    causes: [...modeBitCauses(view), ...byHandler, ...notCode, ...byStack, ...byPointer, ...causes],
  };
}

/** 64-bit mode needs CR4.PAE (Intel SDM vol. 3, "IA-32e Mode"): without it, an emulator reads the tables as others. */
function modeBitCauses({ registers }: FaultView): readonly FaultCause[] {
  const cr4 = registers.get("CR4");
  if (cr4 === undefined || (cr4 & CR4_PAE) !== 0n) return [];
  return [{ code: "control-register-value", message: "CR4.PAE was cleared, which 64-bit mode needs" }];
}

/** Whether the address that was accessed is that of an instruction that reads no memory there. */
function isFetchOf(address: bigint, { instruction, registers }: FaultView): boolean {
  return address === registers.get("RIP") && instruction !== undefined && instruction.flow !== "invalid" &&
    memoryAt(instruction, registers, address) === undefined;
}

/** An emulator may stay at an instruction that it should refuse. */
function stuckCauses(view: FaultView): readonly FaultCause[] {
  const cause = view.instruction && controlCause(view.instruction, view);
  return cause ? [cause] : [];
}

/** Says what is wrong with a gate, unless it is what is wrong with that of the exception that came of it. */
function gateCause(entry: number, exception: Exception, view: FaultView): FaultCause {
  const [{ code, message }, { code: other }] = [entry, exception.vector].map((vector) => {
    return explainHandler({ ...exception, vector, origin: "instruction" }, view);
  });
  const isSame = code === other && code === "no-descriptor-table";
  const isTold = !isSame && code !== "no-handler";
  return { code: "gate-unusable", message: isTold ? message : `entry ${entry} of the IDT cannot be used` };
}

/**
 * Says who halted the processor for good, if that is what happened.
 *
 * @param view The guest, where it stopped.
 * @returns One cause, or none.
 */
export function haltCauses({ registers, place, instruction }: FaultView): readonly FaultCause[] {
  if (!isHaltedForGood(registers) || instruction?.flow !== "halt") return [];
  const { symbol } = place(instruction.address);
  return [{
    code: "halted-for-good",
    message:
      `${symbol?.name ?? "the kernel"} executed hlt with interrupts disabled: only a non-maskable interrupt or ` +
      "a reset ends that",
  }];
}

/** Whether the processor stopped before it entered the kernel: on the page of the context switch. */
function entryCauses({ registers, started: { entry } }: FaultView): readonly FaultCause[] {
  const eip = registers.get("EIP") ?? registers.get("RIP");
  if (!entry || eip === undefined || eip - BigInt(entry.page) >> 12n !== 0n) return [];
  return [{
    code: "entry-not-reached",
    message: "the processor is on the context-switch page, before 64-bit mode: the kernel was not entered",
  }];
}
