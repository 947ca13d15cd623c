import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { imageStage, segmentStage } from "../../../core/pipeline/stage.ts";

const count = imageStage("count", { needs: ["segments"], adds: ["loads", "pages"] }, () => ({ loads: 1, pages: 2 }));

Deno.test("imageStage() and segmentStage() make frozen stages of what they are given", () => {
  const [run, segment] = [() => ({ a: 1 }), () => ({ b: 2 })];
  const takes = () => 4096;
  const image = imageStage("image", { needs: ["rules", "tlsTemplate?"], adds: ["a"], takes }, run);
  assertEquals<unknown>(image, { name: "image", needs: ["rules", "tlsTemplate?"], adds: ["a"], takes, run });
  const other = segmentStage("segment", { needs: [], adds: ["b"] }, segment);
  assertEquals<unknown>(other, { name: "segment", needs: [], adds: ["b"], segment });
  assertStrictEquals(image.run, run);
  for (const stage of [image, other]) assert([stage, stage.needs, stage.adds].every(Object.isFrozen));
});

Deno.test("a stage that needs another needs what that one adds", () => {
  assertEquals(imageStage("reads", { needs: ["entryPoint", count] }, () => ({})).needs, [
    "entryPoint",
    "loads",
    "pages",
  ]);
});

Deno.test("a stage does not follow later changes of the arrays that it was made from", () => {
  const [needs, adds] = [["rules" as const], ["a"]];
  const stage = imageStage("own", { needs, adds }, () => ({ a: 1 }));
  needs.length = adds.length = 0;
  assertEquals([stage.needs, stage.adds], [["rules"], ["a"]]);
});

Deno.test("needs and adds that are not arrays are refused by the stage's name", () => {
  for (const shape of [{}, { needs: "rules" }, { needs: [], adds: "a" }, { needs: { rules: true } }]) {
    const makes = [
      () => imageStage("own", shape as never, () => ({})),
      () => segmentStage("own", shape as never, () => ({})),
    ];
    for (const make of makes) assertThrows(make, TypeError, 'Cannot make stage "own": needs and adds');
  }
});

Deno.test("a stage without a shape or a function is refused by its name", () => {
  const make = imageStage as (...parts: readonly unknown[]) => unknown;
  const message = (...parts: readonly unknown[]) => assertThrows(() => make(...parts), TypeError).message;
  assertEquals(message("own"), 'Cannot make stage "own": pass { needs, adds } after its name, not undefined');
  assertEquals(
    message("own", { needs: [] }),
    'Cannot make stage "own": pass a function after { needs, adds }, not undefined',
  );
});
