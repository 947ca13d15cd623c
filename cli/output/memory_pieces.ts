/**
 * The used memory of a loaded kernel, from its base to the next free frame, in pieces: it may be gigabytes.
 *
 * @module
 */

import type { LoadedKernel } from "../../mod.ts";

/** Memory, and how much of it is used. */
export type UsedMemory = Pick<LoadedKernel, "memory" | "nextFrame">;

const PIECE = 32 * 2 ** 20;

/** Number of bytes from the base of memory to the next free frame. */
export function usedMemory({ memory, nextFrame }: UsedMemory): number {
  return nextFrame - memory.base;
}

/**
 * The used memory as views of it. Between two of them other work gets its turn.
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
  const { createHash } = await import("node:crypto"); // 5 to 10 ms that only --json needs; Web Crypto takes no pieces
  const hash = createHash("sha256");
  for await (const piece of memoryPieces(kernel, signal)) hash.update(piece);
  return hash.digest("hex");
}
