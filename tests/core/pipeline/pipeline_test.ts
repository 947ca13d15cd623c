/** Pipelines as values, and the check of their order where they are composed. */

import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { loadKernel } from "../../../core/load_kernel.ts";
import { defaultPipeline } from "../../../core/stages/default_pipeline.ts";
import { buildElf } from "../../elf_builder.ts";
import { type Pipeline, pipeline } from "../../../core/pipeline/pipeline.ts";
import { imageStage, segmentStage, type Stage } from "../../../core/pipeline/stage.ts";

const NAMES = ["parse", "sanity-check", "map-load", "bss-fixup", "tls-extract", "l4-usage"] as const;
const [parse, sanityCheck, mapLoad, bssFixup, tlsExtract, l4Usage] = defaultPipeline.stages;

const image = (name: string, needs: string[] = [], adds: string[] = []): Stage => {
  return { name, needs, adds, run: () => ({}) };
};
const segment = (name: string, needs: string[] = [], adds: string[] = []): Stage => {
  return { name, needs, adds, segment: () => ({}) };
};

const own = imageStage("own", { needs: [] }, () => ({}));

const namesOf = ({ stages }: Pipeline): readonly string[] => stages.map(({ name }) => name);

/** A pipeline whose stages the compiler does not know. */
const loose = (...stages: readonly Stage[]): Pipeline => pipeline(...stages);

const all = defaultPipeline.stages;
const known = loose(...all);

// Values

Deno.test("the default pipeline is parse, sanity-check, map-load, bss-fixup, tls-extract, l4-usage", () => {
  assertEquals(namesOf(defaultPipeline), NAMES);
});

Deno.test("before(), after(), replace() and without() give new pipelines around the named stage", () => {
  for (const [index, name] of NAMES.entries()) {
    const substitute = { ...own, adds: defaultPipeline.stages[index].adds };
    const [before, after] = [NAMES.slice(0, index), NAMES.slice(index + 1)];
    assertEquals(namesOf(known.before(name, own)), [...before, "own", name, ...after]);
    assertEquals(namesOf(known.after(name, own)), [...before, name, "own", ...after]);
    assertEquals(namesOf(known.replace(name, substitute)), [...before, "own", ...after]);
    assertStrictEquals<unknown>(known.replace(name, substitute).stages[index], substitute);
    if (index > 1) assertEquals(namesOf(known.without(name)), [...before, ...after]);
    assertEquals(namesOf(known), NAMES);
  }
});

Deno.test("a pipeline and its list of stages are frozen", () => {
  const made = loose(...defaultPipeline.stages);
  for (const each of [defaultPipeline, made, made.before("parse", own), made.without("l4-usage")] as const) {
    assert(Object.isFrozen(each));
    assert(Object.isFrozen(each.stages));
    assertThrows(() => (each.stages as Stage[]).push(own), TypeError);
    assertThrows(() => (each as { stages: unknown }).stages = [], TypeError);
  }
});

Deno.test("a pipeline does not follow later changes of the array that it was made from", () => {
  const list: Stage[] = [...defaultPipeline.stages];
  const made = loose(...list);
  list.length = 0;
  assertEquals(namesOf(made), NAMES);
});

Deno.test("pipelines can be changed step by step, each step from the one before", () => {
  const [first, second] = ["first" as const, "second" as const].map((name) =>
    imageStage(name, { needs: [] }, () => ({}))
  );
  const changed = known.after("parse", own).before("own", first).without("tls-extract").after("first", second);
  assertEquals(namesOf(changed), [
    ...["parse", "first", "second", "own", "sanity-check", "map-load", "bss-fixup", "l4-usage"],
  ]);
});

Deno.test("a name that is not in the pipeline is refused with a TypeError that names it and those that are", () => {
  const loosely = loose(...defaultPipeline.stages);
  for (const name of ["map-lode", "", "own", "toString"]) {
    for (
      const change of [
        () => loosely.before(name, own),
        () => loosely.after(name, own),
        () => loosely.replace(name, own),
        () => loosely.without(name),
      ]
    ) {
      const { message } = assertThrows(change, TypeError, `"${name}"`);
      for (const known of NAMES) assert(message.includes(known), message);
    }
  }
  assertThrows(() => loose().without("parse"), TypeError, "no stages");
});

// The check where a pipeline is composed

const malformed = (parts: object): Stage => ({ name: "own", needs: [], adds: [], ...parts }) as unknown as Stage;

const REFUSED: readonly (readonly [what: string, compose: () => unknown, message: string])[] = [
  [
    "sanity-check before parse",
    () => loose(sanityCheck, parse, mapLoad, l4Usage),
    'Cannot run stage "sanity-check": it needs "fileHeader", which no stage before it adds',
  ],
  [
    "map-load before sanity-check",
    () => loose(parse, mapLoad, sanityCheck, bssFixup),
    '"map-load": it needs "segments"',
  ],
  ["tls-extract first", () => loose(tlsExtract, parse, sanityCheck, mapLoad), '"tls-extract": it needs "segments"'],
  ["l4-usage before the segments", () => loose(parse, sanityCheck, l4Usage), '"l4-usage": it needs "addressSpace"'],
  ["no parse", () => known.without("parse"), '"sanity-check": it needs "fileHeader"'],
  ["no sanity-check", () => known.without("sanity-check"), '"map-load": it needs "segments"'],
  [
    "a segment stage before the headers are checked",
    () => known.before("parse", segment("own")),
    '"own": it needs "seg',
  ],
  [
    "an image stage that needs memory before the segments",
    () => known.before("map-load", image("own", ["addressSpace"])),
    '"own": it needs "addressSpace"',
  ],
  [
    "an image stage that needs what no stage adds",
    () => known.after("l4-usage", image("own", ["segments", "symbols"])),
    '"own": it needs "symbols"',
  ],
  [
    "a segment stage that needs what a later one adds",
    () => loose(parse, sanityCheck, segment("reads", ["found"]), segment("finds", [], ["found"]), mapLoad),
    '"reads": it needs "found"',
  ],
  [
    "a stage in place of one whose additions it lacks",
    () => known.replace("parse", own),
    '"sanity-check": it needs "fi',
  ],
  ["two stages of one name", () => known.after("l4-usage", image("parse")), 'it has two stages named "parse"'],
  [
    "a name that is not in kebab-case",
    () => known.before("parse", image("MyStage")),
    '"MyStage": its name must be in k',
  ],
  [
    "a name with a dash at its end",
    () => known.before("parse", image("own-")),
    '"own-": its name must be in kebab-case',
  ],
  ["an empty name", () => known.before("parse", image("")), "its name must be in kebab-case"],
  [
    "a stage without a name",
    () => loose(malformed({ name: undefined, run: () => ({}) }), ...all),
    "must be in kebab-c",
  ],
  ["a stage without run", () => loose(malformed({}), ...all), '"own": it must have a function run or segment'],
  [
    "a stage whose segment is not a function",
    () => loose(parse, sanityCheck, malformed({ segment: 1 })),
    "it must have a function run or segment",
  ],
  [
    "a stage without needs",
    () => loose(malformed({ needs: undefined, run: () => ({}) }), ...all),
    "its needs must be an array",
  ],
  [
    "a stage without adds",
    () => loose(malformed({ adds: undefined, run: () => ({}) }), ...all),
    "its adds must be an array",
  ],
];

for (const [what, compose, message] of REFUSED) {
  Deno.test(`${what}: refused with a TypeError that says so, where the pipeline is composed`, () => {
    assertStringIncludes(assertThrows(compose, TypeError, "Cannot ").message, message);
  });
}

for (const made of [loose(), loose(parse, sanityCheck), loose(parse, sanityCheck, image("own"))]) {
  Deno.test(`a pipeline of ${namesOf(made).join(", ") || "no stages"} loads nothing: refused before any byte is read`, async () => {
    let pulls = 0;
    const stream = new ReadableStream<Uint8Array>({ pull: () => void pulls++ }, { highWaterMark: 0 });
    const error = await assertRejects(() => loadKernel(stream, { pipeline: made }), TypeError, "load nothing");
    for (const name of namesOf(made)) assertStringIncludes(error.message, name);
    assertEquals([stream.locked, pulls], [false, 0]);
  });
}

Deno.test("stages that find what they need are accepted in any other order and number", async () => {
  const file = await Deno.readFile(new URL("../../../examples/hello/hello.elf", import.meta.url));
  const finds = segmentStage("finds", { needs: [], adds: ["found"] }, ({ index }) => ({ found: index }));
  const accepted: readonly Pipeline[] = [
    loose(parse, sanityCheck, mapLoad, l4Usage),
    loose(parse, sanityCheck, bssFixup, tlsExtract, mapLoad),
    loose(image("own"), ...all, image("last", ["addressSpace", "keptBytes", "usedLevel4Entries"])),
    loose(parse, sanityCheck, finds, segment("reads", ["found", "addressSpace"]), mapLoad, image("also", ["found"])),
    loose(parse, sanityCheck, mapLoad, image("between", ["addressSpace", "fileBytes"]), bssFixup, l4Usage),
    loose(parse, sanityCheck, segment("optional", ["tlsTemplate?", "symbols?"]), mapLoad),
    loose(parse, sanityCheck, segment("only")),
  ];
  for (const made of accepted) {
    // what the stages then make of the file is theirs to say: bss-fixup before map-load finds pages missing
    await loadKernel(file, { pipeline: made }).catch((error) => assert(!(error instanceof TypeError), error));
  }
});

Deno.test("without map-load the zeroed memory is there all the same, and nothing of the file is mapped", async () => {
  const file = buildElf({
    segments: [{ offset: 0x1000, filesz: 0x1100, p_vaddr: 0x40_0000n, p_memsz: 0x3000n, p_flags: 7 }],
  });
  const kernel = await loadKernel(file, { pipeline: defaultPipeline.without("map-load") });
  assertEquals([...kernel.pageTable.leaves()].map(({ virt }) => virt), [0x40_1000n, 0x40_2000n]);
  assertEquals(kernel.read(0x40_1000n, 0x2000), new Uint8Array(0x2000));
});

Deno.test("a stage that returns nothing adds nothing", async () => {
  const image: Stage = { name: "silent-image", needs: [], adds: [], run: () => {} };
  const segment: Stage = { name: "silent-segment", needs: [], adds: [], segment: () => {} };
  const own = known.after("l4-usage", image).after("map-load", segment);
  const kernel = await loadKernel(buildElf({ segments: [{ filesz: 0x100 }] }), { pipeline: own });
  assertEquals(kernel.results, { "silent-image": {}, "silent-segment": {} });
});
