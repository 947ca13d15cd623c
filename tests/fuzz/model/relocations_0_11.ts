/** Relocation under the rules of v0.11: the dynamic table from the file, its entries from memory. */

import { type Ehdr, HALF, HIGHER, Little, PAGE, pageOf, type Phdr } from "./reading.ts";
import { frameOf, type Space } from "./space.ts";
import { canonicalSum, own, sum } from "./steps_0_11.ts";
import { refuse } from "./verdict.ts";

/** Applies the relocations of a dynamic table. */
export function relocate011(
  dynamic: Phdr,
  ehdr: Ehdr,
  phdrs: readonly Phdr[],
  offset: bigint,
  space: Space,
): void {
  if (!ehdr.wide) refuse();
  const found = values(dynamic, new Little(space.input.file));
  const [address, size, entrySize] = [found.get(7n), found.get(8n), found.get(9n)];
  if (address === undefined) {
    if (size !== undefined || entrySize !== undefined) refuse();
    return;
  }
  if (size === undefined || entrySize !== 24n) return refuse();
  const loads = phdrs.filter(({ type }) => type === 1);
  for (let at = 0n; at < size / 24n; at++) {
    const entry = new Little(read(canonicalSum(offset + sum(address + 24n * at)), 24, space));
    const target = entry.u64(0);
    if (entry.u64(8) !== 8n) refuse(); // R_X86_64_RELATIVE without a symbol
    if (!loads.some(({ vaddr, memsz }) => target >= vaddr && target < vaddr + memsz)) refuse();
    write(canonicalSum(offset + target), sum(offset + entry.u64(16)), space);
  }
}

/** The entries for relocating; every tag must be a known one, and these may occur once. */
function values({ offset, filesz }: Phdr, file: Little): ReadonlyMap<bigint, bigint> {
  if (filesz % 16n !== 0n || offset % 8n !== 0n) refuse();
  const found = new Map<bigint, bigint>();
  for (let at = offset; at < offset + filesz; at += 16n) {
    const tag = file.u64(Number(at));
    const isKnown = tag <= 30n || (tag >= 32n && tag <= 34n) || (tag >= 0x6000_000dn && tag <= 0x7fff_ffffn);
    if (!isKnown) refuse();
    if (tag < 7n || tag > 9n) continue;
    if (found.has(tag)) refuse();
    found.set(tag, file.u64(Number(at + 8n)));
  }
  return found;
}

/** The address of a byte after `start`: past the end of the lower half, the higher half follows. */
function step(start: bigint, at: bigint): bigint {
  const address = sum(start + at);
  return start < HALF && address >= HALF ? address - HALF + HIGHER : address;
}

function read(start: bigint, size: number, space: Space): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at++) {
    const address = step(start, BigInt(at));
    const leaf = space.leaves.get(pageOf(address)) ?? 0n;
    if (leaf === 0n) refuse();
    bytes[at] = space.bytes(frameOf(leaf))[Number(address % PAGE)];
  }
  return bytes;
}

function write(start: bigint, value: bigint, space: Space): void {
  for (let at = 0n; at < 8n; at++) {
    const address = step(start, at);
    own(space, pageOf(address))[Number(address % PAGE)] = Number(value >> 8n * at & 0xffn);
  }
}
