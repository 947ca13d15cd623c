/**
 * Finds the relocation tables through the dynamic table (gABI, "Dynamic Section").
 *
 * @module
 */

import {
  DF_TEXTREL,
  DT_FLAGS,
  DT_JMPREL,
  DT_NEEDED,
  DT_PLTREL,
  DT_PLTRELSZ,
  DT_RELA,
  DT_RELAENT,
  DT_RELASZ,
  DT_RELR,
  DT_RELRSZ,
  DT_RELSZ,
  DT_STRSZ,
  DT_STRTAB,
  DT_SYMTAB,
  DT_TEXTREL,
} from "../../core/elf/constants.ts";
import { DYNAMIC_ENTRY_SIZE, dynamicEntries } from "../../core/elf/dynamic_table.ts";
import type { Segment } from "../../core/elf/program_header.ts";
import { LoadError } from "../../core/errors.ts";
import type { PluginContext } from "../../core/plugin/plugin_context.ts";
import type { Rules } from "../../core/rules.ts";

const RELA_SIZE = 24n;
/** What errors say of a tag that the table does not have. */
const MISSING = "missing";

/** A table in memory, at the virtual address that it was linked for. */
export interface TableRange {
  /** Name of the tag that has its address, for errors. */
  readonly tag: string;
  /** Virtual address, without the offset. */
  readonly address: bigint;
  /** Number of bytes. */
  readonly size: bigint;
}

/** What a dynamic table contains for relocating. */
export interface RelocationTables {
  /** Tables of `Elf64_Rela` entries: `DT_RELA`, then `DT_JMPREL`. */
  readonly rela: readonly TableRange[];
  /** The table of `DT_RELR`, if there is one. */
  readonly relr?: TableRange;
  /** Address of the symbol table, if there is one. */
  readonly symbols?: bigint;
  /** The string table of symbol names, if there is one. */
  readonly strings?: Omit<TableRange, "tag">;
  /** Offsets of the names of shared libraries in the string table. */
  readonly needed: readonly bigint[];
  /** Whether relocations may modify segments that are not writable. */
  readonly textRelocations: boolean;
}

/** How many entries to read before asking whether a pause is due. */
const ENTRIES_PER_PAUSE = 4096;

/** The tags that may occur only once, and their names. */
const UNIQUE: ReadonlyMap<bigint, string> = new Map([
  [DT_RELA, "DT_RELA"],
  [DT_RELASZ, "DT_RELASZ"],
  [DT_RELAENT, "DT_RELAENT"],
]);

/**
 * Finds the relocation tables.
 *
 * @param bytes The dynamic table's bytes in the file.
 * @param phdr Its program header.
 * @param context How to read it, and the pause of the load.
 * @returns The tables, and where symbols and names are.
 * @throws {LoadError} "dynamic-malformed" if entries needed for relocating are missing or inconsistent.
 */
export async function readRelocationTables(
  bytes: Uint8Array,
  { index, p_offset }: Pick<Segment, "index" | "p_offset">,
  { rules, pause }: Pick<PluginContext, "rules" | "pause">,
): Promise<RelocationTables> {
  const malformed: Malformed = (field, value) => {
    throw new LoadError("dynamic-malformed", { index, field, value });
  };
  if (rules.checksDynamicAlignment && bytes.length > 0) {
    if (bytes.length % DYNAMIC_ENTRY_SIZE !== 0) malformed("p_filesz", bytes.length);
    if (p_offset % 8n !== 0n) malformed("p_offset", p_offset);
  }
  const values = new Map<bigint, bigint>();
  const needed: bigint[] = [];
  let read = 0;
  for (const { d_tag, d_un } of dynamicEntries(bytes, Number(p_offset), { pastNull: rules.readsPastDynamicNull })) {
    const pausing = ++read % ENTRIES_PER_PAUSE === 0 ? pause() : undefined;
    if (pausing) await pausing;
    if (rules.refusesUnknownTags && !isKnownToOriginal(d_tag)) malformed("a tag that these rules refuse", d_tag);
    if (d_tag === DT_NEEDED) needed.push(d_un);
    if (!USED.has(d_tag)) continue;
    const unique = UNIQUE.get(d_tag);
    if (unique !== undefined && values.has(d_tag)) malformed(`a second ${unique}`, d_un);
    if (!values.has(d_tag)) values.set(d_tag, d_un);
  }
  const strings = values.get(DT_STRTAB);
  const symbols = values.get(DT_SYMTAB);
  return {
    ...findTables(values, rules, malformed),
    ...(strings === undefined ? {} : { strings: { address: strings, size: values.get(DT_STRSZ) ?? 0n } }),
    ...(symbols === undefined ? {} : { symbols }),
    needed,
    textRelocations: values.has(DT_TEXTREL) || ((values.get(DT_FLAGS) ?? 0n) & DF_TEXTREL) !== 0n,
  };
}

/** The tags that are used; of repeated ones, the first value counts. */
const USED: ReadonlySet<bigint> = new Set([
  DT_FLAGS,
  DT_JMPREL,
  DT_PLTREL,
  DT_PLTRELSZ,
  DT_RELA,
  DT_RELAENT,
  DT_RELASZ,
  DT_RELR,
  DT_RELRSZ,
  DT_RELSZ,
  DT_STRSZ,
  DT_STRTAB,
  DT_SYMTAB,
  DT_TEXTREL,
]);

/**
 * v0.11 of the original does not know the tags 31 and 35 and above (which include DT_RELR), apart from a reserved
 * range.
 */
function isKnownToOriginal(tag: bigint): boolean {
  return tag <= 30n || (tag >= 32n && tag <= 34n) || (tag >= 0x6000_000dn && tag <= 0x7fff_ffffn);
}

type Malformed = (field: string, value: bigint | number | string) => never;

function findTables(
  values: ReadonlyMap<bigint, bigint>,
  { relocationTables }: Rules,
  malformed: Malformed,
): Pick<RelocationTables, "rela" | "relr"> {
  const rela = findRela(values, malformed);
  if (relocationTables === "rela") return { rela };
  const relSize = values.get(DT_RELSZ) ?? 0n;
  if (relSize !== 0n) malformed("DT_RELSZ", relSize);
  const jumps = values.get(DT_JMPREL);
  const kind = values.get(DT_PLTREL);
  if (jumps !== undefined && kind !== DT_RELA) malformed("DT_PLTREL", kind ?? MISSING);
  const relr = values.get(DT_RELR);
  const plt = { tag: "DT_JMPREL", address: jumps ?? 0n, size: values.get(DT_PLTRELSZ) ?? 0n };
  return {
    rela: jumps === undefined ? rela : [...rela, ...rela.length === 0 ? [plt] : withoutEntriesOf(rela[0], plt)],
    ...(relr === undefined ? {} : { relr: { tag: "DT_RELR", address: relr, size: values.get(DT_RELRSZ) ?? 0n } }),
  };
}

function findRela(values: ReadonlyMap<bigint, bigint>, malformed: Malformed): readonly TableRange[] {
  const [address, size, entrySize] = [DT_RELA, DT_RELASZ, DT_RELAENT].map((tag) => values.get(tag));
  if (address === undefined) {
    if (size !== undefined) malformed("DT_RELASZ (without DT_RELA)", size);
    if (entrySize !== undefined) malformed("DT_RELAENT (without DT_RELA)", entrySize);
    return [];
  }
  if (size === undefined) return malformed("DT_RELA (without DT_RELASZ)", address);
  if (entrySize !== RELA_SIZE) return malformed("DT_RELAENT", entrySize ?? MISSING);
  return [{ tag: "DT_RELA", address, size }];
}

/**
 * The parts of a table whose entries are not also in another one: some linkers count the entries of `DT_JMPREL` in
 * `DT_RELASZ`, and each is applied once.
 */
function withoutEntriesOf(other: TableRange, table: TableRange): readonly TableRange[] {
  const { tag, address, size } = table;
  if ((address - other.address) % RELA_SIZE !== 0n) return [table];
  const end = address + size;
  const otherEnd = other.address + other.size - other.size % RELA_SIZE;
  const parts = [
    { start: address, end: end < other.address ? end : other.address },
    { start: address > otherEnd ? address : otherEnd, end },
  ];
  return parts.filter(({ start, end }) => start < end).map(({ start, end }) => ({
    tag,
    address: start,
    size: end - start,
  }));
}

/**
 * Checks that a relocation table lies in the file bytes of one segment: zeroed memory, or a segment that repeats the
 * same bytes of the file, would only cost time.
 *
 * @param range The table.
 * @param index Index of the header whose table it is.
 * @param segments The program headers.
 * @throws {LoadError} "dynamic-malformed".
 */
export function checkTable({ address, size }: TableRange, index: number, segments: readonly Segment[]): void {
  if (size === 0n) return;
  const end = address + size;
  const segment = segments.find(({ load, p_vaddr, p_memsz }) => {
    return load && address >= p_vaddr && address < p_vaddr + p_memsz;
  });
  if (segment && end <= segment.p_vaddr + segment.p_filesz) return;
  throw new LoadError(
    "dynamic-malformed",
    segment
      ? { index, field: "the end of a relocation table, past its segment's file bytes,", value: end }
      : { index, field: "the address of a relocation table, outside every segment,", value: address },
  );
}
