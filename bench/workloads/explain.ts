/** What is read of a kernel's file to explain it, next to its load. */

import { loadKernel } from "../../mod.ts";
import { readRelocations, readSymbols } from "../../explain/mod.ts";
import { relocate } from "../../plugins/relocate.ts";
import { staticPie } from "../kernels.ts";
import { namedKernel } from "../named_kernel.ts";
import { once } from "../runner/once.ts";
import { type Group, timed, type Workload } from "../runner/workload.ts";

const named = once(() => namedKernel(100_000));

const oneSymbol: Workload = {
  name: "names and the symbol at an address, 55 MB with 100,000 symbols / its load",
  aim: 0.3,
  open: () => {
    const { file, name, address } = named();
    return {
      floor: timed({ run: () => loadKernel(file) }),
      kload: timed({
        run: async () => {
          const symbols = await readSymbols(file);
          if (symbols.symbolAt(address)?.symbol.name !== name) throw new Error(`${name} is not found`);
        },
      }),
    };
  },
};

const allSymbols: Workload = {
  name: "names and every symbol by address, 55 MB with 100,000 symbols / its load",
  open: () => {
    const { file, name } = named();
    return {
      floor: timed({ run: () => loadKernel(file) }),
      kload: timed({
        run: async () => {
          const symbols = await readSymbols(file);
          let count = 0;
          for (const _ of symbols.inRange(0n, 1n << 64n)) count++;
          if (count !== symbols.count || symbols.find(name).length !== 1) throw new Error(`${count} symbols`);
        },
      }),
    };
  },
};

function oneRelocation(kind: "rela" | "relr", aim: number): Workload {
  return {
    name: `the relocation at an address, 1,000,000 as ${kind.toUpperCase()} / its load with the plugin`,
    aim,
    open: () => {
      const { file, words } = staticPie(1_000_000, kind);
      return {
        floor: timed({ run: () => loadKernel(file, { plugins: [relocate()] }) }),
        kload: timed({
          run: async () => {
            const relocations = await readRelocations(file);
            if (relocations.at(BigInt(words + 8 * 654_321)).length !== 1) throw new Error("it is not found");
          },
        }),
      };
    },
  };
}

/** The group. */
export const explain: Group = {
  name: "explain",
  workloads: [oneSymbol, allSymbols, oneRelocation("rela", 1), oneRelocation("relr", 2)],
};
