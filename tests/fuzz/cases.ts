/** Cases: a file and how it is loaded, all determined by a seed and a number. */

import { type FuzzFile, generateFile } from "./generate/file.ts";
import { randomOf } from "./random.ts";
import { chooseRules, generateSetup, type Setup } from "./setup.ts";
import { chooseCut, type Cut } from "./sources.ts";

/** A case. */
export interface Case {
  readonly seed: number;
  readonly index: number;
  readonly file: FuzzFile;
  readonly setup: Setup;
  /** How the source of the second load is cut. */
  readonly cut: Cut;
}

/** Creates a case. */
export function generateCase(seed: number, index: number): Case {
  const random = randomOf(seed, index);
  const rules = chooseRules(random);
  const file = generateFile(random, rules);
  const setup = generateSetup(random, rules, file);
  return { seed, index, file, setup, cut: chooseCut(random, file.bytes.length) };
}

/** Describes a case on a few lines. */
export function describeCase({ seed, index, file, setup, cut }: Case): string {
  const { allocator, ...rest } = setup;
  const plan = allocator && { ...allocator, frames: `${allocator.frames.length} frames` };
  const shown = JSON.stringify({ ...rest, allocator: plan }, (_, value) => {
    return typeof value === "bigint" ? `0x${value.toString(16)}` : value;
  });
  return `--seed ${seed} --from ${index} --runs 1: ${file.kind} file of ${file.bytes.length} bytes, ${cut}\n  ${shown}`;
}
