/** Kernels with two deviations at once, the same for the same seed. */

import { ELF_MUTATIONS } from "./elf_mutations.ts";
import { buildKernel, type KernelSpec, type Mutation } from "./kernel.ts";
import { MULTIBOOT_MUTATIONS, multibootKernel } from "./multiboot.ts";
import { MULTIBOOT2_MUTATIONS, multiboot2Kernel } from "./multiboot2.ts";
import { type Choices, choices } from "./random.ts";

/** Kernels for one boot protocol. */
export interface Family {
  readonly name: string;
  /** A kernel that the protocol's loaders boot. */
  readonly kernel: (random: Choices) => KernelSpec;
  /** Deviations in the protocol's own headers; those in ELF headers are common to all. */
  readonly mutations: readonly Mutation[];
}

/** Kernels for Multiboot 1. */
export const MULTIBOOT: Family = { name: "mb1", kernel: multibootKernel, mutations: MULTIBOOT_MUTATIONS };

/** Kernels for Multiboot 2. */
export const MULTIBOOT2: Family = { name: "mb2", kernel: multiboot2Kernel, mutations: MULTIBOOT2_MUTATIONS };

/** A file, and what was done to it. */
export interface GeneratedKernel {
  /** The family, the deviations and the seed. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Builds the kernel of a seed, with none, one or mostly two deviations. */
export function generateKernel({ name, kernel, mutations }: Family, seed: number): GeneratedKernel {
  const random = choices(seed);
  const count = random.of([0, 1, 1, 2, 2, 2, 2, 2]);
  const chosen = Array.from({ length: count }, () => random.of(random.once(2) ? mutations : ELF_MUTATIONS));
  const spec = chosen.reduce((changed, { apply }) => apply(changed, random), kernel(random));
  return { name: [name, ...chosen.map((mutation) => mutation.name), seed].join("-"), bytes: buildKernel(spec) };
}
