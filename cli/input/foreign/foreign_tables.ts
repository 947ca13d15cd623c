/**
 * What page tables that kload did not build are opened from, and what is known of them.
 *
 * @module
 */

import type { TableSet } from "../../../explain/tables/table_set.ts";

/** Where a stub for debuggers listens. */
export type StubPlace =
  | { readonly transport: "tcp"; readonly hostname: string; readonly port: number }
  | { readonly transport: "unix"; readonly path: string };

/** What to open: either a dump or a running QEMU. */
export interface ForeignOptions {
  /** Path of the dump. */
  readonly memory?: string;
  /** Where QEMU's stub for debuggers listens. */
  readonly gdb?: StubPlace;
  /** Physical address of the first byte of a dump that is no ELF core; 0 by default. */
  readonly base?: number;
  /** Physical address of the table of the highest level; found by itself in cores with registers and in QEMU. */
  readonly cr3?: number;
  /** Number of levels. */
  readonly levels?: 4 | 5;
  /** Which physical addresses are wanted besides the tables; only a running QEMU has to be asked for them. */
  readonly others?: (tables: TableSet) => Iterable<number>;
}

/** Where a value was found. */
export type ValueOrigin = "flag" | "default" | "core" | "guest";

/** Facts about foreign page tables, for reports. */
export interface ForeignFacts {
  /** What they were read from: a path, or the address of QEMU's stub. */
  readonly source: string;
  /** What that is: physical memory as it is, an ELF core, or a running QEMU. */
  readonly kind: "dump" | "core" | "guest";
  /** Physical address of the table of the highest level. */
  readonly cr3: number;
  /** Where that was found. */
  readonly cr3From: ValueOrigin;
  /** Number of levels. */
  readonly levels: 4 | 5;
  /** Where that was found. */
  readonly levelsFrom: ValueOrigin;
  /** The known physical memory of a dump or core, ascending. */
  readonly memory?: readonly { readonly start: number; readonly size: number }[];
  /** Number of processors whose registers a core has; the first one's CR3 was taken. */
  readonly processors?: number;
  /** Number of pages that were read of a guest. */
  readonly pagesRead?: number;
  /** Whether the guest has more tables than are read. */
  readonly isCut?: boolean;
  /** How the guest was left: running again, or stopped as it was before. */
  readonly guest?: "resumed" | "left stopped";
}

/** Foreign page tables: those that kload did not build. */
export interface ForeignTables {
  /** The tables. Reading them throws a `CliError` "source-failed" if the dump can no longer be read. */
  readonly tables: TableSet;
  /** Facts about them. */
  readonly about: ForeignFacts;
  /** Closes the dump. */
  readonly close: () => void;
}
