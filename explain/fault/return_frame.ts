/**
 * Returns from a handler with the wrong stack pointer.
 *
 * @module
 */

import { hexAddr } from "../../core/hex.ts";
import { isCanonical } from "../../core/memory/addresses.ts";
import type { FaultCause } from "./fault_explanation.ts";
import type { FaultView } from "./fault_view.ts";
import { readWord } from "./guest_memory.ts";

// Intel SDM vol. 3, "64-Bit Mode Stack Frame": the words from the lowest on; an error code is right below them
const WORD = 8n;
const RIP = 0;
const CS = 1;
const FLAGS = 2;
const RSP = 3;
const SS = 4;

// Intel SDM vol. 3, "System Flags and Fields in the EFLAGS Register": bit 1 is always set, those from 22 on never are
const ALWAYS_SET = 1n << 1n;
const FIRST_RESERVED = 22n;

/**
 * Finds out whether an IRETQ failed because the error code was still on the stack.
 *
 * @param view The guest, at an exception of the processor.
 * @returns One cause, or none.
 */
export function returnFrameCauses({ instruction, registers, memory }: FaultView): readonly FaultCause[] {
  const rsp = registers.get("RSP");
  if (instruction?.mnemonic !== "iretq" || rsp === undefined || !memory.isCurrent) return [];
  const frameAt = (start: bigint): readonly (bigint | undefined)[] => {
    return [RIP, CS, FLAGS, RSP, SS].map((word) => readWord(memory, start + BigInt(word) * WORD));
  };
  const isFrame = (words: readonly (bigint | undefined)[]): boolean => {
    const [rip, cs, flags, stack, ss] = words;
    return rip !== undefined && memory.isExecutable(rip) && cs === registers.get("CS") &&
      flags !== undefined && (flags & ALWAYS_SET) !== 0n && flags >> FIRST_RESERVED === 0n &&
      stack !== undefined && isCanonical(stack) && ss === registers.get("SS");
  };
  const above = frameAt(rsp + WORD);
  if (isFrame(frameAt(rsp)) || !isFrame(above)) return [];
  const code = readWord(memory, rsp) ?? 0n;
  return [{
    code: "return-frame",
    message: `the words from RSP+8 on are a frame that returns to ${hexAddr(above[RIP] ?? 0n)}, and the word at RSP ` +
      `is ${hexAddr(code)}, as if the error code had not been removed`,
    hint: "A handler of an exception with an error code must add 8 to RSP before iretq.",
  }];
}
