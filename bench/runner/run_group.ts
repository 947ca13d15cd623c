/**
 * Runs one group in this process, and prints each result as a line of JSON:
 *
 *     deno run -A bench/runner/run_group.ts REGISTRY GROUP EFFORT [FILTER]
 */

import { EFFORTS, measure } from "./measure.ts";
import { chosen } from "./choose.ts";
import type { Group } from "./workload.ts";

const [registry, name, effort, filter] = Deno.args;
const { groups } = await import(registry) as { readonly groups: readonly Group[] };
for (const group of chosen(groups, filter)) {
  if (group.name !== name) continue;
  for (const workload of group.workloads) {
    console.log(JSON.stringify(await measure(name, workload, EFFORTS[effort as keyof typeof EFFORTS])));
  }
}
