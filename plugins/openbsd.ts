/**
 * The plugin openbsd: handles the program header types of OpenBSD (OpenBSD, sys/exec_elf.h).
 *
 * @module
 */

import { coverage } from "../core/address_space/coverage.ts";
import { type AddressRange, lowerHalf, rangeIndex, upperHalf } from "../core/address_space/range_index.ts";
import {
  PT_OPENBSD_BOOTDATA,
  PT_OPENBSD_MUTABLE,
  PT_OPENBSD_RANDOMIZE,
  PT_OPENBSD_WXNEEDED,
  segmentTypeName,
} from "../core/elf/constants.ts";
import type { Segment } from "../core/elf/program_header.ts";
import { hexAddr } from "../core/hex.ts";
import { alignUp, canonical, low48, LOW48_END, pageStart } from "../core/memory/addresses.ts";
import type { TakesFor } from "../core/pipeline/context.ts";
import { unshareDemand } from "../core/pipeline/frame_demand.ts";
import type { Handler, Plugin } from "../core/plugin/plugin.ts";
import { checkKeys, checkSeed } from "../core/pipeline/settings.ts";
import type { PluginContext } from "../core/plugin/plugin_context.ts";
import { diagnostic } from "./openbsd/diagnostics.ts";
import { fillFromSeed, fillFromSystem, type FillRandom } from "./openbsd/random_bytes.ts";

/** A range of virtual addresses. */
export interface OpenBsdRange {
  /** Virtual address of its first byte, including the offset. */
  readonly virt: bigint;
  /** Number of bytes. */
  readonly size: bigint;
}

/** What the plugin openbsd did and found. */
export interface OpenBsd {
  /**
   * Ranges that were filled with random bytes (`PT_OPENBSD_RANDOMIZE`). Where they overlap, the bytes are
   * those of the last one.
   */
  readonly randomized: readonly OpenBsdRange[];
  /** Ranges reserved for a boot loader to write to (`PT_OPENBSD_BOOTDATA`). */
  readonly bootData: readonly OpenBsdRange[];
  /** Ranges whose mappings must stay mutable (`PT_OPENBSD_MUTABLE`). */
  readonly mutable: readonly OpenBsdRange[];
  /** Whether the file asks for pages that are both writable and executable (`PT_OPENBSD_WXNEEDED`). */
  readonly wxNeeded: boolean;
}

/** Where random bytes come from. */
export interface OpenBsdOptions {
  /** A 64-bit number that determines the random bytes. Default: random bytes from the system. */
  readonly seed?: bigint;
}

/** Which list the ranges of each type belong to. */
const LISTS = {
  [PT_OPENBSD_RANDOMIZE]: "randomized",
  [PT_OPENBSD_BOOTDATA]: "bootData",
  [PT_OPENBSD_MUTABLE]: "mutable",
} as const;

const NOTHING: OpenBsd = { randomized: [], bootData: [], mutable: [], wxNeeded: false };

/** Number of bytes to write at once. It divides 2^47, where the non-canonical hole begins. */
const CHUNK = 65536;

/**
 * Fills the ranges that ask for random bytes, and reports what else the OpenBSD headers ask for.
 *
 * @example
 * ```ts
 * import { loadKernel } from "@kload/kload";
 * import { openbsd } from "@kload/kload/plugins/openbsd";
 * import { assertEquals } from "@std/assert";
 *
 * const file = await Deno.readFile("examples/hello/hello.elf");
 * new DataView(file.buffer).setUint32(64 + 4 * 56, 0x65a3dbe7, true); // its GNU_STACK becomes OPENBSD_WXNEEDED
 * const kernel = await loadKernel(file, { plugins: [openbsd({ seed: 1n })] });
 * assertEquals(kernel.results.openbsd, { randomized: [], bootData: [], mutable: [], wxNeeded: true });
 * ```
 *
 * @param options Where random bytes come from.
 * @returns The plugin.
 * @throws {TypeError} If an option is unknown, or the seed is not a `bigint`.
 * @throws {RangeError} If the seed does not fit in 64 bits.
 */
export function openbsd(options: OpenBsdOptions = {}): Plugin<"openbsd", OpenBsd> {
  checkKeys(options, ["seed"]);
  const { seed } = options;
  checkSeed(seed);
  return {
    name: "openbsd",
    handlers: [
      // after every segment, and before anything is sealed
      { ...together(PT_OPENBSD_RANDOMIZE, (headers, context) => fillAll(headers, context, seed)), phase: "relocate" },
      together(PT_OPENBSD_BOOTDATA, reportBootData),
      together(PT_OPENBSD_MUTABLE, () => {}),
      WX_NEEDED,
    ],
    takes,
  };
}

/** The size of all pages of the filled ranges, each of which may be unshared; no more than all segments can take. */
function takes({ rules, segments }: TakesFor): number {
  const filled = segments.filter(({ p_type, p_memsz }) => p_type === PT_OPENBSD_RANDOMIZE && p_memsz > 0n);
  const pages = filled.reduce((sum, { p_vaddr, p_memsz }) => {
    const first = low48(p_vaddr);
    return sum + alignUp(first + Number(p_memsz)) - pageStart(first);
  }, 0);
  return Math.min(pages, unshareDemand(rules, segments));
}

/** Handles all headers of a type when the first one comes: those whose ranges are loaded. */
function together(
  type: keyof typeof LISTS,
  handleAll: (headers: readonly Segment[], context: PluginContext) => void | Promise<void>,
): Handler<OpenBsd> {
  const begun = new WeakSet<PluginContext["segments"]>();
  return {
    type,
    handle: async (_, context, found = NOTHING) => {
      if (begun.has(context.segments)) return found;
      begun.add(context.segments);
      const headers = await loadedHeaders(type, context);
      await handleAll(headers, context);
      const ranges: OpenBsdRange[] = [];
      await forEach(headers, (phdr) => void ranges.push(rangeOf(phdr, context)), context);
      return { ...found, [LISTS[type]]: ranges };
    },
  };
}

/** Does something with each of what may be tens of thousands of headers, with pauses. */
async function forEach(
  headers: Iterable<Segment>,
  work: (phdr: Segment) => void,
  { pause }: PluginContext,
): Promise<void> {
  for (const phdr of headers) {
    work(phdr);
    const pausing = pause();
    if (pausing) await pausing;
  }
}

async function reportBootData(headers: readonly Segment[], context: PluginContext): Promise<void> {
  await forEach(headers, (phdr) => {
    const { virt, size } = rangeOf(phdr, context);
    const message = `The kernel reserves ${hexAddr(size)} bytes at ${hexAddr(virt)} for boot data; none was written.`;
    context.report(diagnostic("openbsd-bootdata-empty", { index: phdr.index, addresses: [virt], message }));
  }, context);
}

const WX_NEEDED: Handler<OpenBsd> = {
  type: PT_OPENBSD_WXNEEDED,
  handle: ({ index }, { report }, found = NOTHING) => {
    const message =
      "The kernel asks for memory that is both writable and executable; its pages keep the permissions of " +
      "their segments.";
    report(diagnostic("openbsd-wx-needed", { index, message }));
    return { ...found, wxNeeded: true };
  },
};

/** The range of a header that lies within one `PT_LOAD`. */
function rangeOf({ p_vaddr, p_memsz }: Segment, { signedOffset }: PluginContext): OpenBsdRange {
  return { virt: canonical(low48(p_vaddr + signedOffset)), size: p_memsz };
}

/** The headers of a type whose ranges are not empty and lie within a single `PT_LOAD`; reports the others. */
async function loadedHeaders(type: number, context: PluginContext): Promise<readonly Segment[]> {
  const loads = context.segments.filter(({ load }) => load);
  const { reaching } = rangeIndex(loads.map(({ p_vaddr, p_memsz }) => ({ start: p_vaddr, end: p_vaddr + p_memsz })));
  const loaded: Segment[] = [];
  await forEach(context.segments, (phdr) => {
    const { index, p_type, p_vaddr, p_memsz } = phdr;
    if (p_type !== type || p_memsz === 0n) return;
    const load = reaching(upperHalf(p_vaddr), lowerHalf(p_vaddr));
    if (load && p_vaddr + p_memsz <= load.end) return void loaded.push(phdr);
    const virt = BigInt.asUintN(64, p_vaddr + context.virtualAddressOffset);
    const message =
      `The ${hexAddr(p_memsz)} bytes at ${hexAddr(virt)} (${segmentTypeName(p_type)}) do not lie within a single ` +
      "PT_LOAD segment; ignored.";
    context.report(diagnostic("openbsd-range-not-loaded", { index, addresses: [virt], message }));
  }, context);
  return loaded;
}

/** Fills ranges, which may overlap: each byte once, for the last header that covers it. */
async function fillAll(headers: readonly Segment[], context: PluginContext, seed: bigint | undefined): Promise<void> {
  const later = coverage();
  const parts: (readonly AddressRange[])[] = [];
  await forEach(headers.toReversed(), ({ p_vaddr, p_memsz }) => {
    parts.push(later.add(p_vaddr, p_vaddr + p_memsz));
  }, context);
  for (const { index } of headers) {
    const random = seed === undefined ? fillFromSystem : fillFromSeed(seed, index);
    for (const part of parts.pop() ?? []) await fill(part, random, context);
  }
}

async function fill({ start, end }: AddressRange, random: FillRandom, context: PluginContext): Promise<void> {
  const first = low48(start + context.signedOffset);
  const size = Number(end - start);
  const buffer = new Uint8Array(Math.min(size, CHUNK));
  for (let done = 0; done < size;) {
    const low = (first + done) % LOW48_END;
    const bytes = buffer.subarray(0, Math.min(size - done, CHUNK - low % CHUNK));
    random(bytes);
    context.addressSpace.write(canonical(low), bytes);
    done += bytes.length;
    const pausing = context.pause();
    if (pausing) await pausing;
  }
}
