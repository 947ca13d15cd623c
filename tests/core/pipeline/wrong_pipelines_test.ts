/** What the compiler prints about pipelines in the wrong order, and that composing them throws as well. */

import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { join } from "@std/path/join";
import { toFileUrl } from "@std/path/to-file-url";

const ROOT = new URL("../../../", import.meta.url);

/** A pipeline that is wrong: its source, the line of that at which the compiler complains, and the sentences. */
interface Wrong {
  readonly name: string;
  readonly source: readonly string[];
  readonly line?: number;
  /** What the compiler says. */
  readonly sentence: string;
  /** What the TypeError says at run time. */
  readonly thrown: string;
}

const WRONG: readonly Wrong[] = [
  {
    name: "pipeline() with a segment stage before sanity-check",
    source: ["pipeline(", "  parse,", "  mapLoad,", "  sanityCheck,", "  bssFixup,", ")"],
    line: 2,
    sentence: 'stage "map-load" needs "segments", which no stage before it adds',
    thrown: 'Cannot run stage "map-load": it needs "segments", which no stage before it adds',
  },
  {
    name: "pipeline() with an image stage before the segments are loaded",
    source: ["pipeline(parse, sanityCheck, l4Usage, mapLoad)"],
    sentence: 'stage "l4-usage" needs "addressSpace", which no stage before it adds',
    thrown: 'Cannot run stage "l4-usage": it needs "addressSpace", which no stage before it adds',
  },
  {
    name: "before()",
    source: ['defaultPipeline.before("sanity-check", countLoads)'],
    sentence: 'stage "count-loads" needs "segments", which no stage before it adds',
    thrown: 'Cannot run stage "count-loads": it needs "segments", which no stage before it adds',
  },
  {
    name: "after()",
    source: ["defaultPipeline", '  .after("map-load", readLoads)'],
    line: 1,
    sentence: 'stage "read-loads" needs "loads", which no stage before it adds',
    thrown: 'Cannot run stage "read-loads": it needs "loads", which no stage before it adds',
  },
  {
    name: "after() with what is added later",
    source: ['defaultPipeline.after("l4-usage", countLoads).after("map-load", readLoads)'],
    sentence: 'stage "read-loads" needs "loads", which no stage before it adds',
    thrown: 'Cannot run stage "read-loads": it needs "loads", which no stage before it adds',
  },
  {
    name: "replace()",
    source: ['defaultPipeline.replace("sanity-check", justSegments)'],
    sentence: 'stage "map-load" needs "virtualAddressOffset", which no stage before it adds',
    thrown: 'Cannot run stage "map-load": it needs "virtualAddressOffset", which no stage before it adds',
  },
  {
    name: "without()",
    source: ['countingPipeline.without("count-loads")'],
    sentence: 'stage "read-loads" needs "loads", which no stage before it adds',
    thrown: 'Cannot run stage "read-loads": it needs "loads", which no stage before it adds',
  },
  {
    name: "a stage that needs what a stage adds with another type",
    source: ['defaultPipeline.after("sanity-check", wordLoads).after("map-load", readLoads)'],
    sentence: 'stage "read-loads" needs "loads", which no stage before it adds',
    thrown: "", // the types are the compiler's alone
  },
  {
    name: "before() with a segment stage that names no needs",
    source: ['defaultPipeline.before("sanity-check", segmentStage("s", { needs: [] }, () => ({})))'],
    sentence: 'stage "s" needs "segments", which no stage before it adds',
    thrown: 'Cannot run stage "s": it needs "segments", which no stage before it adds',
  },
  {
    name: "pipeline() with a segment stage that names no needs",
    source: ['pipeline(parse, segmentStage("s", { needs: [] }, () => ({})), sanityCheck, mapLoad)'],
    sentence: 'stage "s" needs "segments", which no stage before it adds',
    thrown: 'Cannot run stage "s": it needs "segments", which no stage before it adds',
  },
  {
    name: "before() with a segment stage that needs what only the loop over the headers provides",
    source: ['defaultPipeline.before("sanity-check", segmentStage("s", { needs: ["addressSpace"] }, () => ({})))'],
    sentence: 'stage "s" needs "segments", which no stage before it adds',
    thrown: 'Cannot run stage "s": it needs "segments", which no stage before it adds',
  },
  {
    name: "replace() with a segment stage written without segmentStage()",
    source: ['defaultPipeline.replace("parse", { name: "s", needs: [], adds: [], segment: () => ({}) })'],
    sentence: 'stage "s" needs "segments", which no stage before it adds',
    thrown: 'Cannot run stage "s": it needs "segments", which no stage before it adds',
  },
  {
    name: "before() with a stage that lacks several names",
    source: ['defaultPipeline.before("parse", lacksThree)'],
    sentence: 'stage "lacks-three" needs "addressSpace", which no stage before it adds', // one of the three
    thrown: 'Cannot run stage "lacks-three": it needs "segments", which no stage before it adds',
  },
  {
    name: "after() with a stage that is in the pipeline",
    source: ['defaultPipeline.after("parse", parse)'],
    sentence: 'the pipeline has two stages named "parse"',
    thrown: 'Cannot run the pipeline: it has two stages named "parse"',
  },
  {
    name: "replace() with a stage that is in the pipeline",
    source: ['defaultPipeline.replace("l4-usage", sanityCheck)'],
    sentence: 'the pipeline has two stages named "sanity-check"',
    thrown: 'Cannot run the pipeline: it has two stages named "sanity-check"',
  },
  {
    name: "pipeline() with a stage twice",
    source: ["pipeline(parse, sanityCheck, mapLoad, sanityCheck)"],
    sentence: 'the pipeline has two stages named "sanity-check"',
    thrown: 'Cannot run the pipeline: it has two stages named "sanity-check"',
  },
  {
    name: "imageStage() that returns what is not in its adds",
    source: ['imageStage("x", { needs: ["rules"] }, () => ({ y: 1 }))'],
    sentence: 'stage "x" returns "y", which its adds do not include',
    thrown: "", // a load throws, see run_stage.ts
  },
  {
    name: "segmentStage() that returns what is not in its adds",
    source: ['segmentStage("x", { needs: [], adds: ["z"] }, async () => ({ y: 1, z: 1 }))'],
    sentence: 'stage "x" returns "y", which its adds do not include',
    thrown: "", // as above
  },
  {
    name: "loadKernel() with a pipeline in the wrong order",
    source: ["loadKernel(new Uint8Array(), { pipeline: pipeline(sanityCheck, mapLoad) })"],
    sentence: 'stage "sanity-check" needs "programHeaders", which no stage before it adds', // one of the two
    thrown: 'Cannot run stage "sanity-check": it needs "fileHeader", which no stage before it adds',
  },
  {
    name: "loadKernel() with a pipeline that loads nothing",
    source: ["loadKernel(new Uint8Array(), { pipeline: pipeline(parse, sanityCheck) })"],
    sentence: "the pipeline loads nothing: it has no segment stage",
    thrown: "Cannot run the pipeline: parse, sanity-check load nothing; it needs a segment stage",
  },
];

/** A module that has every wrong pipeline as a function. */
function moduleText(): string {
  const stages = new URL("core/stages/mod.ts", ROOT).href;
  return [
    `import { loadKernel } from "${new URL("mod.ts", ROOT).href}";`,
    `import { bssFixup, defaultPipeline, imageStage, l4Usage, mapLoad, parse } from "${stages}";`,
    `import { pipeline, sanityCheck, segmentStage } from "${stages}";`,
    'const countLoads = imageStage("count-loads", { needs: ["segments"], adds: ["loads"] }, () => ({ loads: 1 }));',
    'const wordLoads = imageStage("word-loads", { needs: [], adds: ["loads"] }, () => ({ loads: "one" }));',
    'const readLoads = segmentStage("read-loads", { needs: [countLoads] }, () => ({}));',
    'const lacksThree = imageStage("lacks-three", { needs: ["segments", "entryPoint", "addressSpace"] }, () => ({}));',
    'const justSegments = imageStage("just-segments", { needs: [], adds: ["segments", "sharedPages", "unsharedPages"] },',
    "  () => ({ segments: [], sharedPages: new Set<number>(), unsharedPages: new Map() }));",
    'const countingPipeline = defaultPipeline.after("sanity-check", countLoads).after("map-load", readLoads);',
    "export const compose: Record<string, () => unknown> = {",
    ...WRONG.flatMap(({ name, source }) => [`${JSON.stringify(name)}: () =>`, ...source, ","]),
    "};",
    "",
  ].join("\n");
}

/** Writes the module into a folder of its own, which is removed afterwards. */
async function withModule(use: (path: string, text: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "kload-pipelines-" });
  try {
    const path = join(folder, "wrong_pipelines.ts");
    await Deno.writeTextFile(path, moduleText());
    await use(path, moduleText());
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("the compiler names the stage and what it misses, in one sentence, where the pipeline is composed", async () => {
  await withModule(async (path, text) => {
    const args = ["check", "--quiet", "--config", "deno.json", path];
    const command = new Deno.Command(Deno.execPath(), { args, cwd: ROOT, env: { NO_COLOR: "1" }, stdin: "null" });
    const { success, stderr } = await command.output();
    assert(!success);
    const errors = new TextDecoder().decode(stderr).split(/^(?=TS\d+ \[ERROR\])/m).filter((each) =>
      each.startsWith("TS")
    );
    const lines = text.split("\n");
    const found = errors.map((error) => Number(error.match(/wrong_pipelines\.ts:(\d+):\d+\s/)?.[1]));
    const expected = WRONG.map(({ name, line = 0 }) => lines.indexOf(`${JSON.stringify(name)}: () =>`) + 2 + line);
    assertEquals(found, expected);
    WRONG.forEach(({ sentence }, index) => {
      const message = errors[index].replaceAll('\\"', '"');
      const types = [...message.matchAll(/'([^']*)'/g)].map(([, type]) => type);
      const said = types.some((type) => type === `"${sentence}"` || type.endsWith(` & "${sentence}"`));
      assert(said, `line ${expected[index]}: ${message}`);
    });
  });
});

Deno.test("a wrong pipeline throws a TypeError that says the same where it is composed", async (t) => {
  await withModule(async (path) => {
    const { compose } = await import(toFileUrl(path).href) as { readonly compose: Record<string, () => unknown> };
    for (const { name, thrown } of WRONG.filter(({ thrown }) => thrown !== "")) {
      await t.step(name, async () => {
        const loads = name.includes("loads nothing");
        const error = loads
          ? await assertRejects(() => compose[name]() as Promise<unknown>, TypeError)
          : assertThrows(compose[name], TypeError);
        assertStringIncludes(error.message, thrown);
      });
    }
  });
});
