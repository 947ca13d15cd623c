/** Kernels as `kload run` starts them, and guests that run one until it halts. */

import { assert } from "@std/assert";
import { loadPlan, withExplained } from "../../../cli/commands/with_explained.ts";
import { paintFor } from "../../../cli/output/paint.ts";
import type { Bootable } from "../../../cli/report/bootable.ts";
import { type Guest, until } from "./guest.ts";

/** A kernel as `kload run` starts it. */
export async function loadedAsRun(path: string): Promise<Bootable> {
  const none = { values: new Map(), lists: new Map() };
  const plan = await loadPlan({ source: path, ...none, switches: new Set(["as-run"]) });
  const print = () => Promise.resolve();
  const paint = paintFor(false);
  const output = { json: false, quiet: true, verbose: false, paint, paintError: paint, print, printError: print };
  let loaded: Bootable | undefined;
  await withExplained(path, plan, [], output, new AbortController().signal, ({ bootable }) => {
    loaded = bootable;
    return Promise.resolve(0);
  });
  assert(loaded);
  return loaded;
}

/** Lets a guest go on until its kernel halts, and stops it there. */
export async function runUntilHalted(guest: Guest, { kernel }: Bootable): Promise<void> {
  await guest.qmp.execute("cont");
  const cr3 = `CR3=${kernel.level4Frame.toString(16).padStart(16, "0")}`;
  await until("the kernel has run", async () => {
    const registers = await guest.monitor("info registers");
    return registers.includes(cr3) && registers.includes("HLT=1");
  });
  await guest.qmp.execute("stop");
}
