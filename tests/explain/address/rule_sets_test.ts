/** Why bytes are there under every rule set, for the files that have answers of the original. */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { type AnyPlugin, type LoadedKernel, LoadError, loadKernel } from "../../../mod.ts";
import { addressExplainer } from "../../../explain/address/explain_address.ts";
import { presets } from "../../../plugins/presets.ts";
import { answeredFiles, readOriginal } from "../../original.ts";
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
