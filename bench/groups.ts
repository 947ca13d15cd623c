/** All groups of workloads, in the order of the table. */

import type { Group } from "./runner/workload.ts";
import { bss } from "./workloads/bss.ts";
import { explain } from "./workloads/explain.ts";
import { headers } from "./workloads/headers.ts";
import { large } from "./workloads/large.ts";
import { paging } from "./workloads/paging.ts";
import { parsers } from "./workloads/parsers.ts";
import { plugins } from "./workloads/plugins.ts";
import { relocation } from "./workloads/relocation.ts";
import { small } from "./workloads/small.ts";
import { startUp } from "./workloads/start_up.ts";

/** The groups. */
export const groups: readonly Group[] = [
  relocation,
  headers,
  small,
  large,
  bss,
  paging,
  plugins,
  explain,
  startUp,
  parsers,
];
