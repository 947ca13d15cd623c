/**
 * The memory of a loaded kernel, from its base to the next free frame, in pieces: it may be gigabytes.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { Kernel } from "../commands/load_by_preset.ts";

const PIECE = 32 * 2 ** 20;

/** Number of bytes from the base of memory to the next free frame. */
export function usedMemory({ memory, nextFrame }: Kernel): number {
  return nextFrame - memory.base;
}

/**
 * The used memory as views of it. Between two of them other work gets its turn.
 *
 * @param kernel The kernel.
 * @param signal Ends the listing with its reason.
 */
export async function* memoryPieces(kernel: Kernel, signal: AbortSignal): AsyncGenerator<Uint8Array> {
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
export async function memorySha256(kernel: Kernel, signal: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of memoryPieces(kernel, signal)) hash.update(piece);
  return hash.digest("hex");
}
