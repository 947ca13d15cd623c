/** QEMU's walker of page tables agrees with ours about every page, flag and address. */

import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import fc from "fast-check";
import { frameLedger } from "../../core/memory/frame_ledger.ts";
import { createMapper } from "../../core/paging/mapper.ts";
import {
  type AnyPlugin,
  ascendingFrames,
  type LoadedKernel,
  LoadError,
  loadKernel,
  type LoadOptions,
  physicalMemory,
} from "../../mod.ts";
import type { Leaf } from "../../core/paging/mod.ts";
import { presets } from "../../plugins/presets.ts";
import { type Answer, answeredFiles, readOriginal } from "../original.ts";
import { hasTool, testWithTools } from "../tools.ts";
import { assertSameLines, assertSamePages, assertSameTranslation, leafLine } from "./agreement.ts";
import { openOracle, type Oracle } from "./oracle.ts";
import { anywhere, nearPage, step, takeStep } from "./random_mappings.ts";

const QEMU = "qemu-system-x86_64";
const PAGE = 0x1000;
const MIB = 2 ** 20;
const GIB = 2 ** 30;

let oracle: Oracle;
Deno.test.beforeAll(async () => {
  if (hasTool(QEMU)) oracle = await openOracle();
});
Deno.test.afterAll(async () => await oracle?.[Symbol.asyncDispose]());

// A window that has the machine's memory on both sides of the hole below 4 GiB, so that addresses of tables and frames
// need more than 32 bits. Only pages that are written take room.
const FOUR_GIB = 4 * GIB;
const WINDOW = 2 * GIB - 16 * MIB;
const window = physicalMemory({ base: WINDOW, buffer: new ArrayBuffer(FOUR_GIB + 128 * MIB - WINDOW) });

const LOW: LoadOptions = { memory: { base: MIB } };
const HIGH: LoadOptions = { memory: window, kernelOffset: FOUR_GIB + PAGE, level4Frame: WINDOW };

type AnyKernel = LoadedKernel<readonly AnyPlugin[]>;

/** Gives QEMU the frames from an address up to another, and the level-4 table. */
async function show({ memory, level4Frame }: Pick<AnyKernel, "memory" | "level4Frame">, from: number, to: number) {
  oracle.write(level4Frame, memory.bytes(level4Frame, PAGE));
  oracle.write(from, memory.bytes(from, to - from));
  await oracle.setLevel4(level4Frame);
}

function isCanonical(virt: bigint): boolean {
  return virt >= 0n && BigInt.asUintN(64, BigInt.asIntN(48, virt)) === virt;
}

async function assertAgrees(kernel: AnyKernel, kernelOffset: number, name: string): Promise<number> {
  const { pageTable } = kernel;
  await show(kernel, kernelOffset, kernel.nextFrame);
  const { length: pages } = await assertSamePages(oracle, pageTable, name);
  for (const { virt, size } of kernel.mappings()) {
    const end = virt + BigInt(size);
    for (const at of [virt - 1n, virt, end - 1n, end].filter(isCanonical)) {
      await assertSameTranslation(oracle, pageTable, at);
    }
    const length = Math.min(size, 256);
    assertEquals(
      kernel.read(virt, length),
      await oracle.read(virt, length),
      `bytes at 0x${virt.toString(16)}, ${name}`,
    );
  }
  return pages;
}

testWithTools(
  [QEMU],
  "QEMU sees every page of every file that the original loads, under its rules, as we do",
  async () => {
    let [loads, pages] = [0, 0];
    for (const file of answeredFiles()) {
      for (const column of Object.keys(file).filter((key) => key.startsWith("bootloader-"))) {
        if (!(file[column] as Answer).ok) continue;
        const [rules, base] = column.split(" kernelBase=");
        const options = { ...LOW, ...(base === undefined ? {} : { kernelBase: BigInt(base) }) };
        const preset = presets[rules as "bootloader-0.10" | "bootloader-0.11"];
        const kernel = await loadKernel<readonly AnyPlugin[]>(readOriginal(file.name), { ...preset, ...options });
        pages += await assertAgrees(kernel, 3 * MIB, `${file.name} ${column}`);
        loads++;
      }
    }
    assertEquals(loads, 339);
    assert(pages > 40_000);
  },
);

testWithTools([QEMU], "QEMU sees every page of every file that loads under the default rules as we do", async () => {
  let [loads, pages] = [0, 0];
  for (const { name } of answeredFiles()) {
    const load = loadKernel<readonly AnyPlugin[]>(readOriginal(name), { ...presets.default, ...HIGH });
    const kernel = await load.catch((error: unknown) => void assertInstanceOf(error, LoadError));
    if (!kernel) continue;
    pages += await assertAgrees(kernel, FOUR_GIB + PAGE, name);
    loads++;
  }
  assert(loads > 100 && pages > 20_000);
});

const layout = fc.record({
  level4: fc.nat(511).map((index) => WINDOW + index * PAGE),
  start: fc.constantFrom(WINDOW + 2 * MIB, FOUR_GIB).chain((edge) => fc.nat(255).map((index) => edge + index * PAGE)),
  parentFlags: fc.constantFrom("writable" as const, "as-leaf" as const),
});

testWithTools([QEMU], "QEMU sees 1,000 random sets of mappings as they were asked for, and as we do", async () => {
  const seen = { sets: 0, pages: 0, mapped: 0, unmapped: 0 };
  const sets = fc.asyncProperty(
    fc.noShrink(layout),
    fc.array(fc.noShrink(step), { minLength: 1, maxLength: 30, size: "max" }),
    fc.noShrink(fc.array(anywhere, { minLength: 4, maxLength: 4 })),
    fc.noShrink(fc.array(nearPage, { minLength: 12, maxLength: 12 })),
    async ({ level4, start, parentFlags }, steps, addresses, near) => {
      window.bytes(level4, PAGE).fill(0);
      const end = start + 8 * MIB;
      const frames = frameLedger(ascendingFrames({ start, end }), window, [], false);
      const mapper = createMapper({ memory: window, level4Frame: level4, frames, parentFlags });
      const pages = new Map<bigint, Leaf>();
      for (const one of steps) takeStep(mapper, pages, one);

      await show({ memory: window, level4Frame: level4 }, start, frames.nextFrame);
      const asked = [...pages.values()].sort((one, other) => one.virt < other.virt ? -1 : 1);
      const lines = await assertSamePages(oracle, mapper, "the mapper");
      assertSameLines(asked.map(leafLine), lines, "pages asked for");
      seen.pages += lines.length;
      const around = asked.length === 0 ? [] : near.map(({ nth, thousandths }) => {
        const { virt, pageSize } = asked[nth % asked.length];
        return virt + BigInt(Math.floor(pageSize * thousandths / 1000));
      });
      for (const virt of [...addresses, ...around.filter(isCanonical)]) {
        await assertSameTranslation(oracle, mapper, virt);
        seen[mapper.translate(virt).mapped ? "mapped" : "unmapped"]++;
      }
      seen.sets++;
    },
  );
  await fc.assert(sets, { numRuns: 1000, interruptAfterTimeLimit: 120_000, markInterruptAsFailure: true });
  // The sets are no good where they never get so far.
  assert(seen.sets === 1000 && seen.pages > 40_000 && seen.mapped > 4000 && seen.unmapped > 2000, JSON.stringify(seen));
});
