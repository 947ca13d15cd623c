/** A slow model of the rules of v0.11, clause by clause of its specification; placing at random is off. */

import { checkEhdr, isSound, originalHeader, originalPhdrs } from "./checks.ts";
import { relocate011 } from "./relocations_0_11.ts";
import { type Ehdr, entryOf, isCanonical, isPower, PAGE, pageOf, pageUp, type Phdr } from "./reading.ts";
import { fileFrames, leafFlags, Space, WRITABLE } from "./space.ts";
import { canonicalSum, MARK, own, sum, walk } from "./steps_0_11.ts";
import { type Accepted, type ModelInput, refuse, type Unsettled } from "./verdict.ts";

/** Says what the rules of v0.11 make of a file, with the plugins relocate and relro. */
export function model011(input: ModelInput): Accepted | Unsettled {
  const { file, memoryEnd = 0n } = input;
  if (memoryEnd > 1n << 39n) return { outcome: "unsettled" };
  const length = BigInt(file.length);
  const ehdr = originalHeader(file);
  const hasHeaders = ehdr.phoff !== 0n && ehdr.phentsize !== 0;
  const phdrs = hasHeaders ? originalPhdrs(file, ehdr) : [];
  if (phdrs.length > 0 && ehdr.phoff % (ehdr.wide ? 8n : 4n) !== 0n) refuse();
  const used = new Set<number>();
  const offset = place(ehdr, phdrs, input, used, length);
  for (const { vaddr, memsz } of phdrs) if (memsz > 0n) mark(sum(offset + vaddr), memsz, used);
  checkEhdr(ehdr, length);
  if (ehdr.phnum > 0 && !hasHeaders) return { outcome: "unsettled" }; // refused here, as it would load nothing
  const dynamics = phdrs.filter(({ type }) => type === 2);
  if (dynamics.some(({ filesz, offset }) => filesz === 0n && offset % 8n !== 0n)) return { outcome: "unsettled" };
  const space = new Space(input);
  const tls = loadAll(phdrs, offset, space);
  for (const dynamic of dynamics) relocate011(dynamic, ehdr, phdrs, offset, space);
  finish(phdrs, offset, space);
  return {
    outcome: "accepted",
    pages: space.pages(),
    entry: canonicalSum(offset + ehdr.entry),
    offset: canonicalSum(BigInt.asUintN(64, offset)),
    ...(tls ? { tls } : {}),
    used,
    frames: space.frames,
    exactFrames: true,
    maybe: new Set(),
  };
}

function mark(start: bigint, size: bigint, used: Set<number>): void {
  if (size === 0n) refuse();
  canonicalSum(start);
  const last = canonicalSum(start + size - 1n);
  for (let index = entryOf(start); index <= entryOf(last); index++) used.add(index);
}

/** Finds the offset, checks every header on the way, and leaves the entries of the kernel itself in `used`. */
function place(
  ehdr: Ehdr,
  phdrs: readonly Phdr[],
  { kernelBase, memoryEnd }: ModelInput,
  used: Set<number>,
  length: bigint,
): bigint {
  const loads = phdrs.filter(({ type }) => type === 1);
  const low = loads.reduce((least, { vaddr }) => vaddr < least ? vaddr : least, loads[0]?.vaddr ?? 0n);
  const high = loads.reduce((most, { vaddr, memsz }) => sum(vaddr + memsz) > most ? vaddr + memsz : most, low);
  const size = high - low;
  const align = loads.length === 0 ? 1n : loads.reduce((most, load) => load.align > most ? load.align : most, 0n);
  const busy = new Set<number>();
  mark(0n, memoryEnd !== undefined && memoryEnd > 1n << 32n ? memoryEnd : 1n << 32n, busy);
  if (kernelBase !== undefined) {
    if (!isCanonical(kernelBase) || !isPower(align) || kernelBase % align !== 0n) refuse();
    mark(kernelBase, size, used);
  }
  if (ehdr.type === 2) mark(low, size, used);
  for (const phdr of phdrs) if (!isSound(phdr, ehdr, length)) refuse();
  used.add(0);
  if (ehdr.type === 2) return kernelBase === undefined ? 0n : refuse();
  if (ehdr.type !== 3) return refuse();
  if (kernelBase !== undefined) return kernelBase;
  const count = Number((size + (1n << 39n) - 1n) >> 39n);
  if (!isPower(align) || count === 0) refuse();
  for (let first = 0; first + count <= 512; first++) {
    const entries = Array.from({ length: count }, (_, at) => first + at);
    if (entries.some((index) => busy.has(index))) continue;
    for (const index of entries) used.add(index);
    return BigInt.asUintN(64, BigInt.asIntN(48, BigInt(first) << 39n)) - low;
  }
  return refuse();
}

function loadAll(phdrs: readonly Phdr[], offset: bigint, space: Space): Accepted["tls"] {
  const { kernelOffset, memoryBase, memoryEnd } = space.input;
  let tls: Accepted["tls"];
  for (const phdr of phdrs) {
    const { type, vaddr, filesz, memsz } = phdr;
    if (type === 7) {
      if (tls) refuse();
      tls = { start: sum(offset + vaddr), filesz, memsz };
    }
    if (type !== 1) continue;
    const start = canonicalSum(offset + vaddr);
    const flags = leafFlags(phdr.flags);
    for (const [frame, page] of fileFrames(kernelOffset, phdr.offset, filesz)) {
      space.map(canonicalSum(pageOf(start) + page), frame, flags);
    }
    if (memsz <= filesz) continue;
    const zeroStart = canonicalSum(start + filesz);
    const end = canonicalSum(start + memsz);
    if (memoryEnd !== undefined && memsz - filesz > memoryEnd - memoryBase) refuse();
    if (zeroStart % PAGE !== 0n) own(space, pageOf(canonicalSum(zeroStart - 1n))).fill(0, Number(zeroStart % PAGE));
    for (const page of walk(canonicalSum(pageUp(zeroStart)), pageOf(end - 1n))) {
      const frame = space.take();
      space.map(page, frame, flags);
    }
  }
  return tls;
}

/** Seals PT_GNU_RELRO ranges, then clears the marks in the pages of segments. */
function finish(phdrs: readonly Phdr[], offset: bigint, space: Space): void {
  const change = (page: bigint, clear: bigint): void => {
    const leaf = space.leaves.get(page) ?? 0n;
    if (leaf === 0n) refuse();
    space.leaves.set(page, leaf & ~clear);
  };
  for (const { type, vaddr, memsz } of phdrs) {
    if (type !== 0x6474e552) continue;
    const start = canonicalSum(offset + vaddr);
    const end = canonicalSum(start + memsz);
    const last = canonicalSum(end - 1n);
    for (const page of walk(pageOf(start), pageOf(last))) change(page, WRITABLE);
  }
  for (const { type, vaddr, memsz } of phdrs) {
    if (type !== 1 || memsz === 0n) continue;
    const start = offset + vaddr;
    for (const page of walk(pageOf(start), pageOf(start + memsz - 1n))) change(page, MARK);
  }
}
