/**
 * What handlers see of a load.
 *
 * @module
 */

import { LoadError } from "../errors.ts";
import { PAGE_SIZE, virtAddr } from "../memory/addresses.ts";
import type { UsedLevel4Entries } from "../paging/used_level4_entries.ts";
import { readVirtual } from "../address_space/virtual_memory.ts";
import { unshare } from "../address_space/unshare.ts";
import type { AnyPlugin, PluginContext } from "./plugin.ts";
import type { Base, Checked, Loading, Parsed } from "../pipeline/stage.ts";

type Needs = Base & Parsed & Checked & Loading;

/**
 * Makes the context of one plugin's handlers.
 *
 * @param plugin The plugin; it sees the results of those that it needs.
 * @param context The load.
 * @param usedLevel4Entries The bookkeeping that all handlers of the load share.
 * @param results What the plugins have found so far.
 * @returns The context, frozen.
 */
export function pluginContext(
  plugin: AnyPlugin,
  context: Needs,
  usedLevel4Entries: UsedLevel4Entries,
  results: ReadonlyMap<string, unknown>,
): PluginContext {
  const { rules, fileHeader, segments, virtualAddressOffset, signedOffset, entryPoint, report } = context;
  const { memory, pageTable, frames, fileBytes } = context;
  const needed = (plugin.dependsOn ?? []).map((name) => [name, results.get(name)]);
  return Object.freeze(
    {
      rules,
      fileHeader,
      programHeaders: segments,
      virtualAddressOffset,
      signedOffset,
      entryPoint,
      memory,
      pageTable,
      fileBytes,
      read: (virt, length) => readVirtual(memory, pageTable, virt, length),
      write: (virt, bytes) => write(virt, bytes, context),
      own: (virt) => unshare(virt, context),
      allocateFrames: (count, owner) => {
        if (!Number.isSafeInteger(count) || count < 1) throw new RangeError(`Cannot allocate ${count} frames`);
        const run = frames.allocateRun(count, owner);
        if (run?.size === count * PAGE_SIZE) return run.phys;
        throw new LoadError("frames-exhausted", { field: "frames asked for in one piece", value: count });
      },
      usedLevel4Entries,
      report,
      results: Object.freeze(Object.fromEntries(needed)),
    } satisfies PluginContext,
  );
}

function write(virt: bigint, bytes: Uint8Array, context: Needs): void {
  const { memory, pageTable } = context;
  virtAddr(virt);
  for (const { at } of pieces(virt, bytes.length)) {
    if (!pageTable.translate(at).mapped) throw new LoadError("page-not-mapped", { field: "address", value: at });
  }
  for (const { at, from, size } of pieces(virt, bytes.length)) {
    memory.bytes(unshare(at, context), size).set(bytes.subarray(from, from + size));
  }
}

/** Cuts a range at page boundaries. */
function* pieces(virt: bigint, length: number): Generator<{ at: bigint; from: number; size: number }> {
  for (let from = 0; from < length;) {
    const at = virt + BigInt(from);
    const size = Math.min(length - from, PAGE_SIZE - Number(at % BigInt(PAGE_SIZE)));
    yield { at, from, size };
    from += size;
  }
}
