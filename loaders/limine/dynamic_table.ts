/**
 * The dynamic table as Limine reads it: it relocates every kernel that has one, whatever its type.
 *
 * @module
 */

import { DT_JMPREL, DT_NEEDED, DT_PLTREL, DT_PLTRELSZ, DT_RELA, DT_RELAENT } from "../../core/elf/constants.ts";
import { DT_RELASZ, DT_RELR, DT_RELRSZ, DT_STRTAB, DT_SYMTAB } from "../../core/elf/constants.ts";
import { DYNAMIC_ENTRY_SIZE, dynamicEntries } from "../../core/elf/dynamic_table.ts";
import { hexAddr } from "../../core/hex.ts";
import type { LimineImage } from "./image.ts";

// gABI, "Dynamic Section": the sizes of a symbol and of a RELR entry; not all loaders need them
const DT_SYMENT = 11n;
const DT_RELRENT = 37n;

/** Size of an `Elf64_Rela` and of an `Elf64_Sym` in bytes. */
const RELA_SIZE = 24n;
const SYMBOL_SIZE = 24n;
const RELR_SIZE = 8n;

/** What is wrong with a dynamic table. */
export interface DynamicFault {
  /** The kind: each is a rule. */
  readonly kind: "library" | "entry-size" | "implicit-addends" | "outside-file" | "unmapped";
  /** What Limine prints. */
  readonly words: string;
  /** What was found, as the end of a sentence about the table. */
  readonly found: string;
  /** File offset of the entry that is to blame. */
  readonly offset?: number;
}

/** The fields that relocations need, with file offsets in place of addresses. */
export interface DynamicTable {
  /** The first fault. */
  readonly fault?: DynamicFault;
  /** Where `DT_RELA` points, in the file. */
  readonly rela: bigint;
  /** `DT_RELASZ`. */
  readonly relaSize: bigint;
  /** `DT_RELAENT`. */
  readonly relaEntry: bigint;
  /** Where `DT_JMPREL` points, in the file. */
  readonly plt: bigint;
  /** `DT_PLTRELSZ`. */
  readonly pltSize: bigint;
  /** Where `DT_SYMTAB` points, in the file. */
  readonly symbols: bigint;
  /** Number of bytes from there to the end of the segment's file bytes; 0 if it is in none. */
  readonly symbolsSize: bigint;
  /** `DT_SYMENT`. */
  readonly symbolEntry: bigint;
  /** Where `DT_STRTAB` points, in the file. */
  readonly strings: bigint;
  /** Number of bytes from there to the end of the segment's file bytes; 0 if it is in none. */
  readonly stringsSize: bigint;
}

/** A value of the table, and the file offset of its entry. */
interface Value {
  readonly value: bigint;
  readonly offset?: number;
}

/** Where an address is in the file. */
interface Translated {
  readonly offset: bigint;
  /** Number of bytes to the end of the segment's file bytes; 0 if the address is in none. */
  readonly size: bigint;
  readonly isMapped: boolean;
}

/**
 * Reads the dynamic table.
 *
 * @param view The file.
 * @returns The table; all zero if there is none.
 */
export function readDynamicTable(view: LimineImage): DynamicTable {
  const { values, fault: entryFault } = readEntries(view);
  const of = (tag: bigint): Value => values.get(tag) ?? { value: 0n };
  const translate = (tag: bigint, size = 0n): Translated => translateAddress(view, of(tag).value, size);
  const rela = translate(DT_RELA, of(DT_RELASZ).value);
  const relr = translate(DT_RELR, of(DT_RELRSZ).value);
  const symbols = translate(DT_SYMTAB);
  const strings = translate(DT_STRTAB);
  const plt = translate(DT_JMPREL, of(DT_PLTRELSZ).value);
  const unmapped = [
    ...[["RELA", rela, DT_RELA], ["RELR", relr, DT_RELR], ["SYMTAB", symbols, DT_SYMTAB]] as const,
    ...[["STRTAB", strings, DT_STRTAB], ["JMPREL", plt, DT_JMPREL]] as const,
  ].find(([, { isMapped }]) => !isMapped);
  const unmappedFault = unmapped && {
    kind: "unmapped" as const,
    words: `elf: ${unmapped[0]} vaddr translation failed or out of bounds`,
    found: `has ${hexAddr(of(unmapped[2]).value)} for DT_${unmapped[0]}, where no segment holds the whole table`,
    ...offsetOf(of(unmapped[2])),
  };
  const fault = entryFault ?? (view.version.isChecked ? unmappedFault : undefined) ?? sizeFault(of, view);
  return {
    ...(fault ? { fault } : {}),
    rela: rela.offset,
    relaSize: of(DT_RELASZ).value,
    relaEntry: of(DT_RELAENT).value,
    plt: plt.offset,
    pltSize: of(DT_PLTRELSZ).value,
    symbols: symbols.offset,
    symbolsSize: symbols.size,
    symbolEntry: of(DT_SYMENT).value,
    strings: strings.offset,
    stringsSize: strings.size,
  };
}

/** Reads the entries up to `DT_NULL`; the last of each tag counts. */
function readEntries(view: LimineImage): { values: ReadonlyMap<bigint, Value>; fault?: DynamicFault } {
  const values = new Map<bigint, Value>();
  const { dynamic, model, version } = view;
  if (!dynamic) return { values };
  const { p_offset, p_filesz } = dynamic;
  if (version.isChecked && p_offset + p_filesz > BigInt(model.length)) {
    const found = `ends at file offset ${hexAddr(p_offset + p_filesz)}, past the end of the file (${
      hexAddr(model.length)
    })`;
    return { values, fault: { kind: "outside-file", words: "elf: Failed to apply relocations", found } };
  }
  let offset = Number(p_offset);
  for (const { d_tag, d_un } of dynamicEntries(view.bytes(p_offset, Number(p_filesz)), offset)) {
    values.set(d_tag, { value: d_un, offset });
    if (d_tag === DT_SYMENT && d_un < SYMBOL_SIZE) {
      const found = `has ${hexAddr(d_un)} for DT_SYMENT, less than the size of a symbol (${hexAddr(SYMBOL_SIZE)})`;
      return { values, fault: entrySize("symtab_ent < sizeof(struct elf64_sym)", found, { value: d_un, offset }) };
    }
    if (d_tag === DT_NEEDED) {
      const words = "elf: ELF file attempts to load a dynamically linked library";
      return { values, fault: { kind: "library", words, found: "has a DT_NEEDED entry", offset } };
    }
    offset += DYNAMIC_ENTRY_SIZE;
  }
  return { values };
}

function translateAddress(view: LimineImage, address: bigint, size: bigint): Translated {
  if (address === 0n) return { offset: 0n, size: 0n, isMapped: true };
  const header = view.programHeaders.find(({ p_vaddr, p_filesz }) => {
    return p_vaddr <= address && BigInt.asUintN(64, p_vaddr + p_filesz) > address;
  });
  if (!header) return { offset: address, size: 0n, isMapped: false };
  const offset = header.p_offset + (address - header.p_vaddr);
  const length = BigInt(view.model.length);
  const isMapped = header.p_offset + header.p_filesz <= length && offset + size <= length;
  return { offset, size: header.p_filesz - (address - header.p_vaddr), isMapped };
}

/** The checks of sizes, in Limine's order. */
function sizeFault(of: (tag: bigint) => Value, { version }: LimineImage): DynamicFault | undefined {
  const [relrSize, relrEntry] = [of(DT_RELRSZ), of(DT_RELRENT)];
  if (relrSize.value !== 0n && relrEntry.value !== RELR_SIZE) {
    return entrySize(
      "relr_ent != 8",
      `has ${hexAddr(relrEntry.value)} for DT_RELRENT, not the size of an entry (0x8)`,
      relrEntry,
    );
  }
  const [relaSize, relaEntry] = [of(DT_RELASZ), of(DT_RELAENT)];
  if (relaSize.value !== 0n && relaEntry.value < RELA_SIZE) {
    const found = `has ${hexAddr(relaEntry.value)} for DT_RELAENT, less than the size of a relocation (${
      hexAddr(RELA_SIZE)
    })`;
    return entrySize("rela_ent < sizeof(struct elf64_rela)", found, relaEntry);
  }
  if (version.isChecked && relaSize.value !== 0n && relaSize.value % relaEntry.value !== 0n) {
    return entrySize("rela_size not a multiple of rela_ent", partial("DT_RELASZ", relaSize, relaEntry), relaSize);
  }
  const [pltSize, pltKind] = [of(DT_PLTRELSZ), of(DT_PLTREL)];
  if (pltSize.value === 0n) return undefined;
  if (pltKind.value !== DT_RELA) {
    const found = `has ${hexAddr(pltKind.value)} for DT_PLTREL, not DT_RELA (0x7)`;
    return { kind: "implicit-addends", words: "elf: dt_pltrel != DT_RELA", found, ...offsetOf(pltKind) };
  }
  if (!version.isChecked) return undefined;
  if (relaEntry.value === 0n) {
    return entrySize("dt_pltrelsz != 0 but rela_ent == 0", "has DT_PLTRELSZ, but no DT_RELAENT", pltSize);
  }
  if (pltSize.value % relaEntry.value === 0n) return undefined;
  return entrySize("dt_pltrelsz not a multiple of rela_ent", partial("DT_PLTRELSZ", pltSize, relaEntry), pltSize);
}

function partial(tag: string, size: Value, entry: Value): string {
  return `has ${hexAddr(size.value)} for ${tag}, not a multiple of the size of a relocation (${hexAddr(entry.value)})`;
}

function entrySize(words: string, found: string, value: Value): DynamicFault {
  return { kind: "entry-size", words: `elf: ${words}`, found, ...offsetOf(value) };
}

function offsetOf({ offset }: Value): { readonly offset?: number } {
  return offset === undefined ? {} : { offset };
}
