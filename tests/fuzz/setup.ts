/** How a case loads its file: rules, plugins, memory, frames and addresses. */

import type { LoadOptions, RuleSetName } from "../../mod.ts";
import { type AllocatorPlan, openAllocator, planAllocator } from "./allocators.ts";
import type { FuzzFile } from "./generate/file.ts";
import { type PluginName, PLUGINS } from "./plugins.ts";
import type { Random } from "./random.ts";
import { openWindow, type Window } from "./windows.ts";

const PAGE = 4096;

/** The most memory that a load may allocate itself. */
export const MOST_MEMORY = 2 ** 24;

/** How a file is loaded. */
export interface Setup {
  readonly rules: RuleSetName;
  readonly plugins: readonly PluginName[];
  /** Where the plugin relocate places kernels at random. */
  readonly seed?: bigint;
  /** Whether the load allocates memory, with or without a given size, or gets a window full of old bytes. */
  readonly memory: { readonly kind: "own" | "sized" | "given"; readonly base: number; readonly size: number };
  readonly shared: boolean;
  readonly kernelOffset: number;
  readonly level4Frame?: number;
  readonly allocator?: AllocatorPlan;
  readonly kernelBase?: bigint;
  readonly reserve?: number;
  readonly maxMemory: number;
  /** An option that must be refused with a TypeError or RangeError. */
  readonly invalid?: { readonly [option: string]: unknown };
}

export const RULE_SETS: readonly RuleSetName[] = ["default", "bootloader-0.10", "bootloader-0.11"];

/** Chooses the rules of a case. */
export function chooseRules(random: Random): RuleSetName {
  return random.weighted([[6, "default"], [2, "bootloader-0.10"], [3, "bootloader-0.11"]]);
}

/** Chooses the rest for a file. */
export function generateSetup(random: Random, rules: RuleSetName, { bytes, movable }: FuzzFile): Setup {
  const plugins = choosePlugins(random, rules);
  const kind = random.weighted([[3, "own"], [1, "sized"], [7, "given"]]);
  const filePages = Math.ceil(bytes.length / PAGE);
  const below = random.weighted([[6, random.below(6)], [kind === "own" ? 0.5 : 0, 512]]);
  const spare = random.weighted([[8, 60 + random.below(200)], [1.5, random.below(24)], [0.1, -random.below(4)]]);
  const size = Math.max(below + 1, below + filePages + spare) * PAGE;
  const base = chooseBase(random, rules, kind === "own" ? MOST_MEMORY : size);
  const kernelOffset = base + below * PAGE;
  const fileEnd = kernelOffset + filePages * PAGE;
  const level4Frame = random.chance(0.25) ? chooseLevel4(random, base, kernelOffset, fileEnd, base + size) : undefined;
  const chosenBase = random.chance(movable ? 0.25 : 0.02);
  return {
    rules,
    plugins,
    ...(plugins.includes("relocate") && random.chance(0.15) ? { seed: random.word() } : {}),
    memory: { kind, base, size },
    shared: random.chance(0.4),
    kernelOffset,
    ...(level4Frame === undefined ? {} : { level4Frame }),
    ...(kind === "given" && random.chance(0.5)
      ? { allocator: allocatorFor(random, { base, size, kernelOffset, fileEnd, level4Frame }) }
      : {}),
    ...(chosenBase ? { kernelBase: chooseKernelBase(random) } : {}),
    ...(random.chance(0.3) ? { reserve: random.pick([0, 1, 4096, 70000]) } : {}),
    maxMemory: kind === "own" && random.chance(0.05) ? 2 ** 16 + random.below(2 ** 20) : MOST_MEMORY,
    ...(random.chance(0.02) ? { invalid: chooseInvalid(random, base) } : {}),
  };
}

function choosePlugins(random: Random, rules: RuleSetName): readonly PluginName[] {
  const names = Object.keys(PLUGINS) as PluginName[];
  const all = names.filter((name) => name !== "sections");
  if (random.chance(0.3)) return names.filter((name) => random.chance(name === "sections" ? 0.3 : 0.6));
  if (rules === "default") return random.chance(0.2) ? names : all;
  return rules === "bootloader-0.11" ? ["relocate", "relro"] : [];
}

function chooseBase(random: Random, rules: RuleSetName, size: number): number {
  const far = rules === "bootloader-0.11" ? [] : [2 ** 40, 2 ** 52 - size];
  return random.pick([0, 0, 0x1000, 0x10_0000, 0x10_0000, 2 ** 32 - 0x8000, 2 ** 31 - 0x3000, ...far]);
}

/** A frame for the level-4 table that lies outside the file. */
function chooseLevel4(
  random: Random,
  base: number,
  kernelOffset: number,
  fileEnd: number,
  end: number,
): number | undefined {
  const before = kernelOffset - base;
  const after = Math.min(end, fileEnd + 20 * PAGE) - fileEnd;
  const [start, size] = before > 0 && random.chance(0.5) ? [base, before] : [fileEnd, after];
  return size > 0 ? start + random.below(size / PAGE) * PAGE : undefined;
}

function allocatorFor(
  random: Random,
  { base, size, kernelOffset, fileEnd, level4Frame }: {
    readonly base: number;
    readonly size: number;
    readonly kernelOffset: number;
    readonly fileEnd: number;
    readonly level4Frame: number | undefined;
  },
): AllocatorPlan {
  const free: number[] = [];
  for (let frame = base; frame < base + size; frame += PAGE) {
    if ((frame < kernelOffset || frame >= fileEnd) && frame !== level4Frame) free.push(frame);
  }
  const taken = level4Frame === undefined ? [kernelOffset] : [kernelOffset, level4Frame];
  return planAllocator(random, free, taken, random.chance(0.15) ? random.below(16) : Infinity);
}

function chooseKernelBase(random: Random): bigint {
  return random.weighted([
    [4, random.pick([0n, 0x20_0000n, 0x4000_0000n, 0xffff_8000_0000_0000n, 0xffff_ffff_8000_0000n, 0x80_0000_0000n])],
    [2, BigInt.asUintN(64, BigInt.asIntN(48, random.word() & 0x3fff_ffff_f000n))],
    [0.5, random.pick([0x1000n, 0xffff_ffff_ffff_f000n, 0x7fff_ffff_f000n])],
    [0.3, random.word()],
  ]);
}

/** Options that no load takes, whatever the file. */
function chooseInvalid(random: Random, base: number): { readonly [option: string]: unknown } {
  const rows: readonly { readonly [option: string]: unknown }[] = [
    { kernelOffset: base + 1 },
    { kernelOffset: -4096 },
    { kernelOffset: `${base}` },
    { level4Frame: 0.5 },
    { level4Frame: 2 ** 52 },
    { kernelBase: -1n },
    { kernelBase: 4096 },
    { maxMemory: 0 },
    { reserve: -1 },
    { rules: "bootloader-0.9" },
    { memory: new ArrayBuffer(4096) },
    { memory: { base: 1 } },
    { frames: {} },
    { plugins: [{ name: "" }] },
    { onprogress: () => {} },
    { pipeline: [] },
  ];
  return random.pick(rows);
}

/** The options of a load, with what is watched of it. */
export interface Prepared {
  readonly options: LoadOptions;
  /** The window that the load got. */
  readonly window?: Window;
  /** The frames that the case's allocator has handed out. */
  readonly handed?: ReadonlySet<number>;
}

/** Prepares one load; everything in it is fresh. */
export function prepare(setup: Setup): Prepared {
  const { memory, kernelOffset, level4Frame, kernelBase, reserve, maxMemory, rules, allocator } = setup;
  const { kind, base, size } = memory;
  const window = kind === "given" ? openWindow(base, size, setup.shared) : undefined;
  const handing = allocator ? openAllocator(allocator) : undefined;
  const options = {
    rules,
    plugins: setup.plugins.map((name) => PLUGINS[name](setup.seed)),
    memory: window?.memory ?? (kind === "sized" ? { base, size } : { base }),
    kernelOffset,
    maxMemory,
    ...(level4Frame === undefined ? {} : { level4Frame }),
    ...(kernelBase === undefined ? {} : { kernelBase }),
    ...(reserve === undefined ? {} : { reserve }),
    ...(handing ? { frames: handing.allocator } : {}),
    ...setup.invalid,
  };
  return { options: options as LoadOptions, window, handed: handing?.handed };
}
