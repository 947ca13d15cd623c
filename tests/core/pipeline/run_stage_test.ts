import { assertStrictEquals, assertThrows } from "@std/assert";
import { checkAdded } from "../../../core/pipeline/run_stage.ts";
import type { Stage } from "../../../core/pipeline/stage.ts";
import { imageStage, segmentStage } from "../../../core/pipeline/stage.ts";
import { loadKernel } from "../../../mod.ts";
import { defaultPipeline, pipeline } from "../../../core/stages/mod.ts";
import { buildElf } from "../../elf_builder.ts";

const STAGE: Stage = { name: "own", needs: [], adds: ["a", "b"], run: () => ({}) };

Deno.test("checkAdded() passes what a stage says it adds, and gives undefined if there is nothing in it", () => {
  for (const added of [{ a: 1 }, { a: undefined, b: 2 }]) assertStrictEquals(checkAdded(STAGE, added), added);
  for (const nothing of [undefined, null, {}]) assertStrictEquals(checkAdded(STAGE, nothing), undefined);
});

Deno.test("checkAdded() refuses what is not an object, and names that the stage does not say", () => {
  for (const odd of [1, "a", true]) {
    assertThrows(() => checkAdded(STAGE, odd), TypeError, 'stage "own" returned: it is not');
  }
  assertThrows(() => checkAdded(STAGE, { a: 1, c: 2 }), TypeError, 'its adds do not include "c"');
});

Deno.test("a stage that adds what it does not say ends the load with a TypeError", async () => {
  const file = buildElf({ segments: [{ filesz: 0x100 }] });
  const image = { ...imageStage("own", { needs: [] }, () => ({})), run: () => ({ segments: [] }) };
  const segment = { ...segmentStage("own", { needs: [] }, () => ({})), segment: () => ({ keptBytes: 0 }) };
  for (const [stage, name] of [[image, "segments"], [segment, "keptBytes"]] as const) {
    const own = pipeline(...defaultPipeline.stages as readonly Stage[]).after("sanity-check", stage);
    const error = await loadKernel(file, { pipeline: own }).then(() => undefined, (reason: unknown) => reason);
    assertThrows(
      () => {
        throw error;
      },
      TypeError,
      `its adds do not include "${name}"`,
    );
  }
});
