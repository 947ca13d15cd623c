/**
 * Finds the calls that had not returned.
 *
 * @module
 */

import { type Call, callBefore } from "./calls.ts";
import type { Backtrace, Caller } from "./fault_explanation.ts";
import type { FaultView } from "./fault_view.ts";
import { readWord } from "./guest_memory.ts";
import { isBelowStack } from "./place.ts";

/** The most frames that are followed. */
const MOST_FRAMES = 4096;

/** The most callers of a list. */
const MOST_CALLERS = 32;

/** The most bytes of the stack that are looked at. */
const MOST_BYTES = 0x2_0000n;

const PAGE_MASK = 0xfffn;

/** The most bytes that a function without a frame is looked for to have pushed. */
const MOST_LOCALS = 0x1000n;

/** The farthest that a frame may reach above RSP, in bytes. */
const FARTHEST = 2n ** 32n;

/**
 * Finds the calls that had not returned: by the frame pointers, as far as they are sound; if none is, by the words of
 * the stack that are addresses after a call.
 *
 * @param view The guest.
 * @returns The calls; `undefined` if none was found.
 */
export function backtrace(view: FaultView): Backtrace | undefined {
  const { callers, more, hasFrames } = byFrames(view);
  const words = hasFrames ? undefined : byWords(callers.at(-1), view);
  if (callers.length === 0 && !words) return undefined;
  return { callers, possible: words?.possible ?? [], more: words?.more ?? more };
}

/**
 * Finds the call whose return address is on top of the stack, which is where it is before a function's first push.
 *
 * @param view The guest.
 * @returns The call; `undefined` if the word on top is no return address.
 */
export function callerOnTop(view: FaultView): Caller | undefined {
  const rsp = view.registers.get("RSP");
  const address = rsp === undefined ? undefined : readWord(view.memory, rsp);
  if (rsp === undefined || address === undefined || !callBefore(address, view.memory)) return undefined;
  return callerOf(address, rsp, view);
}

/** A list of callers, in which those from the same place in a row are one. */
interface CallerList {
  readonly callers: readonly Caller[];
  /** Adds the call that a return address is of, if it is one. Returns false if the list is full. */
  readonly add: (address: bigint, at: bigint) => boolean;
}

function callerList(view: FaultView): CallerList {
  const callers: Caller[] = [];
  return {
    callers,
    add: (address, at) => {
      const last = callers.at(-1);
      if (last?.address === address) {
        callers[callers.length - 1] = { ...last, times: last.times + 1 };
        return true;
      }
      if (!callBefore(address, view.memory)) return true;
      if (callers.length === MOST_CALLERS) return false;
      callers.push(callerOf(address, at, view));
      return true;
    },
  };
}

/** System V ABI for x86-64, "The Stack Frame": RBP points to the caller's RBP, below the return address. */
function byFrames(view: FaultView): Pick<Backtrace, "callers" | "more"> & { readonly hasFrames: boolean } {
  const { registers, memory } = view;
  const rsp = registers.get("RSP") ?? 0n;
  const { callers, add } = callerList(view);
  let count = 0;
  let lowest = rsp;
  let rbp = registers.get("RBP") ?? 0n;
  while (count < MOST_FRAMES && rbp >= lowest && rbp - rsp <= FARTHEST && (rbp & 7n) === 0n) {
    const [saved, address] = [readWord(memory, rbp), readWord(memory, rbp + 8n)];
    const call = address === undefined ? undefined : callBefore(address, memory);
    if (!call || saved === undefined || address === undefined) break;
    if (count === 0) {
      const inner = callBelow(rbp, { at: rbp + 8n, call }, view);
      if (inner) add(inner.address, inner.at);
    }
    if (!add(address, rbp + 8n)) return { callers, more: true, hasFrames: true };
    count++;
    lowest = rbp + 1n;
    rbp = saved;
  }
  if (count > 0) return { callers, more: count === MOST_FRAMES, hasFrames: true };
  const inner = callBelow(rsp + MOST_LOCALS, undefined, view);
  if (inner) add(inner.address, inner.at);
  return { callers, more: false, hasFrames: false };
}

/**
 * Finds the caller of the function at RIP if that has no frame of its own, so that RBP is still its caller's: the
 * return address after a call of that very function or, before its first instruction, the word on top of the stack.
 */
function callBelow(
  end: bigint,
  first: { readonly at: bigint; readonly call: Call } | undefined,
  { registers, place, memory }: FaultView,
): { readonly address: bigint; readonly at: bigint } | undefined {
  const [rip, rsp] = [registers.get("RIP") ?? 0n, registers.get("RSP") ?? 0n];
  const { symbol } = place(rip);
  if (symbol?.offset === 0 || memory.read(rip, 1) === undefined) {
    const address = rsp === first?.at ? undefined : readWord(memory, rsp);
    return address !== undefined && callBefore(address, memory) ? { address, at: rsp } : undefined;
  }
  if (!symbol || (rsp & 7n) !== 0n) return undefined;
  const start = BigInt.asUintN(64, rip - BigInt(symbol.offset));
  if (first?.call.target === start) return undefined;
  for (let at = rsp; at < end && at - rsp < MOST_LOCALS; at += 8n) {
    const address = readWord(memory, at);
    if (address !== undefined && callBefore(address, memory)?.target === start) return { address, at };
  }
  return undefined;
}

function byWords(
  inner: Caller | undefined,
  view: FaultView,
): Pick<Backtrace, "possible" | "more"> | undefined {
  const { registers, memory, started: { stack } } = view;
  const rsp = inner ? inner.at + 8n : registers.get("RSP") ?? 0n;
  if ((rsp & 7n) !== 0n) return undefined;
  // A stack that overflowed has its words above the guard page.
  const first = stack && rsp < stack.bottom && isBelowStack(rsp, view.started) ? stack.bottom : rsp;
  const isOurs = stack !== undefined && first >= stack.bottom && first < stack.top;
  const end = isOurs && stack.top - first < MOST_BYTES ? stack.top : first + MOST_BYTES;
  const { callers: possible, add } = callerList(view);
  for (let at = first; at < end;) {
    const next = (at | PAGE_MASK) + 1n;
    const size = Number((next < end ? next : end) - at) & ~7;
    const bytes = memory.read(at, size);
    if (!bytes && !isOurs) break;
    const words = bytes ? new BigUint64Array(bytes.slice().buffer) : [];
    for (let word = 0; word < words.length; word++) {
      if (!add(words[word], at + BigInt(word * 8))) return { possible, more: true };
    }
    at = next;
  }
  return possible.length === 0 ? undefined : { possible, more: false };
}

function callerOf(address: bigint, at: bigint, { place }: FaultView): Caller {
  // The call may be the last instruction of its function.
  const { symbol, ...where } = place(address - 1n);
  const shifted = symbol ? { symbol: { ...symbol, offset: symbol.offset + 1 } } : {};
  return { ...where, address, ...shifted, at, times: 1 };
}
