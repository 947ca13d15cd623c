/**
 * Finds the calls that had not returned.
 *
 * @module
 */

import { callBefore } from "./calls.ts";
import type { Backtrace, Caller } from "./fault_explanation.ts";
import type { FaultView } from "./fault_view.ts";
import { readWord } from "./guest_memory.ts";
import { isBelowStack } from "./place.ts";

/** The most frames that are followed. */
const MOST_FRAMES = 1024;

/** The most callers of a list. */
const MOST_CALLERS = 32;

/** The most bytes of the stack that are looked at. */
const MOST_BYTES = 0x2_0000n;

const PAGE_MASK = 0xfffn;

/** The farthest that a frame may reach above RSP, in bytes. */
const FARTHEST = 2n ** 32n;

/**
 * Finds the calls that had not returned: by the frame pointers, if at least one frame is sound; otherwise by the words
 * of the stack that are addresses after a call.
 *
 * @param view The guest.
 * @returns The calls; `undefined` if none was found.
 */
export function backtrace(view: FaultView): Backtrace | undefined {
  const frames = byFrames(view);
  return frames.callers.length > 0 ? frames : byWords(view);
}

/**
 * Finds the call whose return address is on top of the stack, which is where it is before a function's first push.
 *
 * @param view The guest.
 * @returns The call; `undefined` if the word on top is no return address.
 */
export function callerOnTop(view: FaultView): Caller | undefined {
  const rsp = view.registers.get("RSP");
  return rsp === undefined ? undefined : callerAt(rsp, view);
}

/** System V ABI for x86-64, "The Stack Frame": RBP points to the caller's RBP, below the return address. */
function byFrames(view: FaultView): Backtrace {
  const { registers, memory } = view;
  const rsp = registers.get("RSP") ?? 0n;
  const callers: Caller[] = [];
  let count = 0;
  const add = (caller: Caller): void => void (count++ < MOST_CALLERS && callers.push(caller));
  const top = isBeforeFrame(view) ? callerOnTop(view) : undefined;
  let lowest = rsp;
  let rbp = registers.get("RBP") ?? 0n;
  for (; count < MOST_FRAMES; count) {
    if (rbp < lowest || rbp - rsp > FARTHEST || (rbp & 7n) !== 0n) break;
    const caller = callerAt(rbp + 8n, view);
    const saved = readWord(memory, rbp);
    if (!caller || saved === undefined) break;
    if (count === 0 && top && top.at !== caller.at) add(top);
    add(caller);
    lowest = rbp + 1n;
    rbp = saved;
  }
  if (count === 0 && top) add(top);
  return { kind: "frames", callers, more: count > callers.length };
}

/** Whether the function at RIP has not set up its frame: it is at its first instruction, or nothing is mapped there. */
function isBeforeFrame({ registers, place, memory }: FaultView): boolean {
  const rip = registers.get("RIP") ?? 0n;
  const { symbol } = place(rip);
  return symbol?.offset === 0 || memory.read(rip, 1) === undefined;
}

function byWords(view: FaultView): Backtrace | undefined {
  const { registers, memory, started: { stack } } = view;
  const rsp = registers.get("RSP") ?? 0n;
  if ((rsp & 7n) !== 0n) return undefined;
  // A stack that overflowed has its words above the guard page.
  const first = stack && rsp < stack.bottom && isBelowStack(rsp, view.started) ? stack.bottom : rsp;
  const isOurs = stack !== undefined && first >= stack.bottom && first < stack.top;
  const end = isOurs && stack.top - first < MOST_BYTES ? stack.top : first + MOST_BYTES;
  const callers: Caller[] = [];
  for (let at = first; at < end;) {
    const next = (at | PAGE_MASK) + 1n;
    const size = Number((next < end ? next : end) - at) & ~7;
    const bytes = memory.read(at, size);
    if (!bytes && !isOurs) break;
    const words = bytes ? new BigUint64Array(bytes.slice().buffer) : [];
    for (let word = 0; word < words.length && callers.length <= MOST_CALLERS; word++) {
      const caller = callerOf(words[word], at + BigInt(word * 8), view);
      if (caller) callers.push(caller);
    }
    at = next;
  }
  if (callers.length === 0) return undefined;
  return { kind: "stack", callers: callers.slice(0, MOST_CALLERS), more: callers.length > MOST_CALLERS };
}

function callerAt(at: bigint, view: FaultView): Caller | undefined {
  const address = readWord(view.memory, at);
  return address === undefined ? undefined : callerOf(address, at, view);
}

function callerOf(address: bigint, at: bigint, { memory, place }: FaultView): Caller | undefined {
  if (!callBefore(address, memory)) return undefined;
  // The call may be the last instruction of its function.
  const { symbol, ...call } = place(address - 1n);
  return {
    ...call,
    address,
    ...(symbol ? { symbol: { ...symbol, offset: symbol.offset + 1 } } : {}),
    at,
  };
}
