/**
 * The relocation entries of a kernel's file, by the words that they write.
 *
 * @module
 */

/** The symbol that a relocation entry refers to, as it is in the dynamic symbol table. */
export interface RelocationSymbol {
  /** Its index. */
  readonly index: number;
  /** Its name; empty if it has none or it cannot be read. */
  readonly name: string;
  /** `st_value`: its address as linked; 0 if it is undefined. */
  readonly value: bigint;
  /** Whether the file defines it. */
  readonly defined: boolean;
  /** Whether its value stays the same when the kernel is moved (`SHN_ABS`). */
  readonly absolute: boolean;
}

/** A relocation entry, or one word of a `DT_RELR` bitmap. */
export interface RelocationEntry {
  /** Name of the section that the entry is in, such as ".rela.dyn"; its tag in the dynamic table if there is none. */
  readonly table: string;
  /** The tag of the dynamic table that it was found by. */
  readonly tag: RelocationTag;
  /** Index of the program header of that dynamic table. */
  readonly header: number;
  /** Index of the entry in the table; words of one `DT_RELR` bitmap share it. */
  readonly entry: number;
  /** File offset of the entry. */
  readonly fileOffset: number;
  /** Virtual address of the word that it writes, as linked. */
  readonly place: bigint;
  /** Name of the type, such as "R_X86_64_RELATIVE"; "RELR" for a word of `DT_RELR`. */
  readonly type: string;
  /** The symbol; absent if the entry has none. */
  readonly symbol?: RelocationSymbol;
  /**
   * The signed number to add. For `DT_RELR`, it is what the place holds before: the bytes of the file, and 0 where it
   * has none; absent if no segment contains the place.
   */
  readonly addend?: bigint;
}

/** The tags of the dynamic table that name relocation tables. */
export type RelocationTag = "DT_RELA" | "DT_JMPREL" | "DT_RELR";

/** A relocation table, or the part of it that is in one section. */
export interface RelocationTable {
  /** Name of the section, such as ".rela.dyn"; its tag in the dynamic table if there is none. */
  readonly name: string;
  /** The tag of the dynamic table that it was found by. */
  readonly tag: RelocationTag;
  /** Index of the program header of that dynamic table. */
  readonly header: number;
  /** File offset of its first entry. */
  readonly fileOffset: number;
  /** Number of entries; for `DT_RELR`, each stands for up to 63 words. */
  readonly entries: number;
}

/** The relocation entries of a kernel. Addresses are those that the file was linked for. */
export interface KernelRelocations {
  /** The tables, in the order in which the plugin relocate applies them. */
  readonly tables: readonly RelocationTable[];
  /** Number of words that the entries write, without those of type `R_X86_64_NONE`. */
  readonly count: number;
  /** Whether there are more, which were not read. */
  readonly isPartial: boolean;
  /**
   * Finds the entries whose word of 8 bytes covers an address, in order of application: the last one counts. If there
   * are more than 64, finds the last 64.
   */
  readonly at: (address: bigint) => readonly RelocationEntry[];
  /** Lists the entries whose word starts in a range, ascending by place; those of one place in order of application. */
  readonly inRange: (start: bigint, end: bigint) => Iterable<RelocationEntry>;
  /** Counts the entries whose word starts in a range. */
  readonly countIn: (start: bigint, end: bigint) => number;
}
