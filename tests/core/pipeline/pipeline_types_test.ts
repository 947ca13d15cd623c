/** What the compiler knows of pipelines and their results; what it refuses is in wrong_pipelines_test.ts. */

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { loadKernel } from "../../../mod.ts";
import {
  type Context,
  defaultPipeline,
  imageStage,
  parse,
  type Pipeline,
  pipeline,
  segmentStage,
  type Stage,
} from "../../../core/stages/mod.ts";
import type { UsedLevel4Entries } from "../../../core/paging/mod.ts";
import { buildElf } from "../../elf_builder.ts";

/** Compiles only if the two types are one. */
function isType<T>() {
  return <U>(_value: U, ..._same: [T] extends [U] ? [U] extends [T] ? [] : [never] : [never]): void => {};
}

const FILE = buildElf({ segments: [{ filesz: 0x100 }] });

const countLoads = imageStage("count-loads", { needs: ["segments"], adds: ["loads"] }, (context) => {
  isType<{ readonly segments: Context["segments"] }>()(context);
  return { loads: context.segments.filter(({ load }) => load).length };
});

const readLoads = segmentStage(
  "read-loads",
  { needs: ["entryPoint", countLoads, "tlsTemplate?", "seen?"], adds: ["seen"] },
  (_segment, context) => {
    isType<number>()(context.loads);
    isType<bigint>()(context.entryPoint);
    isType<Context["tlsTemplate"] | undefined>()(context.tlsTemplate);
    isType<unknown>()(context.seen);
    // @ts-expect-error: it does not say that it needs them
    void context.rules;
    return { seen: context.loads };
  },
);

Deno.test("a custom stage reads what it names and adds a typed result", async () => {
  const own = defaultPipeline.after("sanity-check", countLoads).before("bss-fixup", readLoads);
  const kernel = await loadKernel(FILE, { pipeline: own });
  isType<number>()(kernel.results["count-loads"].loads);
  isType<number | undefined>()(kernel.results["read-loads"].seen);
  assertEquals(kernel.results, { "count-loads": { loads: 1 }, "read-loads": { seen: 1 } });
  // @ts-expect-error: stages of the default pipeline have fields of their own
  assertEquals(kernel.results["parse"], undefined);
});

Deno.test("a stage that returns another type than the context has does not compile", () => {
  // @ts-expect-error: entryPoint is a bigint
  imageStage("wrong", { needs: [], adds: ["entryPoint"] }, () => ({ entryPoint: 1 }));
  // @ts-expect-error: it says that it adds pages
  imageStage("wrong", { needs: [], adds: ["pages"] }, () => ({}));
  // @ts-expect-error: there is no such name in the context
  imageStage("wrong", { needs: ["segmens"] }, () => ({}));
});

Deno.test("a key that is not in adds does not compile, and is refused at a load if the compiler does not know it", async () => {
  // @ts-expect-error: y is not in adds
  imageStage("wrong", { needs: [] }, () => ({ y: 1 }));
  // @ts-expect-error: y is not in adds
  imageStage("wrong", { needs: [], adds: ["z"] }, async () => (await Promise.resolve(), { y: 1, z: 1 }));
  // @ts-expect-error: y is not in adds
  segmentStage("wrong", { needs: [], adds: ["z"] }, ({ index }) => index > 0 ? { y: 1 } : { z: 1 });
  const unknownKeys = (): Record<string, unknown> => ({ y: 1 });
  const own = segmentStage("own", { needs: [], adds: ["z"] }, unknownKeys);
  await assertRejects(() => loadKernel(FILE, { pipeline: defaultPipeline.after("map-load", own) }), TypeError, '"y"');
});

Deno.test("what a stage returns in several ways, now or later, has one type", () => {
  const now = segmentStage("now", { needs: [], adds: ["z"] }, ({ index }) => index > 0 ? {} : { z: index });
  const later = segmentStage("later", { needs: [], adds: ["z"] }, async ({ index }) => {
    await Promise.resolve();
    if (index > 0) return {};
    return { z: index };
  });
  isType<typeof now.segment>()(later.segment);
  const either = (): { readonly z: number } | Promise<{ readonly z: number }> => ({ z: 1 });
  const twice = imageStage("twice", { needs: [imageStage("either", { needs: [], adds: ["z"] }, either)] }, ({ z }) => {
    isType<number>()(z);
    return {};
  });
  assertEquals(twice.needs, ["z"]);
});

Deno.test("a name that is not in the pipeline does not compile, and is refused", () => {
  // @ts-expect-error: no such stage
  assertThrows(() => defaultPipeline.without("map-lode"), TypeError, '"map-lode"');
});

Deno.test("a field of the kernel is undefined only if its stage is left out", async () => {
  const whole = await loadKernel(FILE);
  isType<UsedLevel4Entries>()(whole.usedLevel4Entries);
  const bare = await loadKernel(FILE, { pipeline: defaultPipeline.without("l4-usage").without("tls-extract") });
  isType<undefined>()(bare.usedLevel4Entries);
  assertEquals(bare.usedLevel4Entries, undefined);
});

Deno.test("a stage that stands in for another may need less and add more", async () => {
  const eager = imageStage(
    "eager-parse",
    { needs: ["rules", "settings", "intake", "pause"], adds: ["fileHeader", "programHeaders", "eager"] },
    async (context) => ({ ...await parse.run(context), eager: true as const }),
  );
  const kernel = await loadKernel(FILE, { pipeline: defaultPipeline.replace("parse", eager) });
  isType<true>()(kernel.results["eager-parse"].eager);
  assertEquals(kernel.results["eager-parse"].eager, true);
});

Deno.test("a stage can be written where it is put, with or without imageStage()", async () => {
  const kernel = await loadKernel(FILE, {
    pipeline: defaultPipeline
      .after(
        "parse",
        imageStage("count", { needs: ["programHeaders"], adds: ["count"] }, ({ programHeaders }) => {
          return { count: programHeaders.length };
        }),
      )
      .after("l4-usage", { name: "plain", needs: [], adds: ["plain"], run: () => ({ plain: true }) }),
  });
  isType<number>()(kernel.results.count.count);
  assertEquals<unknown>(kernel.results, { count: { count: 1 }, plain: { plain: true } });
});

Deno.test("a pipeline whose stages the compiler does not know is checked at run time", async () => {
  const known: readonly Stage[] = defaultPipeline.stages;
  const kernel = await loadKernel(FILE, { pipeline: pipeline(...known) });
  assertEquals(kernel.results, {});
  assertThrows(() => pipeline(...known.toReversed()), TypeError);
  await assertRejects(() => loadKernel(FILE, { pipeline: pipeline(...known.slice(0, 2)) }), TypeError, "load nothing");
});

Deno.test("a pipeline of known stages can be used where one of any stages can", () => {
  const namesOf = (any: Pipeline): readonly string[] => any.stages.map(({ name }) => name);
  assertEquals(namesOf(defaultPipeline.without("l4-usage")).length, 5);
  assertEquals(namesOf(pipeline()), []);
});

Deno.test("a stage that always throws is a stage", () => {
  const fails = imageStage("fails", { needs: [] }, () => Promise.reject(new Error()));
  assertEquals(defaultPipeline.before("parse", fails).stages[0], fails);
});
