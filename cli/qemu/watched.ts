/**
 * Looks at a guest while it runs.
 *
 * @module
 */

import type { Qemu } from "./qemu_process.ts";

/** What it takes to watch a guest. */
export type Watched = Pick<Qemu, "monitor">;

/**
 * Waits a while.
 *
 * @param milliseconds How long.
 * @param signal Ends the wait.
 * @returns False if the signal ended it.
 */
export async function later(milliseconds: number, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return false;
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = (): void => resolve();
  const timer = setTimeout(end, milliseconds);
  signal.addEventListener("abort", end);
  await promise;
  clearTimeout(timer);
  signal.removeEventListener("abort", end);
  return !signal.aborted;
}
