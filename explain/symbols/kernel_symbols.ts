/**
 * The names in a kernel's file: its sections, and its symbols.
 *
 * @module
 */

/** A section that takes memory. Addresses are those that the file was linked for, before a kernel is moved. */
export interface KernelSection {
  /** Index in the section header table. */
  readonly index: number;
  /** Its name, such as ".text". */
  readonly name: string;
  /** Virtual address of its first byte. */
  readonly address: bigint;
  /** Number of bytes. */
  readonly size: bigint;
  /** `sh_type`, such as 8 (`SHT_NOBITS`). */
  readonly type: number;
  /** `sh_flags`, such as 4 (`SHF_EXECINSTR`). */
  readonly flags: bigint;
}

/** A symbol that names an address. */
export interface KernelSymbol {
  /** Its name, as it is in the file. */
  readonly name: string;
  /** Its address, as the file was linked. */
  readonly address: bigint;
  /** Number of bytes; 0 if unknown. */
  readonly size: bigint;
  /** "function", "object", or another type; "none" for most labels of assembly and linker scripts. */
  readonly type: "function" | "object" | "none" | "ifunc" | "other";
  /** Who sees it. */
  readonly binding: "local" | "global" | "weak" | "other";
  /** Whether its value stays the same when the kernel is moved (`SHN_ABS`); such a value may be no address at all. */
  readonly absolute: boolean;
  /** Index in the symbol table. */
  readonly index: number;
}

/** A symbol, and how far into it an address is. */
export interface SymbolPlace {
  /** The symbol. */
  readonly symbol: KernelSymbol;
  /** Number of bytes from its first byte on; at least its size if the address is after its last one. */
  readonly offset: number;
}

/** The symbols with an address in a range, without those in between. */
export interface SymbolEnds {
  /** The first one. */
  readonly first: KernelSymbol;
  /** The last one. */
  readonly last: KernelSymbol;
  /** How many there are. */
  readonly count: number;
}

/** The sections and symbols of a kernel. Addresses are those that the file was linked for. */
export interface KernelSymbols {
  /**
   * The sections that take memory (`SHF_ALLOC`), ascending by address: without those of zeroed thread-local data
   * (.tbss), whose addresses belong to what follows them.
   */
  readonly sections: readonly KernelSection[];
  /** The number of symbols that can be found. */
  readonly count: number;
  /** The number of symbols that were not read, because there are too many. */
  readonly unread: number;
  /** The table that they are from; absent if the file has neither. */
  readonly table?: ".symtab" | ".dynsym";
  /** Whether the file has line numbers, so that `addr2line` can find the line of an address. */
  readonly hasLineNumbers: boolean;
  /** Finds the section that contains an address. */
  readonly sectionAt: (address: bigint) => KernelSection | undefined;
  /** Finds the symbol that contains an address, or else the nearest one before it in the same section. */
  readonly symbolAt: (address: bigint) => SymbolPlace | undefined;
  /** Finds the symbols of a name, in the order of the table; the first 1024 if there are more. */
  readonly find: (name: string) => readonly KernelSymbol[];
  /** Lists the symbols with an address in a range, ascending; those at one address, best first. */
  readonly inRange: (start: bigint, end: bigint) => Iterable<KernelSymbol>;
  /** Finds the first and the last of these, and their number; `undefined` if there are none. Reads no other names. */
  readonly endsOfRange: (start: bigint, end: bigint) => SymbolEnds | undefined;
  /** The names that are most like a name that was not found, best first. */
  readonly similar: (name: string) => readonly string[];
}
