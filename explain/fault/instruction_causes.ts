/**
 * Causes that the instruction shows, with the registers before it.
 *
 * @module
 */

import { hexAddr } from "../../core/hex.ts";
import { isCanonical } from "../../core/memory/addresses.ts";
import type { Instruction } from "../instructions/instruction.ts";
import type { FaultCause } from "./fault_explanation.ts";
import type { FaultView } from "./fault_view.ts";
import { usedMemory } from "./operands.ts";
import { GENERAL, registerValue } from "./registers.ts";
import { hexBytes, listed } from "../wording.ts";

// Intel SDM vol. 3, "Control Registers" and "IA32_EFER"
const CR0_EM = 1n << 2n;
const CR0_TS = 1n << 3n;
const CR4_OSFXSR = 1n << 9n;
const CR4_OSXSAVE = 1n << 18n;
const EFER_SCE = 1n << 0n;

const DE = 0;
const BP = 3;
const UD = 6;
const NM = 7;
const SS = 12;
const GP = 13;

const OPCODE_BYTES = 8;

/**
 * Finds the causes that the instruction shows.
 *
 * @param view The guest, at an exception of the processor.
 * @returns The causes.
 */
export function instructionCauses(view: FaultView): readonly FaultCause[] {
  const { vector, error } = view.exception ?? {};
  if (vector === DE) return divideCauses(view);
  if (vector === UD) return opcodeCauses(view);
  if (vector === NM) return deviceCauses(view);
  if ((vector === GP || vector === SS) && error === 0) return protectionCauses(view);
  return [];
}

/**
 * The cause of a breakpoint.
 *
 * @param view The guest, at an interrupt that an instruction raised.
 * @returns The cause, if it is a breakpoint.
 */
export function breakpointCauses({ exception }: FaultView): readonly FaultCause[] {
  if (exception?.vector !== BP) return [];
  return [{ code: "breakpoint", message: "int3 is a breakpoint, which is for a debugger or a handler to take" }];
}

function divideCauses({ instruction, registers, memory }: FaultView): readonly FaultCause[] {
  const [divisor] = instruction?.operands ?? [];
  if (!instruction || !divisor || !["div", "idiv"].includes(instruction.mnemonic)) return [];
  const [used] = usedMemory(instruction, registers).filter(({ use }) => !use.implicit);
  const bytes = used && memory.isCurrent ? memory.read(used.address, used.use.size) : undefined;
  const value = divisor.register === undefined
    ? bytes && bytes.reduceRight((sum, byte) => sum << 8n | BigInt(byte), 0n)
    : registerValue(registers, divisor.register)?.value;
  if (value === undefined) return [];
  if (value === 0n) return [{ code: "divide-by-zero", message: `the divisor ${divisor.text} is 0` }];
  const message = `the divisor ${divisor.text} is ${hexAddr(value)}: the quotient does not fit in its register`;
  return [{ code: "quotient-too-large", message }];
}

function opcodeCauses(view: FaultView): readonly FaultCause[] {
  const { registers, instruction, memory } = view;
  const rip = registers.get("RIP") ?? 0n;
  const bytes = instruction && !["invalid", "cut"].includes(instruction.flow)
    ? memory.read(rip, instruction.length)
    : [OPCODE_BYTES, 4, 2].map((length) => memory.read(rip, length)).find((found) => found);
  if (!bytes) return [];
  const shown = `the bytes ${memory.isCurrent ? "there" : "loaded there"} are ${hexBytes(bytes)}`;
  if (bytes[0] === 0x0f && bytes[1] === 0x0b) {
    const message = "ud2 (0f 0b) always raises it: compilers put it where execution must not get to";
    return [{ code: "undefined-on-purpose", message }];
  }
  if (bytes[0] === 0x0f && bytes[1] === 0x05) {
    const isOff = ((registers.get("EFER") ?? 0n) & EFER_SCE) === 0n;
    return isOff
      ? [{ code: "syscall-disabled", message: "syscall (0f 05) is not enabled: EFER.SCE is not set" }]
      : [{ code: "invalid-opcode", message: `${shown} (syscall)` }];
  }
  const missing = instruction && vectorCause(instruction, view);
  if (missing) return [missing];
  const isNone = instruction?.flow === "invalid" ? ", which are no instruction of 64-bit mode" : "";
  return [{ code: "invalid-opcode", message: `${shown}${isNone}` }];
}

/** What a processor state lacks for an instruction of SSE or AVX. */
function vectorCause(instruction: Instruction, { registers }: FaultView): FaultCause | undefined {
  const registerNames = instruction.operands.flatMap(({ register }) => register ?? []);
  if (!registerNames.some((name) => /^[xyz]mm\d+$/.test(name))) return undefined;
  const [cr0, cr4] = ["CR0", "CR4"].map((name) => registers.get(name));
  const { mnemonic } = instruction;
  if (mnemonic.startsWith("v")) {
    if (cr4 === undefined || (cr4 & CR4_OSXSAVE) !== 0n) return undefined;
    return {
      code: "avx-disabled",
      message: `${mnemonic} is an AVX instruction, and CR4.OSXSAVE is not set`,
      hint: "Set CR4.OSXSAVE and enable AVX in XCR0 first, or compile the kernel without AVX (-mno-avx).",
    };
  }
  if (cr4 !== undefined && (cr4 & CR4_OSFXSR) === 0n) {
    return {
      code: "sse-disabled",
      message: `${mnemonic} is an SSE instruction, and CR4.OSFXSR is not set`,
      hint: "Set CR4.OSFXSR first, or compile the kernel without SSE (-mno-sse, -mgeneral-regs-only).",
    };
  }
  if (cr0 === undefined || (cr0 & CR0_EM) === 0n) return undefined;
  return {
    code: "sse-disabled",
    message: `${mnemonic} is an SSE instruction, and CR0.EM is set`,
    hint: "Clear CR0.EM first, or compile the kernel without SSE (-mno-sse, -mgeneral-regs-only).",
  };
}

function deviceCauses({ registers }: FaultView): readonly FaultCause[] {
  const cr0 = registers.get("CR0") ?? 0n;
  const set = ([["EM", CR0_EM], ["TS", CR0_TS]] as const).filter(([, bit]) => (cr0 & bit) !== 0n);
  if (set.length === 0) return [];
  return [{
    code: "fpu-disabled",
    message: `CR0 has ${listed(set.map(([name]) => name))} set, with which such instructions raise it`,
  }];
}

function protectionCauses(view: FaultView): readonly FaultCause[] {
  const { registers, instruction } = view;
  const rip = registers.get("RIP") ?? 0n;
  if (!isCanonical(rip)) {
    return [{ code: "not-canonical", message: `a jump to the non-canonical address ${hexAddr(rip)}` }];
  }
  if (instruction) {
    const found = operandCauses(instruction, view);
    if (found.length > 0) return found;
  }
  const isUser = ((registers.get("CS") ?? 0n) & 3n) === 3n;
  if (instruction && isUser && PRIVILEGED.test(instruction.mnemonic)) {
    return [{
      code: "not-permitted",
      message: `${instruction.mnemonic} is for the kernel's privilege level 0, and the level was 3`,
    }];
  }
  const suspects = instruction ? [] : GENERAL.filter((name) => !isCanonical(registers.get(name) ?? 0n))
    .map((name) => `${name} (${hexAddr(registers.get(name) ?? 0n)})`);
  const verb = suspects.length === 1 ? "is not a canonical address" : "are not canonical addresses";
  const remark = suspects.length === 0 ? "" : `; ${listed(suspects)} ${verb}`;
  return [{
    code: "not-permitted",
    message: `the instruction or one of its operands is not permitted${remark}`,
  }];
}

// Intel SDM vol. 3, "Privileged Instructions"
const PRIVILEGED = /^(hlt|lgdt|lldt|ltr|lidt|lmsw|clts|rdmsr|wrmsr|invd|wbinvd|invlpg|swapgs|sysretq?|sysexitq?)$/;

function operandCauses(instruction: Instruction, view: FaultView): readonly FaultCause[] {
  const used = usedMemory(instruction, view.registers);
  const wild = used.filter(({ address }) => !isCanonical(address));
  if (wild.length > 0) {
    const [{ use, address }] = wild;
    const name = instruction.operands.find(({ kind }) => kind === "memory" && !use.implicit)?.text ?? use.base;
    return [{ code: "not-canonical", message: `${name} is at ${hexAddr(address)}, which is not a canonical address` }];
  }
  const alignment = alignmentOf(instruction);
  const [odd] = used.filter(({ address }) => alignment !== undefined && address % alignment !== 0n);
  if (!odd || alignment === undefined) return [];
  const message = `${instruction.mnemonic} needs an address that is a multiple of ${alignment}, ` +
    `and the operand is at ${hexAddr(odd.address)}`;
  return [{ code: "misaligned-operand", message }];
}

// Intel SDM vol. 2, the exceptions of each: those that name #GP for memory that is not aligned
const ALIGNED =
  /^(movaps|movapd|movdqa|movntps|movntpd|movntdq|movntdqa|fxsave|fxsave64|fxrstor|fxrstor64|cmpxchg16b)$/;
const ALIGNED_TO_SIZE = /^v(movaps|movapd|movdqa(32|64)?|movntps|movntpd|movntdq|movntdqa)$/;
const ALIGNED_STATE = /^xsave|^xrstor/;
const UNALIGNED = /^(movups|movupd|movdqu|lddqu|movss|movsd|movlps|movhps|movlpd|movhpd|movd|movq|pcmp[ei]str[im])$/;

/** The alignment that an instruction needs of its operand in memory; `undefined` if it needs none. */
function alignmentOf({ mnemonic, operands, memory }: Instruction): bigint | undefined {
  const [size] = memory.filter(({ implicit }) => !implicit).map((use) => use.size);
  if (ALIGNED.test(mnemonic)) return 16n;
  if (ALIGNED_STATE.test(mnemonic)) return 64n;
  if (ALIGNED_TO_SIZE.test(mnemonic) && size !== undefined && [16, 32, 64].includes(size)) return BigInt(size);
  const isSse = !mnemonic.startsWith("v") && operands.some(({ register }) => /^xmm\d+$/.test(register ?? ""));
  return isSse && size === 16 && !UNALIGNED.test(mnemonic) ? 16n : undefined;
}
