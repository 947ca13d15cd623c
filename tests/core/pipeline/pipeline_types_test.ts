/** What the compiler knows of pipelines: this file compiles only where it accepts the right ones and refuses the others. */

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { loadKernel } from "../../../mod.ts";
import {
  type Base,
  bssFixup,
  type Checked,
  defaultPipeline,
  type ImageStage,
  l4Usage,
  mapLoad,
  parse,
  pipeline,
  sanityCheck,
  type SegmentStage,
  type Stage,
  tlsExtract,
} from "../../../core/stages/mod.ts";
import type { UsedLevel4Entries } from "../../../core/paging/mod.ts";
import { buildElf } from "../../elf_builder.ts";

/** Compiles only where the two types are one. */
function isType<T>() {
  return <U>(_value: U, ..._same: [T] extends [U] ? [U] extends [T] ? [] : [never] : [never]): void => {};
}

const FILE = buildElf({ segments: [{ filesz: 0x100 }] });

const countLoads: ImageStage<Checked, { readonly loads: number }, "count-loads"> = {
  name: "count-loads",
  needs: ["segments"],
  adds: ["loads"],
  run: ({ segments }) => ({ loads: segments.filter(({ load }) => load).length }),
};

const readLoads: SegmentStage<Checked & { readonly loads: number }, { readonly seen: number }, "read-loads"> = {
  name: "read-loads",
  needs: ["segments", "loads"],
  adds: ["seen"],
  segment: (_phdr, { loads }) => ({ seen: loads }),
};

Deno.test("a stage of one's own adds a typed result", async () => {
  const own = defaultPipeline.after("sanity-check", countLoads).before("bss-fixup", readLoads);
  const kernel = await loadKernel(FILE, { pipeline: own });
  isType<number>()(kernel.results["count-loads"].loads);
  isType<number | undefined>()(kernel.results["read-loads"].seen);
  assertEquals(kernel.results, { "count-loads": { loads: 1 }, "read-loads": { seen: 1 } });
  // @ts-expect-error: stages of the default pipeline have fields of their own
  assertEquals(kernel.results["parse"], undefined);
});

Deno.test("a pipeline in the wrong order does not compile, and is refused", async () => {
  const wrong = pipeline(sanityCheck, parse, mapLoad, bssFixup, tlsExtract, l4Usage);
  // @ts-expect-error: sanity-check needs what parse adds
  await assertRejects(() => loadKernel(FILE, { pipeline: wrong }), TypeError, '"sanity-check": it needs "fileHeader"');

  const early = defaultPipeline.before("sanity-check", countLoads);
  // @ts-expect-error: count-loads needs what sanity-check adds
  await assertRejects(() => loadKernel(FILE, { pipeline: early }), TypeError, '"count-loads": it needs "segments"');

  const missing = defaultPipeline.after("map-load", readLoads);
  // @ts-expect-error: nothing adds "loads"
  await assertRejects(() => loadKernel(FILE, { pipeline: missing }), TypeError, '"read-loads": it needs "loads"');

  const unread = defaultPipeline.without("parse");
  // @ts-expect-error: nothing reads the headers
  await assertRejects(() => loadKernel(FILE, { pipeline: unread }), TypeError, "it needs");

  const empty = pipeline(parse, sanityCheck);
  // @ts-expect-error: nothing is loaded
  await assertRejects(() => loadKernel(FILE, { pipeline: empty }), TypeError, "load nothing");
});

Deno.test("a name that is not in the pipeline does not compile, and is refused", () => {
  // @ts-expect-error: no such stage
  assertThrows(() => defaultPipeline.without("map-lode"), TypeError, '"map-lode"');
});

Deno.test("a field of the kernel is undefined only where its stage is left out", async () => {
  const whole = await loadKernel(FILE);
  isType<UsedLevel4Entries>()(whole.usedLevel4Entries);
  const bare = await loadKernel(FILE, { pipeline: defaultPipeline.without("l4-usage").without("tls-extract") });
  isType<undefined>()(bare.usedLevel4Entries);
  assertEquals(bare.usedLevel4Entries, undefined);
});

Deno.test("a stage that stands in for another may need less and add more", async () => {
  const eager: ImageStage<Base, Awaited<ReturnType<typeof parse.run>> & { readonly eager: true }, "eager-parse"> = {
    name: "eager-parse",
    needs: ["intake"],
    adds: [...parse.adds, "eager"],
    run: async (context) => ({ ...await parse.run(context), eager: true }),
  };
  const kernel = await loadKernel(FILE, { pipeline: defaultPipeline.replace("parse", eager) });
  isType<true>()(kernel.results["eager-parse"].eager);
  assertEquals(kernel.results["eager-parse"].eager, true);
});

Deno.test("a pipeline whose stages the compiler does not know is segments at run time", async () => {
  const known: readonly Stage[] = defaultPipeline.stages;
  const kernel = await loadKernel(FILE, { pipeline: pipeline(...known) });
  assertEquals(kernel.results, {});
  await assertRejects(() => loadKernel(FILE, { pipeline: pipeline(...known.toReversed()) }), TypeError);
});
