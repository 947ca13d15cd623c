/** Where stages of plugins stand, and which of what they add is a result. */

import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import type { Pipeline } from "../../../core/pipeline/pipeline.ts";
import { imageStage, segmentStage } from "../../../core/pipeline/stage.ts";
import type { AnyPlugin, Plugin } from "../../../core/plugin/plugin.ts";
import type { PluginContext } from "../../../core/plugin/plugin_context.ts";
import { defaultPipeline } from "../../../core/stages/default_pipeline.ts";
import { LoadError, loadKernel } from "../../../mod.ts";
import { A, B, fileWith } from "./plugins.ts";

const FILE = fileWith([A]);

/** A stage that writes its name down. */
const note = <const Name extends string>(name: Name, ran: string[]) => {
  return imageStage(name, { needs: [] }, () => (ran.push(name), {}));
};

Deno.test("stages of plugins stand where they ask to, those at one place in the order of their plugins", async () => {
  const ran: string[] = [];
  const stage = (name: string) => note(name, ran);
  const plugins: readonly AnyPlugin[] = [
    { name: "one", stages: [{ after: "parse", stage: stage("a1") }, { before: "sanity-check", stage: stage("b1") }] },
    { name: "two", stages: [{ after: "parse", stage: stage("a2") }, { before: "sanity-check", stage: stage("b2") }] },
    { name: "three", stages: [{ after: "l4-usage", stage: stage("c1") }, { after: "c1", stage: stage("c2") }] },
    { name: "four", stages: [{ before: "parse", stage: stage("d1") }, { after: "parse", stage: stage("a3") }] },
  ];
  await loadKernel(FILE, { plugins });
  assertEquals(ran, ["d1", "a1", "a2", "a3", "b1", "b2", "c1", "c2"]);
});

Deno.test("a stage may stand after one of a plugin that its own depends on, whichever is given first", async () => {
  const ran: string[] = [];
  const one: AnyPlugin = { name: "one", stages: [{ after: "l4-usage", stage: note("first", ran) }] };
  const two: AnyPlugin = { name: "two", dependsOn: ["one"], stages: [{ after: "first", stage: note("second", ran) }] };
  for (const plugins of [[one, two], [two, one]]) await loadKernel(FILE, { plugins });
  assertEquals(ran, ["first", "second", "first", "second"]);
});

Deno.test("a stage that stands after a plugin's stage runs before the next plugin's at the same place", async () => {
  const ran: string[] = [];
  const plugins: readonly AnyPlugin[] = [
    { name: "one", stages: [{ after: "parse", stage: note("a", ran) }, { after: "a", stage: note("a-next", ran) }] },
    { name: "two", stages: [{ after: "parse", stage: note("b", ran) }] },
  ];
  await loadKernel(FILE, { plugins });
  assertEquals(ran, ["a", "a-next", "b"]);
});

const pages = imageStage("pages", { needs: ["addressSpace"], adds: ["pages"] }, ({ addressSpace }) => {
  return { pages: [...addressSpace.pageTable.leaves()].length };
});

Deno.test("a stage reads what handlers did; what it adds is a result if it bears its plugin's name", async () => {
  const handle = (_: unknown, { addressSpace }: PluginContext) => addressSpace.map(0x1000n, 0, 1n);
  const mapper: Plugin<"mapper"> = { name: "mapper", handlers: [{ type: A, phase: "seal", handle }] };
  const stages = [{ after: "l4-usage", stage: pages }] as const;
  const counter: Plugin<"pages", never, typeof stages> = { name: "pages", stages };
  const { results } = await loadKernel(FILE, { plugins: [mapper, counter] });
  assertEquals<unknown>(results, { pages: { pages: 2 } });
  const count: number = results.pages.pages;
  assertEquals(count, 2);

  const other: Plugin<"other", never, typeof stages> = { name: "other", stages };
  assertEquals((await loadKernel(FILE, { plugins: [other] })).results, {});
});

Deno.test("what a plugin's handlers found and what its own stage added are one result", async () => {
  const stages = [{ after: "l4-usage", stage: pages }] as const;
  const plugin: Plugin<"pages", { readonly seen: number }, typeof stages> = {
    name: "pages",
    handlers: [{ type: A, handle: ({ index }) => ({ seen: index }) }],
    stages,
  };
  assertEquals((await loadKernel(FILE, { plugins: [plugin] })).results.pages, { seen: 0, pages: 1 });
  const { pages: unseen } = (await loadKernel(fileWith([B]), { plugins: [plugin] })).results;
  assertEquals(unseen, { pages: 1 });
  const seen: number | undefined = unseen.seen;
  assertEquals(seen, undefined);
});

Deno.test("what a plugin's stage throws becomes plugin-failed, with its plugin's name; a LoadError passes", async () => {
  const failing = (cause: unknown): AnyPlugin => {
    const stage = segmentStage("own", { needs: [] }, () => Promise.reject(cause));
    return { name: "failing", stages: [{ before: "map-load", stage }] };
  };
  const cause = new Error("out of coffee");
  const error = await assertRejects(() => loadKernel(FILE, { plugins: [failing(cause)] }), LoadError);
  assertEquals([error.code, error.detail], ["plugin-failed", { index: 0, field: "plugin", value: "failing" }]);
  assertStrictEquals(error.cause, cause);
  const refusal = new LoadError("no-load-segment", { field: "e_phnum", value: 7 });
  const passed = await assertRejects(() => loadKernel(FILE, { plugins: [failing(refusal)] }), LoadError);
  assertEquals(passed.code, "no-load-segment");
});

Deno.test("handlers are refused if the pipeline has no segment stage", async () => {
  const source = new Uint8Array();
  const pipeline = { stages: defaultPipeline.stages.slice(0, 2) } as unknown as Pipeline;
  const claims: AnyPlugin = { name: "claims", handlers: [{ type: A, handle: () => undefined }] };
  const load = () => loadKernel(source, { plugins: [claims], pipeline });
  await assertRejects(load, TypeError, 'Cannot use plugin "claims": the pipeline loads no segments');
});
