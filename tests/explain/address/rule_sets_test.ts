/** Why bytes are there under every rule set, for the files that have answers of the original. */

import { assert, assertEquals, assertObjectMatch } from "@std/assert";
import fc from "fast-check";
import { type AnyPlugin, type FrameAllocator, type LoadedKernel, LoadError, loadKernel } from "../../../mod.ts";
import { addressExplainer } from "../../../explain/address/explain_address.ts";
import { relocate } from "../../../plugins/relocate.ts";
import { presets } from "../../../plugins/presets.ts";
import { answeredFiles, readOriginal } from "../../original.ts";
import { buildElf, type SegmentSpec } from "../../elf_builder.ts";
import { layoutFile, layouts } from "../../core/kernel_layouts.ts";
import { checkClaims, claimAddresses } from "./checked_claims.ts";

/** The most pages of a run to look at: some of the files have a bss of many. */
const MOST_PAGES = 3;

/** Its relocations change the relocation table itself, so that a later entry is not the one in the file. */
const PATCHED = "x-reloc-table-patched.elf";

/** The reasons that files of the corpus have under every rule set, and those that only some have. */
const ALWAYS: readonly string[] = ["mapped", "copied", "loaded", "zeroed", "outside", "write-execute", "tls"];
const QUIRKS: Readonly<Record<string, readonly string[]>> = {
  "default": ["relocated", "sealed", "unsealed", "changed"],
  "bootloader-0.10": ["misplaced", "replaced", "denied"],
  "bootloader-0.11": ["misplaced", "relocated", "sealed", "denied", "marked", "changed"],
};

for (const [name, preset] of Object.entries(presets)) {
  Deno.test(`every claim about the files of the original holds under the rules ${name}`, async () => {
    const seen = new Set<string>();
    let loaded = 0;
    for (const { name: path } of answeredFiles()) {
      const file = readOriginal(path);
      const kernel = await loadKernel(file, { ...preset, maxMemory: 2 ** 28 }).catch((error) => {
        if (error instanceof LoadError) return undefined;
        throw error;
      }) as LoadedKernel<readonly AnyPlugin[]> | undefined;
      if (!kernel || kernel.fileHeader.EI_CLASS !== 2) continue;
      loaded++;
      const explain = addressExplainer(kernel, { file });
      for (const address of claimAddresses(kernel, file, MOST_PAGES)) {
        const explanation = explain(address);
        try {
          checkClaims(kernel, file, explanation);
        } catch (error) {
          throw new Error(path, { cause: error });
        }
        for (const { kind } of explanation.why) {
          seen.add(kind);
          assert(kind !== "changed" || path === PATCHED, path); // nothing else writes what is not explained
        }
      }
    }
    assert(loaded > 50, `${loaded} files`);
    const missing = [...ALWAYS, ...QUIRKS[name]].filter((kind) => !seen.has(kind));
    assertEquals(missing, []);
  });
}

/** Kernels that the corpus has none of, with what is to be said of some of their bytes. */
const ODD: readonly {
  readonly what: string;
  readonly segments: readonly SegmentSpec[];
  readonly reasons: Readonly<Record<string, readonly object[]>>;
}[] = [
  {
    what: "a segment without bytes whose offset is inside a page",
    segments: [
      { filesz: 0x100, offset: 0x1000 },
      { filesz: 0, p_memsz: 0n, p_vaddr: 0x50_0010n, offset: 0x1010, p_align: 1n },
    ],
    reasons: {
      "0x500000": [{ kind: "outside", index: 1, side: "before", distance: 16, content: "file", fileOffset: 0x1000 }],
      "0x500010": [{ kind: "outside", index: 1, side: "after", distance: 1, content: "file", fileOffset: 0x1010 }],
    },
  },
  {
    what: "a bss that begins in the bss of another segment",
    segments: [
      { filesz: 0x100, offset: 0x1000, p_memsz: 0x1100n, p_flags: 6 },
      { filesz: 0, p_memsz: 0x100n, p_vaddr: 0x40_1800n, offset: 0x2000, p_align: 1n },
    ],
    reasons: {
      "0x401010": [
        { kind: "copied", index: 1, because: "bss", others: [] },
        { kind: "zeroed", index: 0, part: "page" },
      ],
      "0x401810": [
        { kind: "copied", index: 1, because: "bss", others: [] },
        { kind: "zeroed", index: 1, part: "page" },
      ],
    },
  },
];

for (const { what, segments, reasons } of ODD) {
  Deno.test(`under the rules bootloader-0.11, claims hold of ${what}`, async () => {
    const file = buildElf({ segments, length: 0x4000 });
    const kernel: LoadedKernel<readonly AnyPlugin[]> = await loadKernel<readonly AnyPlugin[]>(
      file,
      presets["bootloader-0.11"],
    );
    const explain = addressExplainer(kernel, { file });
    for (const address of claimAddresses(kernel, file, MOST_PAGES)) checkClaims(kernel, file, explain(address));
    for (const [address, expected] of Object.entries(reasons)) {
      const found = explain(BigInt(address)).why.slice(0, expected.length);
      for (const [at, reason] of found.entries()) assertObjectMatch(reason, expected[at] as Record<string, unknown>);
      assertEquals(found.length, expected.length);
    }
  });
}

for (const [name, preset] of Object.entries(presets)) {
  Deno.test(`every claim about kernels with any segments holds under the rules ${name}`, async () => {
    let loaded = 0;
    await fc.assert(
      fc.asyncProperty(layouts, async (segments) => {
        const file = layoutFile(segments);
        let kernel: LoadedKernel<readonly AnyPlugin[]>;
        try {
          kernel = await loadKernel<readonly AnyPlugin[]>(file, preset);
        } catch (error) {
          if (error instanceof LoadError) return;
          throw error;
        }
        loaded++;
        const explain = addressExplainer(kernel, { file });
        for (const address of claimAddresses(kernel, file, MOST_PAGES)) checkClaims(kernel, file, explain(address));
      }),
      { numRuns: 100 },
    );
    assert(loaded > 10, `${loaded} kernels`);
  });
}

for (const rules of ["default", "bootloader-0.10", "bootloader-0.11"] as const) {
  Deno.test(`claims hold under the rules ${rules} with any plugins, memory, base and frames`, async () => {
    const seen = new Set<string>();
    for (const name of ["hello.elf", "hello-pie.elf"]) {
      const file = await Deno.readFile(new URL(`../../../examples/hello/${name}`, import.meta.url));
      const end = 0x100_0000;
      for (const plugins of [[], [relocate()], presets.default.plugins]) {
        for (const kernelBase of name === "hello.elf" ? [undefined] : [undefined, 0x7f80_0000_0000n]) {
          for (const how of ["own", "given", "scattered"]) {
            const kernel: LoadedKernel<readonly AnyPlugin[]> = await loadKernel<readonly AnyPlugin[]>(file, {
              rules,
              plugins,
              kernelBase,
              ...(how === "own" ? {} : { memory: { base: 0x10_0000, size: 0xf0_0000 }, level4Frame: 0x10_0000 }),
              ...(how === "scattered" ? { frames: descendingFrames(end), kernelOffset: 0x20_0000 } : {}),
            });
            const explain = addressExplainer(kernel, { file });
            for (const address of claimAddresses(kernel, file, MOST_PAGES)) {
              const explanation = explain(address);
              checkClaims(kernel, file, explanation);
              for (const { kind } of explanation.why) seen.add(kind);
            }
          }
        }
      }
    }
    assertEquals(seen.has("changed"), false);
    assert(seen.has("sealed") && seen.has("copied"));
  });
}

/** Frames from the end of memory down, each with a gap. */
function descendingFrames(end: number): FrameAllocator {
  let next = end;
  let allocated = 0;
  return {
    allocateFrame: () => {
      next -= 0x2000;
      allocated++;
      return next;
    },
    get nextFrame() {
      return next - 0x2000;
    },
    get framesAllocated() {
      return allocated;
    },
  };
}
