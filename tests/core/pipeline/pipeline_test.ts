/** Pipelines as values, and the check of their order before a load. */

import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { loadKernel } from "../../../core/load_kernel.ts";
import { defaultPipeline } from "../../../core/stages/default_pipeline.ts";
import { buildElf } from "../../elf_builder.ts";
import { type Pipeline, pipeline } from "../../../core/pipeline/pipeline.ts";
import type { ImageStage, SegmentStage, Stage } from "../../../core/pipeline/stage.ts";

const NAMES = ["parse", "sanity-check", "map-load", "bss-fixup", "tls-extract", "l4-usage"] as const;
const [parse, sanityCheck, mapLoad, bssFixup, tlsExtract, l4Usage] = defaultPipeline.stages;

const image = (name: string, needs: string[] = [], adds: string[] = []): Stage => {
  return { name, needs, adds, run: () => ({}) };
};
const segment = (name: string, needs: string[] = [], adds: string[] = []): Stage => {
  return { name, needs, adds, segment: () => ({}) };
};

const own: ImageStage<unknown, unknown, "own"> = { name: "own", needs: [], adds: [], run: () => ({}) };

const namesOf = ({ stages }: Pipeline): readonly string[] => stages.map(({ name }) => name);

/** A pipeline whose stages the compiler does not know. */
const loose = (...stages: readonly Stage[]): Pipeline => pipeline(...stages);

// Values

Deno.test("the default pipeline is parse, sanity-check, map-load, bss-fixup, tls-extract, l4-usage", () => {
  assertEquals(namesOf(defaultPipeline), NAMES);
});

for (const [index, name] of NAMES.entries()) {
  Deno.test(`before(), after(), replace() and without() give new pipelines around ${name}`, () => {
    const before = NAMES.slice(0, index);
    const behind = NAMES.slice(index + 1);
    assertEquals(namesOf(defaultPipeline.before(name, own)), [...before, "own", name, ...behind]);
    assertEquals(namesOf(defaultPipeline.after(name, own)), [...before, name, "own", ...behind]);
    assertEquals(namesOf(defaultPipeline.replace(name, own)), [...before, "own", ...behind]);
    assertEquals(namesOf(defaultPipeline.without(name)), [...before, ...behind]);
    assertEquals(namesOf(defaultPipeline), NAMES);
    assertStrictEquals(defaultPipeline.replace(name, own).stages[index], own);
  });
}

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
  const changed = defaultPipeline.after("parse", own).before("own", image("first") as typeof own).without("parse");
  assertEquals(namesOf(changed as unknown as Pipeline), ["first", "own", ...NAMES.slice(1)]);
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

// The check before a load

/** Every way to read from it throws: a pipeline is refused before the first byte. */
const UNTOUCHED = {
  read: (): never => {
    throw new Error("the source was read");
  },
};

const REFUSED: readonly (readonly [what: string, made: Pipeline, named: readonly string[]])[] = [
  ["sanity-check before parse", loose(sanityCheck, parse, mapLoad, l4Usage), ["sanity-check", "fileHeader"]],
  ["map-load before sanity-check", loose(parse, mapLoad, sanityCheck, bssFixup), ["map-load", "segments"]],
  ["tls-extract first", loose(tlsExtract, parse, sanityCheck, mapLoad), ["tls-extract", "segments"]],
  ["l4-usage before sanity-check", loose(parse, l4Usage, sanityCheck, mapLoad), ["l4-usage", "segments"]],
  ["no parse", defaultPipeline.without("parse") as never, ["sanity-check", "fileHeader"]],
  ["no sanity-check", defaultPipeline.without("sanity-check") as never, ["map-load", "segments"]],
  ["only headers", loose(parse, sanityCheck, l4Usage), ["load nothing"]],
  ["no stages", loose(), ["no stages", "load nothing"]],
  ["a segment stage before the headers are segments", loose(segment("own"), ...defaultPipeline.stages), [
    "own",
    "segments",
  ]],
  [
    "an image stage that needs memory before the segments",
    loose(parse, sanityCheck, image("own", ["memory"]), mapLoad),
    ["own", "memory"],
  ],
  [
    "an image stage that needs what nobody adds",
    loose(...defaultPipeline.stages, image("own", ["segments", "symbols"])),
    ["own", "symbols"],
  ],
  [
    "a segment stage that needs what a later one adds",
    loose(parse, sanityCheck, segment("reads", ["found"]), segment("finds", [], ["found"]), mapLoad),
    ["reads", "found"],
  ],
  ["two stages of one name", loose(...defaultPipeline.stages, image("parse")), ["parse", "two stages"]],
  ["a name that is not in kebab-case", loose(image("MyStage"), ...defaultPipeline.stages), ["MyStage", "kebab-case"]],
  ["a name with a dash at its end", loose(image("own-"), ...defaultPipeline.stages), ["own-", "kebab-case"]],
  ["an empty name", loose(image(""), ...defaultPipeline.stages), ["kebab-case"]],
  ["a stage without a name", loose({ needs: [], adds: [], run: () => ({}) } as never, ...defaultPipeline.stages), [
    "stage",
  ]],
  ["a stage without run", loose({ name: "own", needs: [], adds: [] } as never, ...defaultPipeline.stages), [
    "own",
    "run",
  ]],
  [
    "a stage whose segment is no function",
    loose(parse, sanityCheck, { name: "own", needs: [], adds: [], segment: 1 } as never, mapLoad),
    ["own", "segment"],
  ],
  ["a stage without needs", loose({ name: "own", adds: [], run: () => ({}) } as never, ...defaultPipeline.stages), [
    "own",
    "needs",
  ]],
  ["a stage without adds", loose({ name: "own", needs: [], run: () => ({}) } as never, ...defaultPipeline.stages), [
    "own",
    "adds",
  ]],
];

for (const [what, made, named] of REFUSED) {
  Deno.test(`${what}: refused with a TypeError that says so, before any byte is read`, async () => {
    const error = await assertRejects(() => loadKernel(UNTOUCHED, { pipeline: made as never }), TypeError, "Cannot");
    for (const name of named) assert(error.message.includes(name), error.message);
    let pulls = 0;
    const stream = new ReadableStream<Uint8Array>({ pull: () => void pulls++ }, { highWaterMark: 0 });
    await assertRejects(() => loadKernel(stream, { pipeline: made as never }), TypeError);
    assertEquals([stream.locked, pulls], [false, 0]);
  });
}

Deno.test("stages that find what they need are accepted in any other order and number", async () => {
  const file = await Deno.readFile(new URL("../../../examples/hello/hello.elf", import.meta.url));
  const finds: SegmentStage<unknown, { readonly found: number }, "finds"> = {
    name: "finds",
    needs: [],
    adds: ["found"],
    segment: ({ index }) => ({ found: index }),
  };
  const accepted: readonly Pipeline[] = [
    loose(parse, sanityCheck, l4Usage, mapLoad),
    loose(parse, sanityCheck, bssFixup, tlsExtract, mapLoad),
    loose(image("own"), ...defaultPipeline.stages, image("last", ["memory", "pageTable", "usedLevel4Entries"])),
    loose(parse, sanityCheck, finds, segment("reads", ["found", "memory"]), mapLoad, image("also", ["found"])),
    loose(parse, sanityCheck, mapLoad, image("between", ["memory", "frames"]), bssFixup, l4Usage),
    loose(parse, sanityCheck, segment("only")),
  ];
  for (const made of accepted) {
    // what the stages then make of the file is theirs to say: bss-fixup before map-load finds pages missing
    await loadKernel(file, { pipeline: made as never }).catch((error) => assert(!(error instanceof TypeError), error));
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

Deno.test("a stage that gives nothing adds nothing", async () => {
  const image = { name: "silent-image", needs: [], adds: [], run: () => {} } as const;
  const segment = { name: "silent-segment", needs: [], adds: [], segment: () => {} } as const;
  const own = defaultPipeline.after("l4-usage", image).after("map-load", segment);
  const kernel = await loadKernel(buildElf({ segments: [{ filesz: 0x100 }] }), { pipeline: own });
  assertEquals(kernel.entryPoint, 0x40_0000n);
});
