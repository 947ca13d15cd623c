/** What the benchmarks load and map, and the lower bounds that they are compared with. */

import { ascendingFrames } from "../core/memory/frame_allocator.ts";
import { frameLedger } from "../core/memory/frame_ledger.ts";
import { freshMemory, type PhysicalMemory } from "../core/memory/physical_memory.ts";
import { createMapper, type Mapper } from "../core/paging/mapper.ts";
import { buildElf } from "../tests/elf_builder.ts";

/** Bytes in a mebibyte. */
export const MIB = 2 ** 20;

/** Bytes that the mapping benchmarks map: 65,536 pages. */
export const MAPPED = 256 * MIB;

/** Address that the benchmarks' kernels are linked at. */
export const KERNEL_START = 0xffff_ffff_8000_0000n;

const PAGE = 4096;
const TABLE_WORDS = 1024;

/** Builds a kernel of 30 MiB: text, read-only data and data of 10 MiB each. */
export function largeKernel(): Uint8Array<ArrayBuffer> {
  const segments = [5, 4, 6].map((p_flags, index) => {
    const offset = PAGE + index * 10 * MIB;
    return { offset, filesz: 10 * MIB, p_vaddr: KERNEL_START + BigInt(offset), p_flags };
  });
  return buildElf({ header: { e_entry: KERNEL_START + BigInt(PAGE) }, segments });
}

/** Builds a kernel of one page, followed by a bss. */
export function bssKernel(bss: number): Uint8Array<ArrayBuffer> {
  const data = new Uint8Array(PAGE).fill(0x90);
  const header = { e_entry: KERNEL_START };
  return buildElf({ header, segments: [{ data, p_memsz: BigInt(PAGE + bss), p_vaddr: KERNEL_START, p_flags: 7 }] });
}

/** Allocates memory that is large enough for the benchmarks' page tables. */
export function tableMemory(): PhysicalMemory {
  return freshMemory(0, MIB);
}

/** Clears a memory and creates an empty level-4 table at its start. */
export function emptyTables(memory: PhysicalMemory): Mapper {
  memory.bytes(memory.base, memory.size).fill(0);
  const { base, size } = memory;
  const frames = frameLedger(ascendingFrames({ start: base + PAGE, end: base + size }), memory, [], true);
  return createMapper({ memory, level4Frame: base, frames, parentFlags: "writable" });
}

/** The lower bound of mapping: writes a 64-bit entry for each page of 256 MiB into consecutive words. */
export function writeEntries(words: Uint32Array): void {
  let address = 0x20_0003;
  for (let at = 0; at < MAPPED / PAGE * 2; at += 2) {
    words[at] = address;
    words[at + 1] = 0;
    address = (address + PAGE) | 0;
  }
}

/** Writes the same entries into the tables at the given frames. */
export function writeTables(words: Uint32Array, frames: readonly number[]): void {
  let address = 0x20_0003;
  for (const frame of frames) {
    for (let at = frame / 4, end = at + TABLE_WORDS; at < end; at += 2) {
      words[at] = address;
      words[at + 1] = 0;
      address = (address + PAGE) | 0;
    }
  }
}

/** The lower bound of loading a file: reads it into a buffer in pieces of 1 MiB. */
export async function readWhole(file: Deno.FsFile, buffer: Uint8Array): Promise<void> {
  for (let at = 0;;) {
    const count = await file.read(buffer.subarray(at, at + MIB));
    if (count === null) return;
    at += count;
  }
}

/** Creates a file with these bytes in a new directory; disposing of it removes both. */
export async function temporaryFile(bytes: Uint8Array): Promise<AsyncDisposable & { readonly file: Deno.FsFile }> {
  const directory = await Deno.makeTempDir({ prefix: "kload-bench-" });
  const path = `${directory}/kernel.elf`;
  await Deno.writeFile(path, bytes);
  const file = await Deno.open(path);
  return {
    file,
    [Symbol.asyncDispose]: async () => {
      file.close();
      await Deno.remove(directory, { recursive: true });
    },
  };
}
