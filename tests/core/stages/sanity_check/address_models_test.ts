/** Segments at every edge of the address space, against the slow models of the rule sets. */

import { assertEquals } from "@std/assert";
import { LoadError, loadKernel, type RuleSetName } from "../../../../mod.ts";
import { buildElf } from "../../../elf_builder.ts";
import { model010 } from "../../../fuzz/model/rules_0_10.ts";
import { model011 } from "../../../fuzz/model/rules_0_11.ts";
import { type ModelInput, type Verdict, verdictOf } from "../../../fuzz/model/verdict.ts";

const BASE = 0x1000_0000;
const SIZE = 2 ** 20;
const HALF = 1n << 47n;
const END = 1n << 64n;
const LENGTH = 0x8000;

/** Where segments start or end, and how far from there. */
const EDGES = [0n, HALF, 2n * HALF, END - HALF, END];
const DELTAS = [-0x2001n, -0x2000n, -0x1fffn, -0x1001n, -0x1000n, -0xfffn, -1n, 0n, 1n, 0xfffn, 0x1000n];
const FILE_SIZES = [0, 1, 0xfff, 0x1000, 0x1001];
const BSS_SIZES = [0n, 1n, 0xfffn, 0x1000n, 0x1001n, 0x2000n];

interface Case {
  readonly vaddr: bigint;
  readonly filesz: number;
  readonly memsz: bigint;
}

function* cases(): Generator<Case> {
  for (const edge of EDGES) {
    for (const delta of DELTAS) {
      for (const filesz of FILE_SIZES) {
        for (const bss of BSS_SIZES) {
          const vaddr = edge + delta;
          if (vaddr >= 0n && vaddr < END) yield { vaddr, filesz, memsz: BigInt(filesz) + bss };
        }
      }
    }
  }
}

/** What the default rules say: each address of the segment is canonical and in the same half. */
function isInOneHalf({ vaddr, memsz }: Case): boolean {
  const last = vaddr + memsz - 1n;
  return (vaddr < HALF && last < HALF) || (vaddr >= END - HALF && last < END);
}

function verdict(rules: RuleSetName, file: Uint8Array, one: Case): { readonly pages?: readonly bigint[] } {
  if (rules === "default") {
    if (one.memsz === 0n) return { pages: [] }; // no address of it is used
    if (!isInOneHalf(one)) return {};
    const [first, last] = [one.vaddr >> 12n, (one.vaddr + one.memsz - 1n) >> 12n];
    return { pages: Array.from({ length: Number(last - first) + 1 }, (_, at) => (first + BigInt(at)) << 12n) };
  }
  let next = BigInt(BASE + 0x1000 + LENGTH);
  const input: ModelInput = {
    file,
    plugins: new Set(),
    maxMemory: 1n << 32n,
    kernelOffset: BigInt(BASE + 0x1000),
    memoryBase: BigInt(BASE),
    memoryEnd: BigInt(BASE + SIZE),
    level4Frame: BigInt(BASE),
    takeFrame: () => (next += 0x1000n) - 0x1000n,
    before: () => new Uint8Array(4096),
  };
  const found: Verdict = verdictOf(() => rules === "bootloader-0.10" ? model010(input) : model011(input));
  return found.outcome === "accepted" ? { pages: [...found.pages.keys()].sort((a, b) => a < b ? -1 : 1) } : {};
}

for (const rules of ["default", "bootloader-0.10", "bootloader-0.11"] as const) {
  Deno.test(`segments at the edges of the address space: ${rules} maps and refuses what its model does`, async () => {
    let accepted = 0;
    let refused = 0;
    for (const one of cases()) {
      const { vaddr: p_vaddr, filesz, memsz: p_memsz } = one;
      // Offset and address are the same within a page, and a second header is what the kernel is entered in.
      const offset = 0x2000 + Number(p_vaddr % 0x1000n);
      const file = buildElf({
        header: { e_entry: 0x40_0000n },
        segments: [
          { offset: 0x1000, p_vaddr: 0x40_0000n, filesz: 0x1000 },
          { offset, p_vaddr, filesz, p_memsz, p_align: 1n, p_flags: 6 },
        ],
        length: LENGTH,
      });
      const layout = { memory: { base: BASE, size: SIZE }, kernelOffset: BASE + 0x1000, level4Frame: BASE };
      const what = `p_vaddr 0x${p_vaddr.toString(16)}, p_filesz 0x${filesz.toString(16)}, p_memsz 0x${
        p_memsz.toString(16)
      }`;
      const expected = verdict(rules, file, one).pages?.filter((page) => rules === "default" || page !== 0x40_0000n);
      try {
        const kernel = await loadKernel(file, { rules, ...layout });
        const pages = [...kernel.pageTable.leaves()].map(({ virt }) => virt).filter((virt) => virt !== 0x40_0000n);
        assertEquals(pages, expected, what);
        accepted++;
      } catch (error) {
        if (!(error instanceof LoadError)) throw error;
        assertEquals(expected, undefined, `${what}: ${error.message}`);
        refused++;
      }
    }
    assertEquals([accepted > 300, refused > 300], [true, true], `${accepted} accepted, ${refused} refused`);
  });
}
