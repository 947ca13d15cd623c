/**
 * What GRUB's Multiboot commands find out from the header of a kernel.
 *
 * @module
 */

/** Where a header places the kernel, in place of the ELF headers: physical addresses of 32 bits. */
export interface LoadAddresses {
  /** Where the header itself lies in memory. */
  readonly header_addr: number;
  /** Where the first byte that is loaded lies. */
  readonly load_addr: number;
  /** Where loading ends; 0 if it ends with the file. */
  readonly load_end_addr: number;
  /** Where zeroed memory ends; 0 if there is none. */
  readonly bss_end_addr: number;
  /** What GRUB takes for the start when it computes how much to load. Default: `load_addr`. */
  readonly size_from?: number;
}

/** Where a kernel may be moved to. */
export interface Relocatable {
  /** Its lowest physical address. */
  readonly min_addr: number;
  /** The end of its highest one. */
  readonly max_addr: number;
  /** What its address must be a multiple of. */
  readonly align: number;
  /** 0 for no preference, 1 for the lowest address, 2 for the highest. */
  readonly preference: number;
}

/** What a command found out from the Multiboot header. */
export interface HeaderFacts {
  /** The Multiboot version. */
  readonly version: 1 | 2;
  /** The number of bytes that the command searches for the header, and keeps for the ELF headers. */
  readonly search: number;
  /** File offset of the header, if there is one. */
  readonly headerOffset?: number;
  /** File offset of a header of the other version, if there is none of this one. */
  readonly otherOffset?: number;
  /** Its address fields, if it has them. */
  readonly addresses?: LoadAddresses;
  /** The entry that it asks for, a physical address. */
  readonly entry?: number;
  /** Where the kernel may be moved to, if it may. */
  readonly relocatable?: Relocatable;
}
