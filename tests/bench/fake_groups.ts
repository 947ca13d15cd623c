/** Workloads with given costs, for tests of the runner; each is measured by what it is called. */

import type { Group, Workload } from "../../bench/runner/workload.ts";

function costs(name: string, floor: number, kload: number, aim?: number): Workload {
  return { name, ...(aim === undefined ? {} : { aim }), open: () => ({ floor: () => floor, kload: () => kload }) };
}

function broken(name: string, aim?: number): Workload {
  return {
    name,
    ...(aim === undefined ? {} : { aim }),
    open: () => {
      throw new Error("no such package");
    },
  };
}

/** The groups, as bench/groups.ts exports them. */
export const groups: readonly Group[] = [
  { name: "first", workloads: [costs("exact", 10, 20, 2), costs("above", 10, 20.1, 2), costs("slow", 1, 1000)] },
  { name: "second", workloads: [broken("broken, judged", 1), broken("broken, told"), costs("after it", 3, 1, 1)] },
  {
    name: "ended",
    workloads: [{ name: "leaves", open: () => Deno.exit(3) }, costs("never reached", 1, 1, 1)],
  },
];
