/** What a load makes of its options and of what it is given to run; options that are refused are in settings_test.ts. */

import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import type { Pipeline } from "../../core/pipeline/pipeline.ts";
import { imageStage, type Stage } from "../../core/pipeline/stage.ts";
import { defaultPipeline, mapLoad, parse, sanityCheck } from "../../core/stages/mod.ts";
import { type AnyPlugin, LoadError, loadKernel } from "../../mod.ts";
import { buildElf } from "../elf_builder.ts";

const FILE = buildElf({ segments: [{ filesz: 0x100 }] });

/** Every way to read from it throws: what is wrong is refused before the first byte. */
const UNTOUCHED = {
  read: (): never => {
    throw new Error("the source was read");
  },
};

Deno.test("a list of stages that no pipeline() has seen is checked before any byte is read", async () => {
  const lists: readonly (readonly [stages: readonly Stage[], message: string])[] = [
    [[mapLoad, parse, sanityCheck], 'Cannot run stage "map-load": it needs "segments"'],
    [[parse, parse, sanityCheck, mapLoad], 'it has two stages named "parse"'],
    [[], "no stages load nothing"],
  ];
  for (const [stages, message] of lists) {
    await assertRejects(() => loadKernel(UNTOUCHED, { pipeline: { stages } as Pipeline }), TypeError, message);
  }
});

Deno.test("stages of plugins in the wrong order are refused before any byte is read", async () => {
  const needsMemory = imageStage("own", { needs: ["addressSpace"] }, () => ({}));
  const plugins: readonly AnyPlugin[] = [{ name: "mine", stages: [{ after: "parse", stage: needsMemory }] }];
  const message = 'Cannot run stage "own": it needs "addressSpace", which no stage before it adds';
  await assertRejects(() => loadKernel(UNTOUCHED, { plugins }), TypeError, message);
});

Deno.test("results have what custom stages added and plugins found, and nothing of built-in stages", async () => {
  const count = imageStage(
    "count",
    { needs: ["segments"], adds: ["loads"] },
    ({ segments }) => ({ loads: segments.length }),
  );
  const { results } = await loadKernel(FILE, { pipeline: defaultPipeline.after("sanity-check", count) });
  assertEquals(results, { count: { loads: 1 } });
  assertEquals((await loadKernel(FILE)).results, {});
});

Deno.test("the source is cancelled with the error that the load rejects with", async () => {
  const reasons: unknown[] = [];
  const stream = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(64)),
    cancel: (reason) => void reasons.push(reason),
  });
  const error = await assertRejects(() => loadKernel(stream), LoadError);
  assertEquals([error.code, reasons.length], ["not-elf", 1]);
  assertStrictEquals(reasons[0], error);
});
