/** A slow model of the rules of v0.10: each clause of what was measured of the original, with maps for its tables. */

import { checkEhdr, isSound, originalHeader, originalPhdrs } from "./checks.ts";
import { END, entryOf, HALF, isCanonical, PAGE, pageOf } from "./reading.ts";
import { fileFrames, leafFlags, Space } from "./space.ts";
import { type Accepted, type ModelInput, refuse, type Unsettled } from "./verdict.ts";

/** An address: sign-extended if only bit 47 is set, refused if it is not canonical then. */
function extended(address: bigint): bigint {
  if (address < 0n || address >= END) return refuse();
  if (address >= HALF && address < 2n * HALF) return address + END - 2n * HALF;
  return isCanonical(address) ? address : refuse();
}

/** Says what the rules of v0.10 make of a file. */
export function model010(input: ModelInput): Accepted | Unsettled {
  const { file, kernelOffset } = input;
  const length = BigInt(file.length);
  const ehdr = originalHeader(file);
  checkEhdr(ehdr, length);
  if (input.kernelBase !== undefined) return ehdr.type === 3 ? { outcome: "unsettled" } : refuse();
  if (ehdr.phnum > 0 && (ehdr.phoff === 0n || ehdr.phentsize === 0)) refuse();
  const phdrs = originalPhdrs(file, ehdr);
  const space = new Space(input);
  let tls: Accepted["tls"];
  for (const phdr of phdrs) {
    if (!isSound(phdr, ehdr, length)) refuse();
    const { type, vaddr, offset, filesz, memsz } = phdr;
    if (type === 7) {
      if (tls) refuse();
      tls = { start: vaddr, filesz, memsz };
    }
    if (type !== 1) continue;
    const start = extended(vaddr);
    const flags = leafFlags(phdr.flags);
    for (const [frame, page] of fileFrames(kernelOffset, offset, filesz)) {
      space.map(extended(pageOf(start) + page), frame, flags);
    }
    if (memsz > filesz) zeroRest(space, start, phdr, flags);
  }
  const used = new Set([0]);
  for (const { vaddr, memsz } of phdrs) {
    const first = extended(vaddr);
    const last = extended(first + memsz);
    for (let index = entryOf(first); index <= entryOf(last); index++) used.add(index);
  }
  return {
    outcome: "accepted",
    pages: space.pages(),
    entry: extended(ehdr.entry),
    offset: 0n,
    ...(tls ? { tls } : {}),
    used,
    frames: space.frames,
    exactFrames: true,
    maybe: new Set(),
  };
}

function zeroRest(
  space: Space,
  start: bigint,
  { offset, filesz, memsz }: { readonly offset: bigint; readonly filesz: bigint; readonly memsz: bigint },
  flags: bigint,
): void {
  const { kernelOffset, memoryBase, memoryEnd } = space.input;
  if (memoryEnd !== undefined && memsz - filesz > memoryEnd - memoryBase) refuse(); // it cannot have that many frames
  const zeroStart = extended(start + filesz);
  const end = extended(start + memsz);
  const within = zeroStart % PAGE;
  if (within > 0n) {
    const source = pageOf(kernelOffset + offset + filesz - 1n);
    if (source < memoryBase) refuse();
    const copy = space.take();
    space.contents.get(copy)?.set(space.bytes(source).subarray(0, Number(within)));
    const page = pageOf(extended(zeroStart - 1n));
    if (!space.leaves.get(page)) refuse();
    space.leaves.set(page, 0n);
    space.map(page, copy, flags);
  }
  let at = within > 0n ? extended(pageOf(zeroStart) + PAGE) : zeroStart;
  while (at <= pageOf(end)) {
    const next = extended(at + PAGE);
    const frame = space.take();
    space.map(at, frame, flags);
    at = next;
  }
}
