/** What stages read and add, watched over every file there is, against what they say. */

import { assert, assertEquals } from "@std/assert";
import { LoadError } from "../../../core/errors.ts";
import { type Pipeline, pipeline } from "../../../core/pipeline/pipeline.ts";
import type { Stage } from "../../../core/pipeline/stage.ts";
import type { AnyPlugin } from "../../../core/plugin/plugin.ts";
import { RULES, type RuleSetName } from "../../../core/rules.ts";
import { defaultPipeline } from "../../../core/stages/default_pipeline.ts";
import { loadKernel } from "../../../mod.ts";
import { relocate } from "../../../plugins/relocate.ts";
import { sections } from "../../../plugins/sections.ts";
import { answeredFiles, readOriginal } from "../../original.ts";

/** The names that a stage has read, and those that it returned. */
interface Watched {
  readonly stage: Stage;
  readonly read: Set<string>;
  readonly added: Set<string>;
}

/** What a stage needs as part of another stage's additions, and does not read. */
const COMES_ALONG: Readonly<Record<string, readonly string[]>> = {
  sections: ["keepUntil"], // find-sections adds it next to what sections needs of it
};

/** The same stage, watched. */
function watch(stage: Stage): Watched {
  const [read, added] = [new Set<string>(), new Set<string>()];
  const watched = (context: object): never =>
    new Proxy(context, {
      get: (target, name) => (read.add(String(name)), Reflect.get(target, name)),
      has: (target, name) => (read.add(String(name)), Reflect.has(target, name)),
      ownKeys: () => {
        throw new Error(`${stage.name} lists its context`);
      },
    }) as never;
  const note = async (result: unknown): Promise<unknown> => {
    const additions = await result;
    for (const name of Object.keys(additions ?? {})) added.add(name);
    return additions;
  };
  return {
    stage: "segment" in stage
      ? { ...stage, segment: (segment, context) => note(stage.segment(segment, watched(context))) }
      : { ...stage, run: (context) => note(stage.run(watched(context))) },
    read,
    added,
  };
}

function watchPlugin(plugin: AnyPlugin): { readonly plugin: AnyPlugin; readonly watched: readonly Watched[] } {
  const placed = (plugin.stages ?? []).map((one) => ({ one, watched: watch(one.stage) }));
  const stages = placed.map(({ one, watched: { stage } }) => ({ ...one, stage }));
  return { plugin: { ...plugin, stages }, watched: placed.map(({ watched }) => watched) };
}

Deno.test("stages read what they say they need and nothing else, and add nothing but what they say", async () => {
  const builtIn = defaultPipeline.stages.map(watch);
  const plugins = [relocate(), sections({ select: ({ name }) => name !== "" })].map(watchPlugin);
  const watched: Pipeline = pipeline(...builtIn.map(({ stage }) => stage));
  const files = [
    ...answeredFiles().map(({ name }) => readOriginal(name)),
    ...["hello", "hello-pie"].map((name) => {
      return Deno.readFileSync(new URL(`../../../examples/hello/${name}.elf`, import.meta.url));
    }),
  ];
  let loaded = 0;
  for (const rules of Object.keys(RULES) as readonly RuleSetName[]) {
    for (const file of files) {
      for (const used of [[], plugins.map(({ plugin }) => plugin)]) {
        const load = loadKernel(file, { rules, pipeline: watched, plugins: used });
        await load.then(() => loaded++, (error: unknown) => assert(error instanceof LoadError, String(error)));
      }
    }
  }
  assert(loaded > 1000, `${loaded} files loaded`);
  const all = [...builtIn, ...plugins.flatMap((plugin) => plugin.watched)];
  assertEquals(all.map(({ stage }) => stage.name), [
    ...["parse", "sanity-check", "map-load", "bss-fixup", "tls-extract", "l4-usage"],
    ...["place", "find-sections", "sections"],
  ]);
  for (const { stage: { name, needs, adds }, read, added } of all) {
    const needed = needs.map((need) => need.replace(/\?$/, "")).filter((need) => !COMES_ALONG[name]?.includes(need));
    assertEquals([...read].sort(), needed.sort(), `what ${name} reads`);
    assertEquals([...added].sort(), [...adds].sort(), `what ${name} adds`);
  }
});
