/** A static-PIE with a million relocations. */

import { loadKernel, type LoadOptions } from "../../mod.ts";
import { relocate } from "../../plugins/relocate.ts";
import { addToWords, relocateRela } from "../floors.ts";
import { staticPie } from "../kernels.ts";
import { type Group, type Sides, timed, type Workload } from "../runner/workload.ts";

const COUNT = 1_000_000;

/** Where the kernel is placed: the base that is added, and its halves. */
const BASE = 0xffff_ffff_9000_0000n;
const HALVES = [0x9000_0000, 0xffff_ffff] as const;

/** The relocations as `Elf64_Rela`, under a rule set that applies them. */
function rela(rules: "default" | "bootloader-0.11"): Workload {
  return {
    name: `1,000,000 RELATIVE (RELA), ${rules} / addends plus base, by the same table`,
    aim: 20,
    open: () => {
      const { file, table } = staticPie(COUNT, "rela");
      const words = new Uint32Array(file.slice().buffer, 0, file.length >> 2);
      return sides(() => relocateRela(words, table, COUNT, HALVES), file, { rules });
    },
  };
}

const relr: Workload = {
  name: "1,000,000 RELATIVE (RELR), default / base added to as many words in place",
  aim: 30,
  open: () => {
    const { file, words: start } = staticPie(COUNT, "relr");
    const words = new Uint32Array(file.slice().buffer, 0, file.length >> 2);
    return sides(() => addToWords(words, start, COUNT, HALVES), file, {});
  },
};

function sides(floor: () => void, file: Uint8Array, { rules }: Pick<LoadOptions, "rules">): Sides {
  const options = { rules, plugins: [relocate()], kernelBase: BASE };
  return { floor: timed({ run: floor }), kload: timed({ run: () => loadKernel(file, options) }) };
}

/** The group. */
export const relocation: Group = { name: "relocation", workloads: [rela("default"), rela("bootloader-0.11"), relr] };
