/** Tables that v0.11 applies again and again: leaving entries out changes nothing, and the rest is bounded. */

import { assert, assertEquals, assertObjectMatch, assertRejects } from "@std/assert";
import fc from "fast-check";
import { PT_DYNAMIC } from "../../../core/elf/constants.ts";
import { LoadError, loadKernel, type Plugin } from "../../../mod.ts";
import { presets } from "../../../plugins/presets.ts";
import { applyRela } from "../../../plugins/relocate/apply_rela.ts";
import { relocationTargets } from "../../../plugins/relocate/relocation_target.ts";
import { readRelocationTables } from "../../../plugins/relocate/relocation_tables.ts";
import { entriesOf, limited, withoutRepeated } from "../../../plugins/relocate/repeated_tables.ts";
import { kernelFile, RELA, type RelaEntry, type Tags, WORDS } from "./kernel_file.ts";

/** A table: where it starts, in 8-byte words after the first entry, and how many entries it has. */
type Range = readonly [words: number, entries: number];

const COUNT = 12;
const TABLE_END = RELA + COUNT * 24;

/** Applies tables, all of their entries or without repeated ones, and returns what came of it. */
async function run(entries: readonly RelaEntry[], ranges: readonly Range[], most?: bigint) {
  let isReduced = false;
  const plugin: Plugin<"probe", boolean> = {
    name: "probe",
    handlers: [{
      type: PT_DYNAMIC,
      phase: "relocate",
      readsFile: true,
      handle: async (phdr, context) => {
        const target = relocationTargets(context)(phdr.index);
        const tables = await readRelocationTables(await context.fileBytes(phdr), phdr, context);
        const all = ranges.map(([words, count]) => {
          return {
            target,
            tables,
            range: { tag: "DT_RELA", address: BigInt(RELA + words * 8), size: BigInt(count * 24) },
          };
        });
        const chosen = most === undefined ? all : await withoutRepeated(all, most, context.pause);
        isReduced = chosen !== all;
        if (isReduced) assert(entriesOf(chosen) <= most!);
        for (const { range } of chosen) await applyRela(range, tables, target, new Map(), context.pause);
        return true;
      },
    }],
  };
  const tags: Tags = [[0n, 0n]];
  const file = kernelFile({ rela: entries, tags, base: 0n });
  const outcome = await loadKernel(file, { rules: "bootloader-0.11", plugins: [plugin], kernelBase: 0x20_0000n })
    .then((kernel) => ({
      bytes: kernel.read(0x20_1000n, 0x3000),
      leaves: [...kernel.pageTable.leaves()],
      frames: kernel.framesAllocated,
    }), (error: LoadError) => ({ code: error.code, detail: error.detail }));
  return { outcome, isReduced };
}

const outside = fc.oneof(
  fc.integer({ min: WORDS / 8, max: WORDS / 8 + 6 }).map((word) => word * 8),
  fc.integer({ min: WORDS, max: WORDS + 40 }),
  fc.constantFrom(0x1ff8, 0x1ffc, 0x2ffc, 0x3000, 0x3100),
);
const place = (changes: boolean) =>
  changes
    ? fc.oneof({ weight: 9, arbitrary: outside }, {
      weight: 1,
      arbitrary: fc.integer({ min: RELA - 8, max: TABLE_END }),
    })
    : outside;
const entry = (changes: boolean): fc.Arbitrary<RelaEntry> =>
  fc.tuple(
    place(changes),
    fc.constantFrom(...Array<number>(200).fill(8), 0),
    fc.constant(0),
    fc.bigInt({ min: 0n, max: 255n }),
  );
const range: fc.Arbitrary<Range> = fc.tuple(
  fc.oneof(
    { weight: 30, arbitrary: fc.integer({ min: 0, max: COUNT - 1 }).map((index) => index * 3) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 20 }) },
  ),
  fc.integer({ min: 0, max: COUNT }),
).map(([words, count]) => [words, Math.min(count, Math.floor((COUNT * 3 - words) / 3))] as const);

/** The entries that tables have, by their addresses. */
function occurrences(ranges: readonly Range[]): readonly number[] {
  return ranges.flatMap(([words, count]) => Array.from({ length: count }, (_, at) => RELA + words * 8 + at * 24));
}

for (const changes of [false, true]) {
  const what = changes ? "that may change one another" : "that change no table";
  Deno.test(`tables ${what}: what is left out makes no difference`, async () => {
    let reduced = 0;
    const entries = fc.array(entry(changes), { minLength: COUNT, maxLength: COUNT });
    await fc.assert(
      fc.asyncProperty(entries, fc.array(range, { minLength: 3, maxLength: 9 }), async (entries, ranges) => {
        const every = occurrences(ranges);
        const most = 2 * new Set(every).size;
        const literal = await run(entries, ranges);
        const fewer = await run(entries, ranges, BigInt(most));
        assertEquals(fewer.outcome, literal.outcome);
        if (fewer.isReduced) reduced++;
        else if (!changes && every.length > most) {
          // Nothing is left out only if bytes that are read as an entry at another start hit a table.
          assert(ranges.some(([words]) => words % 3 !== 0));
        }
      }),
      { numRuns: 150, seed: 7 },
    );
    assert(reduced > 10, `${reduced} of 150 were reduced`);
  });
}

Deno.test("limited() keeps whole entries from the start", () => {
  const table = { tag: "DT_RELA", address: 0x1000n, size: 100n };
  assertEquals(limited(table, 4n), table);
  assertEquals(limited(table, 3n), { ...table, size: 72n });
});

Deno.test("v0.11: tables that change one another are applied as far as the file has room for relocations", async () => {
  // Each of these writes the addend of the next entry, so no two rounds are the same.
  const entries = Array.from(
    { length: 20 },
    (_, at): RelaEntry => [RELA + 24 * ((at + 1) % 20) + 16, 8, 0, BigInt(at)],
  );
  const tags: Tags = [[7n, BigInt(RELA)], [8n, 480n], [9n, 24n], [0n, 0n]];
  const options = { ...presets["bootloader-0.11"], kernelBase: 0n };
  const few = await loadKernel(kernelFile({ rela: entries, tags, dynamics: 100, extra: 0x6000 }), options);
  assertEquals(few.results.relocate?.counts, { R_X86_64_RELATIVE: 2000 });
  const file = kernelFile({ rela: entries, tags, dynamics: 400, extra: 0x6000 });
  const error = await assertRejects(() => loadKernel(file, options), LoadError);
  const most = file.length / 8;
  const field = "the number of relocations, more than one for every 8 bytes of the file,";
  assertObjectMatch(error, {
    code: "dynamic-malformed",
    detail: { index: 2 + Math.floor(most / 20), field, value: BigInt(most + 1) },
  });
});
