/**
 * What handlers see of a load.
 *
 * @module
 */

import type { AddressSpace } from "../address_space/address_space.ts";
import type { Diagnostic } from "../diagnostics.ts";
import type { FileHeader } from "../elf/file_header.ts";
import type { ProgramHeader, Segment } from "../elf/program_header.ts";
import type { Rules } from "../rules.ts";

/** What a handler can see and do. */
export interface PluginContext {
  /** The rule set. */
  readonly rules: Rules;
  /** The ELF file header. */
  readonly fileHeader: FileHeader;
  /** The program headers, in table order, as they are in the file. */
  readonly programHeaders: readonly ProgramHeader[];
  /** The same, checked: `load` is the range of a header that is loaded, `claim` what plugins ask of a claimed one. */
  readonly segments: readonly Segment[];
  /** What is added to every `p_vaddr`, modulo 2^64. */
  readonly virtualAddressOffset: bigint;
  /** The same, before reduction modulo 2^64; negative for a kernel placed below the address it was linked for. */
  readonly signedOffset: bigint;
  /** Virtual address of the entry point, including the offset. */
  readonly entryPoint: bigint;
  /** Memory, frames, page tables and free level-4 entries, for reading, writing, mapping and reserving. */
  readonly addressSpace: AddressSpace;
  /**
   * Waits for a header's file bytes and returns a view of them, which must not be written to. For headers outside every
   * `PT_LOAD`, this needs a handler with `readsFile`. Throws a `LoadError` "segment-out-of-file", and a `RangeError` if
   * the bytes are not kept.
   */
  readonly fileBytes: (segment: ProgramHeader) => Promise<Uint8Array>;
  /**
   * For long work: call it between steps of at most a few milliseconds, and await what it returns. Every 20 ms that is
   * a promise of the next turn of the event loop, which rejects after an abort; otherwise it is `undefined`.
   */
  readonly pause: () => Promise<void> | undefined;
  /** Reports a diagnostic. */
  readonly report: (diagnostic: Diagnostic) => void;
  /** What the plugins named in `dependsOn` have found, by name. */
  readonly results: Readonly<Record<string, unknown>>;
}

/**
 * Creates the context for the handlers of one plugin.
 *
 * @param dependsOn Names of the plugins whose results the handlers see.
 * @param context The load.
 * @param results What the plugins have found so far.
 * @returns The context, frozen.
 */
export function pluginContext(
  dependsOn: readonly string[],
  context: Omit<PluginContext, "results">,
  results: ReadonlyMap<string, unknown>,
): PluginContext {
  const { rules, fileHeader, programHeaders, segments, virtualAddressOffset, signedOffset, entryPoint } = context;
  const { addressSpace, fileBytes, pause, report } = context;
  return Object.freeze({
    rules,
    fileHeader,
    programHeaders,
    segments,
    virtualAddressOffset,
    signedOffset,
    entryPoint,
    addressSpace,
    fileBytes,
    pause,
    report,
    results: Object.freeze(Object.fromEntries(dependsOn.map((name) => [name, results.get(name)]))),
  });
}
