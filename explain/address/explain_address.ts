/**
 * Explains what is at an address, and why.
 *
 * @module
 */

import { segmentTypeName } from "../../core/elf/constants.ts";
import { flagLetters, mappingLetters } from "../../core/elf/permission_letters.ts";
import { hexAddr } from "../../core/hex.ts";
import { low48, PAGE_SIZE, pageStart } from "../../core/memory/addresses.ts";
import { type Explainable, kernelOf, tablesOf } from "../explained.ts";
import { relocationsInBytes } from "../relocations/relocations_in_bytes.ts";
import type { TableSet } from "../tables/table_set.ts";
import { isCanonicalFor, type Walk, type WalkEnd, walkTables } from "../tables/walk_tables.ts";
import { absentReasons } from "./absent_reasons.ts";
import type { AddressExplanation, SegmentPlace } from "./address_explanation.ts";
import type { ExplainOptions } from "./explain_options.ts";
import { type KernelLayout, kernelLayout, linkedFor, loadAt, type LoadedHeader } from "./kernel_layout.ts";
import { namedPlaces } from "./named_places.ts";
import { nearRuns } from "./near_runs.ts";
import { otherPageReasons } from "./other_page_reasons.ts";
import { pageOrigin } from "./page_origin.ts";
import { pageReasons, templateReasons } from "./page_reasons.ts";
import type { Reason } from "./reason.ts";
import { loadedByte } from "./segment_reasons.ts";
import { recursiveReasons, tableReasons } from "./table_reasons.ts";
import { unmappedReasons } from "./unmapped_reasons.ts";
import { writtenReasons } from "./written_reasons.ts";

/**
 * Explains what is at an address of a kernel or of any page tables, and why.
 *
 * @example
 * ```ts
 * import { explainAddress } from "@kload/kload/explain";
 * import { loadKernel } from "@kload/kload";
 * import { assertEquals } from "@std/assert";
 *
 * const kernel = await loadKernel(await Deno.readFile("examples/hello/hello.elf"));
 * const { permissions, physical, fileOffset, why } = explainAddress(kernel, 0xffffffff80002020n);
 * assertEquals([permissions, physical, fileOffset], ["RW-", 0x208020, 0x3020]);
 * assertEquals(why.map(({ kind }) => kind), ["copied", "loaded"]);
 * assertEquals(
 *   why[0].message,
 *   "The page is a copy of the file's, because the bss of program header 2 begins in it, at 0xffffffff80002028.",
 * );
 * ```
 *
 * @param explained The kernel, or only page tables: then only the walk and what is mapped nearby are explained.
 * @param address The address.
 * @param options Symbols, the kernel's file, and what was added after the load.
 * @returns What is there.
 * @throws {TypeError} If the address is not a `bigint`.
 * @throws {RangeError} If the address does not fit in 64 bits.
 */
export function explainAddress(
  explained: Explainable,
  address: bigint,
  options: ExplainOptions = {},
): AddressExplanation {
  return addressExplainer(explained, options)(address);
}

/**
 * Prepares to explain many addresses.
 *
 * @param explained As for {@linkcode explainAddress}; what is added to the kernel later is not seen.
 * @param given As for {@linkcode explainAddress}.
 * @returns A function that explains an address, and throws like {@linkcode explainAddress}.
 */
export function addressExplainer(
  explained: Explainable,
  given: ExplainOptions = {},
): (address: bigint) => AddressExplanation {
  const tables = tablesOf(explained);
  const kernel = kernelOf(explained);
  const layout = kernel && kernelLayout(kernel, given.unpacked);
  const relocations = layout && relocationsOf(given);
  const options = relocations ? { ...given, relocations } : given;
  return (address) => {
    checkAddress(address);
    const walk = walkTables(tables, address);
    const { levels, end } = walk;
    const canonical = isCanonicalFor(address, tables.levels);
    const common = { address, canonical, levels, end, ...placesOf(layout, address, options) };
    if (end.kind === "page") return { ...common, ...mapped(layout, tables, walk, end, address, options) };
    const nearest = nearRuns(tables, address, layout?.ownerOf ?? (() => null));
    return {
      ...common,
      mapped: false,
      physical: null,
      pageSize: null,
      permissions: null,
      user: false,
      fileOffset: null,
      owner: null,
      why: [
        ...absentReasons(tables, walk, address),
        ...(layout && canonical ? unmappedReasons(layout, address, nearest, options) : []),
      ],
      nearest,
    };
  };
}

/** The relocation entries, from those that were given or else from the file. */
function relocationsOf({ relocations, file }: ExplainOptions): ExplainOptions["relocations"] {
  if (relocations || !file) return relocations;
  const known = IN_FILES.get(file);
  if (known) return known;
  const found = relocationsInBytes(file instanceof Uint8Array ? fileBytes(file) : file);
  IN_FILES.set(file, found);
  return found;
}

/** Where the relocation tables of files are. */
const IN_FILES = new WeakMap<object, NonNullable<ExplainOptions["relocations"]>>();

function fileBytes(bytes: Uint8Array): { readonly bytes: (offset: number, length: number) => Uint8Array } {
  return { bytes: (offset, length) => bytes.subarray(offset, offset + length) };
}

function checkAddress(address: bigint): void {
  if (typeof address !== "bigint") throw new TypeError(`Cannot explain ${String(address)}: pass a bigint`);
  if (BigInt.asUintN(64, address) === address) return;
  throw new RangeError(`Cannot explain ${hexAddr(address)}: an address has 64 bits`);
}

/** The segment, section and symbol that contain an address. */
function placesOf(
  layout: KernelLayout | undefined,
  address: bigint,
  { symbols }: ExplainOptions,
): Pick<AddressExplanation, "segment" | "section" | "symbol"> {
  if (!layout) return { segment: null, section: null, symbol: null };
  const load = isCanonicalFor(address, 4) ? loadAt(layout, address) : undefined;
  return { segment: load ? segmentPlace(load, address) : null, ...namedPlaces(symbols, linkedFor(layout, address)) };
}

function segmentPlace({ index, start, header: { p_type, p_flags } }: LoadedHeader, address: bigint): SegmentPlace {
  return {
    index,
    type: segmentTypeName(p_type),
    flags: flagLetters(p_flags),
    offset: BigInt(low48(address) - start),
  };
}

type Mapped = Pick<
  AddressExplanation,
  "mapped" | "physical" | "pageSize" | "permissions" | "user" | "fileOffset" | "owner" | "why"
>;

function mapped(
  layout: KernelLayout | undefined,
  tables: TableSet,
  walk: Walk,
  end: Extract<WalkEnd, { readonly kind: "page" }>,
  address: bigint,
  options: ExplainOptions,
): Mapped {
  const { phys, pageSize, user } = end;
  const owner = layout?.ownerOf(phys) ?? null;
  const { why, fileOffset } = whyMapped(layout, tables, walk, { address, phys, owner, pageSize }, options);
  return {
    mapped: true,
    physical: phys,
    pageSize,
    permissions: mappingLetters(end),
    user,
    fileOffset: fileOffset ?? null,
    owner,
    why,
  };
}

/** A byte that is mapped. */
interface MappedByte extends Pick<AddressExplanation, "address" | "owner"> {
  readonly phys: number;
  readonly pageSize: number;
}

function whyMapped(
  layout: KernelLayout | undefined,
  tables: TableSet,
  walk: Walk,
  byte: MappedByte,
  options: ExplainOptions,
): { readonly why: readonly Reason[]; readonly fileOffset?: number } {
  const { address, phys, owner, pageSize } = byte;
  const recursive = recursiveReasons(tables, walk, phys, owner);
  if (!layout || recursive.length > 0) return { why: recursive };
  const low = low48(address);
  const origin = pageSize === PAGE_SIZE ? pageOrigin(layout, pageStart(low), pageStart(phys), owner) : undefined;
  if (!origin) {
    const fileOffset = owner === "file" ? layout.fileOffsetOf(phys) : undefined;
    return {
      why: [
        ...otherPageReasons(layout, options.parts, { address, phys, owner }),
        ...(owner === "table" ? tableReasons(tables, phys) : []),
      ],
      ...(fileOffset === undefined ? {} : { fileOffset }),
    };
  }
  const loaded = loadedByte(layout, origin, low);
  return {
    why: [
      ...loaded.reasons,
      ...writtenReasons(layout, tables, options.relocations, { address, phys, loaded }),
      ...pageReasons(layout, walk, origin.load, low),
      ...templateReasons(layout, low),
    ],
    ...(loaded.fileOffset === undefined ? {} : { fileOffset: loaded.fileOffset }),
  };
}
