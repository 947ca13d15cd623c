/**
 * The used memory of a loaded kernel, from its base up to the next free frame, in pieces, as it may be gigabytes.
 *
 * @module
 */

import type { LoadedKernel } from "../../mod.ts";

/** Memory, and how much of it is used. */
export type UsedMemory = Pick<LoadedKernel, "memory" | "nextFrame">;

/** Small enough to hash within a few milliseconds: an interruption is noticed between pieces. */
const PIECE = 4 * 2 ** 20;

/** Number of bytes from the base of memory up to the next free frame. */
export function usedMemory({ memory, nextFrame }: UsedMemory): number {
  return nextFrame - memory.base;
}

/**
 * Lists the used memory as views, yielding to the event loop between them.
 *
 * @param kernel The kernel.
 * @param signal Ends the listing with its reason.
 */
export async function* memoryPieces(kernel: UsedMemory, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const { memory } = kernel;
  for (let done = 0, size = usedMemory(kernel); done < size; done += PIECE) {
    yield memory.bytes(memory.base + done, Math.min(PIECE, size - done));
    await new Promise((resolve) => setTimeout(resolve));
    signal.throwIfAborted();
  }
}

/**
 * The SHA-256 of the used memory.
 *
 * @param kernel The kernel.
 * @param signal Ends the work with its reason.
 * @returns The digest in hex.
 */
export async function memorySha256(kernel: UsedMemory, signal: AbortSignal): Promise<string> {
  // Web Crypto cannot hash in pieces. The import takes 5 to 10 ms, and only --json needs it.
  const { createHash } = await import("node:crypto");
  const hash = createHash("sha256");
  for await (const piece of memoryPieces(kernel, signal)) hash.update(piece);
  return hash.digest("hex");
}
