/** Kernels that are almost all bss: what it costs to map memory by the gigabyte. */

import { loadKernel } from "../../mod.ts";
import { writeEntries } from "../floors.ts";
import { bssKernel, GIB, MIB, PAGE } from "../kernels.ts";
import { runScript } from "../runner/child.ts";
import { clocked, type Group, type Workload } from "../runner/workload.ts";

const OPTIONS = { maxMemory: 12 * GIB } as const;

/** A load against the entries alone. */
function entries(label: string, bss: number, aim: number): Workload {
  return {
    name: `${label} of bss / as many entries into fresh memory`,
    aim,
    open: async () => {
      const file = bssKernel(bss);
      const { memory, pageTable } = await loadKernel(file, OPTIONS);
      const tables = [...pageTable.tables()].filter(({ level }) => level === 1).map(({ frame }) => frame);
      const { size } = memory;
      return {
        floor: clocked({ run: () => writeEntries(new Uint32Array(size / 4), tables, bss / PAGE, 3) }),
        kload: clocked({ run: () => loadKernel(file, OPTIONS) }),
      };
    },
  };
}

const linear: Workload = {
  name: "8 GiB of bss / 8 times 1 GiB of bss",
  aim: 1.25,
  open: () => {
    const [small, large] = [bssKernel(GIB), bssKernel(8 * GIB)];
    const load = async () => {
      for (let time = 0; time < 8; time++) await loadKernel(small, OPTIONS);
    };
    return { floor: clocked({ run: load }), kload: clocked({ run: () => loadKernel(large, OPTIONS) }) };
  },
};

const resident: Workload = {
  name: "8 GiB of bss: resident memory that a load adds / its page tables",
  unit: "KiB",
  aim: 2.5,
  open: () => {
    let measured = { tables: 0, resident: 0 };
    const load = async () => void (measured = JSON.parse(await runScript("resident.ts", [String(8 * GIB)])));
    return { prepare: load, floor: () => measured.tables / 1024, kload: () => measured.resident / 1024 };
  },
};

/** The group. */
export const bss: Group = {
  name: "bss",
  workloads: [
    entries("256 MiB", 256 * MIB, 3),
    entries("1 GiB", GIB, 2),
    entries("4 GiB", 4 * GIB, 2),
    entries("8 GiB", 8 * GIB, 2),
    linear,
    resident,
  ],
};
