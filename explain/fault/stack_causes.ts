/**
 * Causes that RSP shows: a stack that overflowed, and an entry function that returned.
 *
 * @module
 */

import { hexAddr } from "../../core/hex.ts";
import type { Backtrace, FaultAccess, FaultCause } from "./fault_explanation.ts";
import type { FaultView } from "./fault_view.ts";
import { readWord } from "./guest_memory.ts";
import { isBelowStack } from "./place.ts";
import type { StartedKernel } from "./stopped_guest.ts";
import { count } from "../wording.ts";

const KIB = 1024n;

/** Room in a larger stack for what is called next, in bytes. */
const ROOM = 4n * KIB;

/** How often a function must be among its own callers for the report to speak of recursion. */
const RECURSION = 3;

/**
 * Finds out whether an access failed because the stack overflowed, or the entry function returned.
 *
 * @param access The access.
 * @param calls The calls that had not returned, if any were found.
 * @param view The guest.
 * @returns The cause, if it is one of these.
 */
export function stackCauses(
  access: FaultAccess,
  calls: Backtrace | undefined,
  { registers, started, memory }: FaultView,
): readonly FaultCause[] {
  const rsp = registers.get("RSP") ?? 0n;
  // A push at the lowest byte of the stack writes below it.
  if (isBelowStack(access.address, started) && isBelowStack(rsp - 8n, started)) {
    const lowest = access.address < rsp ? access.address : rsp;
    return [overflow(rsp, lowest, calls, started)];
  }
  const { stack } = started;
  const isReturn = access.kind === "fetch" && access.address === 0n && stack !== undefined &&
    rsp === BigInt.asUintN(64, stack.top) && readWord(memory, stack.top - 8n) === 0n;
  if (!isReturn) return [];
  return [{
    code: "entry-returned",
    message: `RSP is ${hexAddr(rsp)}, the top of the kernel's stack: the entry function returned`,
    hint: "Nothing called it: end it with a loop around hlt, or by writing 0x10 to port 0xf4.",
  }];
}

/** The cause that the stack overflowed, by the lowest address that was to be written. */
function overflow(
  rsp: bigint,
  lowest: bigint,
  calls: Backtrace | undefined,
  started: StartedKernel,
): FaultCause {
  const { stack } = started;
  const [bottom, top] = [stack?.bottom ?? 0n, stack?.top ?? 0n];
  const size = top - bottom;
  const repeated = recursive(calls);
  const among = calls && calls.possible.length > 0 ? "possible return addresses" : "callers";
  const least = calls?.more ? "at least " : "";
  const again = repeated === undefined
    ? ""
    : `; ${repeated.name} is ${least}${count(repeated.times, "time")} among the ${among}`;
  const message = `RSP is ${hexAddr(rsp)}: the stack of ${sizeText(size)} overflowed${again}`;
  return { code: "stack-overflow", message, hint: stackHint(lowest, started, repeated !== undefined) };
}

/**
 * Says how to get a larger stack.
 *
 * @param lowest The lowest address that was to be written.
 * @param started The kernel, which has a stack.
 * @param isRecursive Whether a function is often among its own callers.
 * @returns A sentence with the flag, and a size that has room for the address.
 */
export function stackHint(lowest: bigint, { stack }: StartedKernel, isRecursive: boolean = false): string {
  const [bottom, top] = [stack?.bottom ?? 0n, stack?.top ?? 0n];
  const larger = sizeText(largerSize(top - bottom, top - lowest)).replace(" KiB", "K").replace(" MiB", "M");
  return `If the ${
    isRecursive ? "recursion ends" : "kernel needs a larger stack"
  }, run it with --stack-size ${larger}.`;
}

/** Twice the size, or as often twice as it takes for what was reached for to fit with room left for calls. */
function largerSize(size: bigint, reached: bigint): bigint {
  let larger = size * 2n;
  while (larger < reached + ROOM) larger *= 2n;
  return larger + (-larger & (4n * KIB - 1n));
}

function sizeText(size: bigint): string {
  if (size % (KIB * KIB) === 0n) return `${size / (KIB * KIB)} MiB`;
  return size % KIB === 0n ? `${size / KIB} KiB` : count(size, "byte");
}

/** The function, or else the return address, that is most often among the callers, if that is often. */
function recursive(calls: Backtrace | undefined): { readonly name: string; readonly times: number } | undefined {
  const times = new Map<string, number>();
  for (const { symbol, address, times: inRow } of [...calls?.callers ?? [], ...calls?.possible ?? []]) {
    const name = symbol?.name ?? hexAddr(address);
    times.set(name, (times.get(name) ?? 0) + inRow);
  }
  const [most] = [...times].sort(([, a], [, b]) => b - a);
  return most && most[1] >= RECURSION ? { name: most[0], times: most[1] } : undefined;
}
