/** Asks the model that fits a case. */

import type { LoadedKernel } from "../../mod.ts";
import type { Case } from "./cases.ts";
import { defaultModel, NO_ROOM } from "./model/default_rules.ts";
import { model010 } from "./model/rules_0_10.ts";
import { model011 } from "./model/rules_0_11.ts";
import { type ModelInput, type Verdict, verdictOf } from "./model/verdict.ts";
import { INERT } from "./plugins.ts";
import type { Setup } from "./setup.ts";
import { oldPage } from "./windows.ts";

const PAGE = 4096;

/** What the model says of a case; it is told where a load placed the kernel at random. */
export function judge({ file, setup }: Case, kernel: LoadedKernel | undefined): Verdict {
  if (setup.allocator?.kind === "hostile") return { outcome: "unsettled" };
  const input = inputOf(file.bytes, setup, kernel);
  if (setup.rules === "default") return withRoom(verdictOf(() => defaultModel(input)), file.bytes, setup);
  const active = setup.plugins.filter((name) => !INERT.has(name)).join();
  const isTheirs = active === (setup.rules === "bootloader-0.11" ? "relocate,relro" : "");
  if (!isTheirs || setup.memory.kind === "own" && setup.maxMemory < 2 ** 24) return { outcome: "unsettled" };
  const end = endOf(file.bytes, setup);
  if (setup.memory.kind !== "own" && end > setup.memory.base + setup.memory.size) {
    return { outcome: "refused", codes: new Set() };
  }
  const verdict = verdictOf(() => setup.rules === "bootloader-0.10" ? model010(input) : model011(input));
  if (verdict.outcome !== "accepted" || setup.memory.kind !== "own") return verdict;
  // Memory of its own is sized by an upper bound, which may be above the limit where the exact number is not.
  const needed = end - setup.memory.base + verdict.frames * PAGE;
  return needed * 2 > setup.maxMemory ? { outcome: "unsettled" } : verdict;
}

function endOf(file: Uint8Array, { kernelOffset }: Setup): number {
  return kernelOffset + Math.ceil(file.length / PAGE) * PAGE;
}

function inputOf(file: Uint8Array, setup: Setup, kernel: LoadedKernel | undefined): ModelInput {
  const { memory: { kind, base, size }, plugins, seed, kernelBase, kernelOffset, level4Frame, maxMemory } = setup;
  const memoryEnd = kind === "own" ? undefined : base + size;
  return {
    file,
    plugins: new Set<string>(seed === undefined ? plugins : [...plugins, "relocate at random"]),
    ...(kernelBase === undefined ? {} : { kernelBase }),
    ...(seed === undefined || !kernel ? {} : { chosenOffset: kernel.virtualAddressOffset }),
    maxMemory: BigInt(maxMemory),
    kernelOffset: BigInt(kernelOffset),
    memoryBase: BigInt(base),
    ...(memoryEnd === undefined ? {} : { memoryEnd: BigInt(memoryEnd) }),
    ...(level4Frame === undefined ? {} : { level4Frame: BigInt(level4Frame) }),
    takeFrame: framesOf(file, setup),
    before: (phys) => kind === "given" ? oldPage(Number(phys) - base) : new Uint8Array(PAGE),
  };
}

/** The frames that the load gets, in order. */
function framesOf(file: Uint8Array, setup: Setup): () => bigint | undefined {
  const { memory: { kind, base, size }, level4Frame, allocator, maxMemory } = setup;
  if (allocator) {
    let at = 0;
    return () => at < allocator.frames.length ? BigInt(allocator.frames[at++]) : undefined;
  }
  let next = endOf(file, setup);
  return () => {
    if (next === level4Frame) next += PAGE;
    if (next + PAGE > base + (kind === "own" ? maxMemory : size)) return undefined;
    next += PAGE;
    return BigInt(next - PAGE);
  };
}

/** A kernel that the default rules accept may still find too little room; how much it needs is not exactly known. */
function withRoom(verdict: Verdict, file: Uint8Array, setup: Setup): Verdict {
  if (verdict.outcome === "refused") return { ...verdict, codes: new Set([...verdict.codes, ...NO_ROOM]) };
  if (verdict.outcome === "unsettled") return verdict;
  const { memory: { kind, base, size }, plugins, level4Frame = 0, allocator, maxMemory } = setup;
  const end = endOf(file, setup);
  const frames = verdict.frames + (plugins.includes("sections") ? 8 + Math.ceil(file.length / PAGE / 512) : 0);
  const needed = Math.max(end + frames * PAGE, level4Frame + PAGE) - base;
  const left = allocator ? allocator.frames.length : (base + size - end) / PAGE;
  const isEnough = kind === "own" ? needed <= maxMemory && base + needed <= 2 ** 52 : left >= 0 && left > frames;
  return isEnough ? verdict : { ...verdict, maybe: new Set([...verdict.maybe, ...NO_ROOM]) };
}
