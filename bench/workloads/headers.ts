/** Kernels with many program headers. */

import { loadKernel } from "../../mod.ts";
import { sumFields } from "../floors.ts";
import { FILE_HEADER, manyHeaders } from "../kernels.ts";
import { type Group, timed, type Workload } from "../runner/workload.ts";

function loadHeaders(count: number): Workload {
  return {
    name: `${count.toLocaleString("en")} LOAD headers / six getBigUint64 a header, summed`,
    aim: 20,
    open: () => {
      const file = manyHeaders(count);
      const view = new DataView(file.buffer);
      return {
        floor: timed({ run: () => sumFields(view, FILE_HEADER, count) }),
        kload: timed({ run: () => loadKernel(file) }),
      };
    },
  };
}

/** The group. */
export const headers: Group = { name: "headers", workloads: [1_000, 65_000].map(loadHeaders) };
