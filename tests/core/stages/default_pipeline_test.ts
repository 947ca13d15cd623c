import { assertEquals, assertStrictEquals } from "@std/assert";
import * as door from "../../../core/stages/mod.ts";

Deno.test("the default pipeline has the six stages that the door exports, in order", () => {
  const { parse, sanityCheck, mapLoad, bssFixup, tlsExtract, l4Usage } = door;
  const stages = [parse, sanityCheck, mapLoad, bssFixup, tlsExtract, l4Usage];
  assertEquals(stages.map(({ name }) => name), [
    ...["parse", "sanity-check", "map-load", "bss-fixup", "tls-extract", "l4-usage"],
  ]);
  stages.forEach((stage, index) => assertStrictEquals<unknown>(door.defaultPipeline.stages[index], stage));
});
