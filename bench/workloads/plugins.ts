/** What plugins add to a load. */

import { loadKernel } from "../../mod.ts";
import { presets } from "../../plugins/presets.ts";
import { type Group, timedEachAwaited, type Workload } from "../runner/workload.ts";

const CALLS = 10;

const preset: Workload = {
  name: "hello-pie.elf with the default preset / without plugins",
  open: async () => {
    const file = await Deno.readFile(new URL("../../examples/hello/hello-pie.elf", import.meta.url));
    return {
      floor: timedEachAwaited(CALLS, () => loadKernel(file)),
      kload: timedEachAwaited(CALLS, () => loadKernel(file, presets.default)),
    };
  },
};

/** The group. */
export const plugins: Group = { name: "plugins", workloads: [preset] };
