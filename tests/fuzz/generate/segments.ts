/** Layouts of PT_LOAD segments, as linkers and careless scripts make them. */

import type { RuleSetName } from "../../../mod.ts";
import type { Random } from "../random.ts";
import type { HeaderSpec } from "./spec.ts";

const PAGE = 4096n;

/** Where fixed kernels are linked: low, at edges of tables and halves, and in the higher half. */
const FIXED: readonly bigint[] = [
  ...[0x40_0000n, 0x40_0000n, 0x1000n, 0x20_0000n, 0x3fff_e000n, 0x7f_ffff_c000n],
  ...[0xffff_ffff_8000_0000n, 0xffff_ffff_8000_0000n, 0xffff_8000_0000_0000n, 0xffff_ffff_ffff_0000n],
  ...[0x7fff_fff0_0000n, 0x7fff_ffff_8000n, 0xffff_ff7f_ffff_d000n],
];

const MOVABLE: readonly bigint[] = [0n, 0n, 0n, 0x1000n, 0x20_0000n, 0x12_3000n, 0x40_0000n, 0xffff_ffff_8000_0000n];

/** Where blobs may lie in a file: after the file header and 24 program headers. */
export const HEADERS_END = 0x600;

/** How segments follow each other in the file and in memory. */
const STYLES = ["separate", "separate", "dense", "dense", "merged", "misaligned", "overlapping", "wild"] as const;

/** Creates the PT_LOAD headers of a file. */
export function loadHeaders(random: Random, movable: boolean, rules: RuleSetName): HeaderSpec[] {
  const style = random.pick(STYLES);
  const count = random.weighted([[3, 1], [4, 2], [4, 3], [2, 4], [1, 1 + random.below(12)], [0.05, 200]]);
  const headers: HeaderSpec[] = [];
  let vaddr: bigint = random.pick(movable ? MOVABLE : FIXED);
  let offset: bigint = random.pick([0n, 0n, 0x1000n, 0x1000n, 0x600n]);
  if (style !== "misaligned") vaddr += offset % PAGE;
  for (let index = 0; index < count; index++) {
    const filesz = fileSize(random);
    const bss = bssSize(random, vaddr + filesz, rules);
    const shift = style === "misaligned" || (style === "wild" && random.chance(0.4)) ? BigInt(random.below(4096)) : 0n;
    const again = style === "overlapping" && random.chance(0.5);
    const start = again ? BigInt(random.below(3)) * PAGE + vaddr % PAGE : offset + shift;
    const memsz = filesz + bss;
    headers.push({
      type: 1,
      flags: random.weighted([[3, 5], [4, 6], [2, 4], [1, random.below(8)]]),
      offset: start,
      vaddr,
      paddr: random.weighted([[4, vaddr], [1, 0n], [1, 0x20_0000n + BigInt(index) * 0x1_0000n]]),
      filesz,
      memsz,
      align: alignmentOf(random, vaddr, start),
    });
    const fileEnd = start + filesz > offset + filesz ? start + filesz : offset + filesz;
    vaddr = nextAddress(random, style, vaddr + memsz);
    offset = nextOffset(random, style, fileEnd, vaddr);
    if (vaddr >= 1n << 64n) break;
  }
  if (random.chance(0.1)) headers.reverse();
  return headers;
}

function fileSize(random: Random): bigint {
  return random.weighted([
    [1, 0n],
    [1, BigInt(1 + random.below(16))],
    [1, random.pick([0xfffn, 0x1000n, 0x1001n, 0x2000n])],
    [4, BigInt(random.below(0x1000))],
    [4, BigInt(0x400 + random.below(0x3000))],
  ]);
}

function bssSize(random: Random, end: bigint, rules: RuleSetName): bigint {
  const toPage = (PAGE - end % PAGE) % PAGE;
  return random.weighted([
    [5, 0n],
    [2, BigInt(1 + random.below(64))],
    [2, BigInt(random.below(0x4000))],
    [rules === "bootloader-0.10" ? 0.3 : 1, toPage],
    [0.5, toPage + PAGE],
    [0.15, BigInt(random.below(0x4_0000))],
  ]);
}

/** The largest power of two that both are congruent to, or another alignment. */
function alignmentOf(random: Random, vaddr: bigint, offset: bigint): bigint {
  const difference = vaddr > offset ? vaddr - offset : offset - vaddr;
  const fits = difference === 0n ? 0x20_0000n : difference & -difference;
  const usual = fits >= PAGE ? PAGE : fits;
  return random.weighted([[12, usual], [1, fits > 1n << 30n ? 1n << 30n : fits], [1, 0n], [1, 1n], [0.3, PAGE]]);
}

type Style = (typeof STYLES)[number];

function nextAddress(random: Random, style: Style, end: bigint): bigint {
  const page = (end + PAGE - 1n) / PAGE * PAGE;
  if (random.chance(0.06)) return page + random.pick([0x20_0000n, 0x4000_0000n, 0x80_0000_0000n]);
  if (style === "merged") return end + BigInt(random.below(64));
  if (style === "dense") return page + BigInt(random.below(4096));
  if (style === "wild") return page + BigInt(random.below(3)) * PAGE + BigInt(random.below(2) * random.below(4096));
  return page + BigInt(random.below(2)) * PAGE;
}

/** The next file offset, congruent to the address. In "dense" files, segments share pages of the file. */
function nextOffset(random: Random, style: Style, end: bigint, vaddr: bigint): bigint {
  const from = style === "separate" ? (end + PAGE - 1n) / PAGE * PAGE : end + BigInt(random.below(64));
  return from + ((vaddr - from) % PAGE + PAGE) % PAGE;
}
