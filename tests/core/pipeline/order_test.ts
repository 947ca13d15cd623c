/** What checkOrder() and checkLoads() accept; what they refuse is in pipeline_test.ts. */

import { assertEquals, assertThrows } from "@std/assert";
import { checkLoads, checkOrder, listNames } from "../../../core/pipeline/order.ts";
import type { Stage } from "../../../core/pipeline/stage.ts";
import { defaultPipeline } from "../../../core/stages/default_pipeline.ts";

const image = (name: string, needs: string[] = [], adds: string[] = []): Stage => {
  return { name, needs, adds, run: () => ({}) };
};
const segment = (name: string, needs: string[] = [], adds: string[] = []): Stage => {
  return { name, needs, adds, segment: () => ({}) };
};
const [parse, sanityCheck] = defaultPipeline.stages;

Deno.test("checkOrder() knows what every stage can read, and what the loop provides", () => {
  checkOrder([]);
  checkOrder([image("base", ["rules", "settings", "intake", "report", "claimOn", "takes"])]);
  const loop = ["addressSpace", "keptBytes", "fileBytes", "endMarks"];
  checkOrder([parse, sanityCheck, segment("in", loop), image("after", [...loop, "segments"])]);
  for (const name of loop) {
    assertThrows(
      () => checkOrder([parse, sanityCheck, image("early", [name])]),
      TypeError,
      `"early": it needs "${name}"`,
    );
  }
});

Deno.test("checkOrder() lets a stage miss what it marks with a question mark", () => {
  checkOrder([image("own", ["found?", "tlsTemplate?"])]);
  assertThrows(() => checkOrder([image("own", ["found"])]), TypeError, '"own": it needs "found"');
});

Deno.test("checkLoads() wants a segment stage", () => {
  checkLoads([parse, sanityCheck, segment("own")]);
  assertThrows(() => checkLoads([parse, sanityCheck]), TypeError, "parse, sanity-check load nothing");
  assertThrows(() => checkLoads([]), TypeError, "no stages load nothing");
});

Deno.test("listNames() lists names for messages", () => {
  assertEquals([listNames([]), listNames([parse]), listNames([parse, sanityCheck])], [
    ...["no stages", "parse", "parse, sanity-check"],
  ]);
});
