/** Which workloads run. */

import type { Group } from "./workload.ts";

/** Returns the groups with those of their workloads whose name, or whose group's name, contains the text. */
export function chosen(groups: readonly Group[], filter = ""): readonly Group[] {
  const has = (name: string): boolean => name.toLowerCase().includes(filter.toLowerCase());
  return groups.map((group) => {
    return has(group.name) ? group : { ...group, workloads: group.workloads.filter(({ name }) => has(name)) };
  }).filter(({ workloads }) => workloads.length > 0);
}
