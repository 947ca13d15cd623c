/**
 * Memory in which a file lies, for loads one after the other: copying a large kernel costs more than loading it.
 *
 * @module
 */

import type { KeptFile } from "../../core/file/kept_file.ts";
import { PAGE_SIZE } from "../../core/memory/addresses.ts";
import { type PhysicalMemory, physicalMemory } from "../../core/memory/physical_memory.ts";

/** Memory with a file in it. */
export interface Arena {
  /** The memory. */
  readonly memory: PhysicalMemory;
  /** Number of its bytes. */
  readonly size: number;
  /** The file's bytes, from the second page on: a load that places them there leaves them where they are. */
  readonly source: Uint8Array;
}

/** Physical address of the memory: above what a loader itself takes. */
export const BASE = 0x1000_0000;

/** The memory of each file that is being checked. */
const ARENAS = new WeakMap<KeptFile, Arena>();

/**
 * Puts a file into memory, unless it is there. Loads that keep the whole file leave it intact, and others may not, so
 * that they have to {@linkcode takeArena} it.
 *
 * @param file The file.
 * @param size The size of the memory in bytes, a multiple of 4096.
 * @returns The memory; `undefined` if the file has no place in it, or the memory cannot be allocated.
 * @throws {LoadError} "source-failed", or "memory-limit-exceeded" if a stream is longer than what may be kept.
 */
export async function arenaOf(file: KeptFile, size: number): Promise<Arena | undefined> {
  const known = ARENAS.get(file);
  if (known?.size === size) return known;
  await file.reach(Infinity);
  const buffer = file.length + 2 * PAGE_SIZE <= size ? allocate(size) : undefined;
  if (!buffer) return undefined;
  const source = new Uint8Array(buffer, PAGE_SIZE, file.length);
  await readInto(source, file);
  const memory = physicalMemory({ base: BASE, buffer });
  const arena = { memory, size, source };
  ARENAS.set(file, arena);
  return arena;
}

/**
 * Takes the memory that a file lies in, if there is one, for a load that may overwrite the file.
 *
 * @param file The file.
 * @param most The most bytes that it may have.
 * @returns The memory. No other load gets it after this.
 */
export function takeArena(file: KeptFile, most: number): Arena | undefined {
  const arena = ARENAS.get(file);
  ARENAS.delete(file);
  return arena && arena.size <= most ? arena : undefined;
}

/** Copies what is kept, and reads the rest straight to its place. */
async function readInto(memory: Uint8Array, file: KeptFile): Promise<void> {
  const { read } = file.reader();
  for (let done = 0; done < memory.length;) {
    const count = await read(memory.subarray(done));
    if (count === null) return; // it became shorter: the load says what is missing
    done += count;
  }
}

function allocate(size: number): ArrayBuffer | undefined {
  try {
    return new ArrayBuffer(size);
  } catch {
    return undefined;
  }
}
