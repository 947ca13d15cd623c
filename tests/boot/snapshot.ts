/** What must be the same of a kernel before and after a call that failed. */

import type { LoadedKernel } from "../../mod.ts";

/** What is mapped, in use and left. */
export interface Snapshot {
  readonly pages: readonly string[];
  readonly level4: readonly number[];
  readonly nextFrame: number;
  readonly frames: ReturnType<LoadedKernel["frameRuns"]>;
  /** The first address that is found for what is added. */
  readonly free: bigint;
}

/** Takes a snapshot. */
export function snapshotOf(
  { pageTable, addressSpace, nextFrame, frameRuns }: Pick<
    LoadedKernel,
    "pageTable" | "addressSpace" | "nextFrame" | "frameRuns"
  >,
): Snapshot {
  const level4 = [...addressSpace.usedLevel4Entries];
  const free = [...Array(512).keys()].find((index) => !level4.includes(index)) ?? 0;
  return {
    pages: [...pageTable.leaves()].map(({ virt, phys, pageSize, flags }) => `${virt} ${phys} ${pageSize} ${flags}`),
    level4,
    nextFrame,
    frames: frameRuns(),
    free: BigInt.asUintN(64, BigInt.asIntN(48, BigInt(free) << 39n)),
  };
}
