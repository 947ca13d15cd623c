/**
 * The floors: for each workload, the plainest loop that does the same job for this one case, without any check.
 * bench/README.md says what each does, and why it is a fair measure; tests/bench/floors_test.ts checks that it does.
 */

const PAGE = 4096;
const ENTRIES = 512;
const TABLE_WORDS = 1024;
const FRAME = ~0xfff;
const PRESENT = 1;
/** Flags of entries that point to a table: present and writable. */
const PARENT = 3;
/** Bit 63 of an entry, in its upper half. */
const NO_EXECUTE = 1 << 31;
const PROGRAM_HEADER = 56;

/** Relocates words by a table of `Elf64_Rela`: each gets its addend plus a base. Addresses are file offsets. */
export function relocateRela(
  words: Uint32Array,
  table: number,
  count: number,
  [baseLow, baseHigh]: readonly [number, number],
): void {
  for (let at = table / 4, end = at + count * 6; at < end; at += 6) {
    const low = words[at + 4] + baseLow;
    const place = words[at] / 4;
    words[place] = low;
    words[place + 1] = words[at + 5] + baseHigh + (low > 0xffff_ffff ? 1 : 0);
  }
}

/** Adds a base to consecutive 64-bit words. */
export function addToWords(
  words: Uint32Array,
  start: number,
  count: number,
  [baseLow, baseHigh]: readonly [number, number],
): void {
  for (let at = start / 4, end = at + count * 2; at < end; at += 2) {
    const low = words[at] + baseLow;
    words[at] = low;
    words[at + 1] += baseHigh + (low > 0xffff_ffff ? 1 : 0);
  }
}

/** Reads the six 64-bit fields of every program header in a table and uses each once, in a sum. */
export function sumFields(file: DataView, table: number, count: number): bigint {
  let sum = 0n;
  for (let index = 0, at = table; index < count; index++, at += PROGRAM_HEADER) {
    sum += file.getBigUint64(at + 8, true);
    sum += file.getBigUint64(at + 16, true);
    sum += file.getBigUint64(at + 24, true);
    sum += file.getBigUint64(at + 32, true);
    sum += file.getBigUint64(at + 40, true);
    sum += file.getBigUint64(at + 48, true);
  }
  return sum;
}

/**
 * Loads a kernel whose segments are whole pages within the second-last GiB of the address space: copies the file, then
 * writes its page tables after it.
 *
 * @returns The address of the level-4 table.
 */
export function loadPages(file: Uint8Array, memory: Uint8Array, words: Uint32Array, kernelOffset: number): number {
  memory.set(file, kernelOffset);
  return mapPages(new DataView(file.buffer, file.byteOffset), memory, words, kernelOffset, kernelOffset + file.length);
}

/** Writes page tables for such a kernel, whose bytes are in place. */
function mapPages(
  file: DataView,
  memory: Uint8Array,
  words: Uint32Array,
  kernelOffset: number,
  fileEnd: number,
): number {
  const level4 = alignUp(fileEnd);
  const level3 = level4 + PAGE;
  const level2 = level3 + PAGE;
  let free = level2 + PAGE;
  memory.fill(0, level4, free);
  words[level4 / 4 + 511 * 2] = level3 | PARENT;
  words[level3 / 4 + 510 * 2] = level2 | PARENT;
  const table = Number(file.getBigUint64(32, true));
  const count = file.getUint16(56, true);
  for (let header = table; header < table + count * PROGRAM_HEADER; header += PROGRAM_HEADER) {
    const permissions = file.getUint32(header + 4, true);
    const low = (permissions & 2) | PRESENT;
    const high = (permissions & 1) === 0 ? NO_EXECUTE : 0;
    let frame = kernelOffset + Number(file.getBigUint64(header + 8, true));
    let page = Number(file.getBigUint64(header + 16, true) & 0x3fff_ffffn) / PAGE;
    for (let left = Number(file.getBigUint64(header + 32, true)) / PAGE; left > 0; left--, page++, frame += PAGE) {
      const parent = level2 / 4 + (page >>> 9) * 2;
      if (words[parent] === 0) {
        memory.fill(0, free, free + PAGE);
        words[parent] = free | PARENT;
        free += PAGE;
      }
      const slot = (words[parent] - PARENT) / 4 + (page & 511) * 2;
      words[slot] = frame | low;
      words[slot + 1] = high;
    }
  }
  return level4;
}

/** Writes 64-bit entries for consecutive frames into the tables at these addresses. */
export function writeEntries64(words: BigUint64Array, tables: readonly number[], count: number, first: bigint): void {
  let entry = first;
  let left = count;
  for (const table of tables) {
    const at = table / 8;
    const end = at + Math.min(left, ENTRIES);
    for (let slot = at; slot < end; slot++) {
      words[slot] = entry;
      entry += 4096n;
    }
    left -= end - at;
  }
}

/** Writes entries for consecutive frames into the tables at these addresses, as 32-bit halves. */
export function writeEntries(words: Uint32Array, tables: readonly number[], count: number, first: number): void {
  let entry = first;
  let left = count;
  for (const table of tables) {
    const at = table / 4;
    const end = at + Math.min(left * 2, TABLE_WORDS);
    for (let slot = at; slot < end; slot += 2) {
      words[slot] = entry;
      words[slot + 1] = 0;
      entry = (entry + PAGE) | 0;
    }
    left -= (end - at) / 2;
  }
}

/** An address, and its halves: the quickest way from a bigint to numbers. */
const ADDRESS = new BigUint64Array(1);
const HALVES = new Uint32Array(ADDRESS.buffer);

/** The flags that an entry may have in its lower half, made once. */
const FLAGS: readonly bigint[] = Array.from({ length: PAGE }, (_, flags) => BigInt(flags));

/** What {@linkcode translate} finds. */
export interface Found {
  readonly phys: number;
  readonly pageSize: number;
  readonly flags: bigint;
}

/** Finds a byte in a page of 4 KiB through four levels of tables, which lie in the first 2 GiB of memory. */
export function translate(words: Uint32Array, level4: number, virt: bigint): Found {
  ADDRESS[0] = virt;
  const low = HALVES[0];
  const high = HALVES[1] & 0xffff;
  let table = words[level4 / 4 + (high >>> 7) * 2] & FRAME;
  table = words[(table >>> 2) + (((high & 0x7f) << 2) | (low >>> 30)) * 2] & FRAME;
  table = words[(table >>> 2) + ((low >>> 21) & 511) * 2] & FRAME;
  const slot = (table >>> 2) + ((low >>> 12) & 511) * 2;
  const entryLow = words[slot];
  const entryHigh = words[slot + 1];
  return { phys: frameOf(entryLow, entryHigh) + (low & 0xfff), pageSize: PAGE, flags: flagsOf(entryLow, entryHigh) };
}

/** One step of a walk. */
export interface Step {
  readonly level: number;
  readonly table: number;
  readonly index: number;
  readonly entry: bigint;
}

/** Lists the four entries on the way to a page of 4 KiB; the tables lie in the first 2 GiB of memory. */
export function walk(entries: BigUint64Array, words: Uint32Array, level4: number, virt: bigint): readonly Step[] {
  ADDRESS[0] = virt;
  const low = HALVES[0];
  const high = HALVES[1] & 0xffff;
  const index4 = high >>> 7;
  const index3 = ((high & 0x7f) << 2) | (low >>> 30);
  const index2 = (low >>> 21) & 511;
  const index1 = (low >>> 12) & 511;
  const level3 = words[level4 / 4 + index4 * 2] & FRAME;
  const level2 = words[level3 / 4 + index3 * 2] & FRAME;
  const level1 = words[level2 / 4 + index2 * 2] & FRAME;
  return [
    { level: 4, table: level4, index: index4, entry: entries[level4 / 8 + index4] },
    { level: 3, table: level3, index: index3, entry: entries[level3 / 8 + index3] },
    { level: 2, table: level2, index: index2, entry: entries[level2 / 8 + index2] },
    { level: 1, table: level1, index: index1, entry: entries[level1 / 8 + index1] },
  ];
}

/** Copies bytes that lie in one page of 4 KiB. */
export function read(memory: Uint8Array, words: Uint32Array, level4: number, virt: bigint, length: number): Uint8Array {
  const { phys } = translate(words, level4, virt);
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at++) bytes[at] = memory[phys + at];
  return bytes;
}

/** One page. */
export interface Page {
  readonly virt: bigint;
  readonly phys: number;
  readonly pageSize: number;
  readonly flags: bigint;
}

/** Visits the pages that the tables of level 1 at these addresses map, of consecutive virtual addresses. */
export function visitPages(
  words: Uint32Array,
  tables: readonly number[],
  start: bigint,
  visit: (page: Page) => void,
): void {
  let virt = start;
  for (const table of tables) {
    for (let slot = table / 4, end = slot + TABLE_WORDS; slot < end; slot += 2, virt += 4096n) {
      const low = words[slot];
      const high = words[slot + 1];
      if ((low & PRESENT) !== 0) visit({ virt, phys: frameOf(low, high), pageSize: PAGE, flags: flagsOf(low, high) });
    }
  }
}

/** Clears entries in the tables at these addresses. */
export function clearEntries(words: Uint32Array, tables: readonly number[], count: number): void {
  let left = count;
  for (const table of tables) {
    const at = table / 4;
    const end = at + Math.min(left * 2, TABLE_WORDS);
    for (let slot = at; slot < end; slot += 2) {
      words[slot] = 0;
      words[slot + 1] = 0;
    }
    left -= (end - at) / 2;
  }
}

/** Replaces the flags, all in the lower half, of entries in the tables at these addresses. */
export function replaceFlags(words: Uint32Array, tables: readonly number[], count: number, flags: number): void {
  let left = count;
  for (const table of tables) {
    const at = table / 4;
    const end = at + Math.min(left * 2, TABLE_WORDS);
    for (let slot = at; slot < end; slot += 2) {
      words[slot] = (words[slot] & FRAME) | flags;
      words[slot + 1] &= 0xfffff;
    }
    left -= (end - at) / 2;
  }
}

function frameOf(low: number, high: number): number {
  return (high & 0xfffff) * 2 ** 32 + ((low & FRAME) >>> 0);
}

function flagsOf(low: number, high: number): bigint {
  const flags = FLAGS[low & 0xfff];
  return high >>> 20 === 0 ? flags : flags | (BigInt(high >>> 20) << 52n);
}

function alignUp(address: number): number {
  return Math.ceil(address / PAGE) * PAGE;
}

/** Reads a file into a buffer in pieces of 1 MiB, until either ends. */
export async function readWhole(file: Deno.FsFile, buffer: Uint8Array): Promise<void> {
  for (let at = 0; at < buffer.length;) {
    const count = await file.read(buffer.subarray(at, at + 2 ** 20));
    if (count === null) return;
    at += count;
  }
}

/** Reads a stream to its end into a buffer. */
export async function drain(stream: ReadableStream<Uint8Array>, buffer: Uint8Array): Promise<void> {
  let at = 0;
  for await (const chunk of stream) {
    buffer.set(chunk, at);
    at += chunk.length;
  }
}
