import { assert, assertEquals, assertGreaterOrEqual, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import { LoadError } from "../../../core/errors.ts";
import { frameDemand, unshareDemand } from "../../../core/pipeline/frame_demand.ts";
import { RULES, type RuleSetName } from "../../../core/rules.ts";
import { loadKernel } from "../../../mod.ts";
import { buildElf } from "../../elf_builder.ts";
import { answeredFiles, readOriginal } from "../../original.ts";
import { checkHeaders } from "../check_headers.ts";
import { layoutFile, layouts, modelPages } from "../kernel_layouts.ts";

const PAGE = 0x1000;

/** The files of the corpus and the examples, each with the frames that a load of it allocates, and with the demand. */
async function* loads(rules: RuleSetName) {
  const corpus = answeredFiles().map(({ name }) => [name, readOriginal(name)] as const);
  const examples = ["hello.elf", "hello-pie.elf"].map((name) => {
    return [name, Deno.readFileSync(new URL(`../../../examples/hello/${name}`, import.meta.url))] as const;
  });
  for (const [name, file] of [...corpus, ...examples]) {
    const kernel = await loadKernel(file, { rules }).catch((error) => {
      assert(error instanceof LoadError, name);
      return undefined;
    });
    if (!kernel) continue;
    const { context } = await checkHeaders(file, { rules });
    yield { name, allocated: kernel.framesAllocated, demand: frameDemand(RULES[rules], context) };
  }
}

Deno.test("frameDemand() is what a load under the default rules allocates, for every file that loads", async () => {
  let compared = 0;
  for await (const { name, allocated, demand } of loads("default")) {
    assertEquals(demand, allocated, name);
    compared++;
  }
  assertEquals(compared, 190);
});

for (const rules of ["bootloader-0.10", "bootloader-0.11"] as const) {
  Deno.test(`frameDemand() covers what a load under ${rules} allocates, and hardly more`, async () => {
    let compared = 0;
    for await (const { name, allocated, demand } of loads(rules)) {
      assertGreaterOrEqual(demand, allocated, name);
      assertLessOrEqual(demand, allocated + 1, name);
      compared++;
    }
    assertGreaterOrEqual(compared, 170);
  });
}

Deno.test("frameDemand() covers what the original allocated for every file that it loaded", async () => {
  let compared = 0;
  for (const answered of answeredFiles()) {
    const answer = answered["bootloader-0.10"];
    if (typeof answer !== "object" || !answer.ok) continue;
    const { context } = await checkHeaders(readOriginal(answered.name), { rules: "bootloader-0.10" });
    // The original's level-4 table was not among its frames.
    assertGreaterOrEqual(frameDemand(context.rules, context), answer.framesAllocated + 1, answered.name);
    compared++;
  }
  assertEquals(compared, 150);
});

Deno.test("frameDemand() is the tables and the pages with frames of their own, counted page by page", async () => {
  await fc.assert(
    fc.asyncProperty(layouts, async (segments) => {
      const { context } = await checkHeaders(layoutFile(segments));
      const pages = modelPages(context.programHeaders);
      const tables = [9n, 18n, 27n].map((bits) => new Set(pages.map(({ page }) => page >> bits)).size);
      const own = pages.filter(({ filePage }) => filePage === undefined).length;
      assertEquals(frameDemand(RULES.default, context), 1 + tables.reduce((sum, count) => sum + count) + own);
    }),
    { numRuns: 300 },
  );
});

Deno.test("frameDemand() of nothing is the level-4 table", () => {
  const checked = { segments: [], sharedPages: new Set<number>(), unsharedPages: new Map() };
  assertEquals(frameDemand(RULES.default, checked), 1);
});

Deno.test("unshareDemand() is the pages of the file parts, and those of the bss too if pages are known by marks", async () => {
  const file = buildElf({
    segments: [
      { p_vaddr: 0x40_0800n, offset: 0x1800, filesz: 0x1000, p_memsz: 0x4000n }, // 2 pages of the file, 5 in all
      { p_vaddr: 0x50_0000n, offset: 0x3000, filesz: 0, p_memsz: 0x2001n }, // 3 pages
      { p_vaddr: 0x60_0000n, offset: 0x4000, filesz: 0x1000 }, // 1 page
      { p_type: 4, p_vaddr: 0n, offset: 0x4000, filesz: 0x1000, p_align: 4n }, // PT_NOTE: not loaded
    ],
    length: 0x6000,
  });
  const { context: { segments } } = await checkHeaders(file);
  assertEquals(unshareDemand({ ownership: "frame" }, segments), 3 * PAGE);
  assertEquals(unshareDemand({ ownership: "mark" }, segments), 9 * PAGE);
});
