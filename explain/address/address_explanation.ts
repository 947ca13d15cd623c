/**
 * What is at an address, and why.
 *
 * @module
 */

import type { PageSize } from "../../core/paging/entry.ts";
import type { FrameOwner } from "../../core/memory/frame_allocator.ts";
import type { WalkedLevel, WalkEnd } from "../tables/walk_tables.ts";
import type { Reason } from "./reason.ts";

/** A place in something that has a name. */
export interface NamedPlace {
  /** The name. */
  readonly name: string;
  /** Number of bytes from its start. */
  readonly offset: number;
}

/** The segment that contains an address. */
export interface SegmentPlace {
  /** Index of its program header. */
  readonly index: number;
  /** Type of the segment, such as "LOAD". */
  readonly type: string;
  /** Its permissions, such as "R-X". */
  readonly flags: string;
  /** Number of bytes from its start. */
  readonly offset: bigint;
}

/** A run of mapped pages near an address that is not mapped: contiguous in both address spaces, equal permissions. */
export interface NearRun {
  /** Virtual address of its first byte. */
  readonly start: bigint;
  /** Number of bytes. */
  readonly size: number;
  /** Its permissions, such as "R-X". */
  readonly permissions: string;
  /** What the frame nearest to the address is for; `null` if that is not known. */
  readonly owner: FrameOwner | null;
  /** Number of bytes from its nearest byte to the address: 1 if they touch. */
  readonly distance: bigint;
}

/** The runs on both sides of an address. Absent if the search was given up; `null` if nothing is mapped on that side. */
export interface NearRuns {
  /** The run before the address. */
  readonly before?: NearRun | null;
  /** The run after the address. */
  readonly after?: NearRun | null;
}

/** What is at an address, and why. */
export interface AddressExplanation {
  /** The address, of 64 bits. */
  readonly address: bigint;
  /** Whether the processor accepts it. */
  readonly canonical: boolean;
  /** Whether a page is mapped there. */
  readonly mapped: boolean;
  /** Physical address of the byte; `null` if it is not mapped. */
  readonly physical: number | null;
  /** Size of the page in bytes; `null` if it is not mapped. */
  readonly pageSize: PageSize | null;
  /** What all levels allow together, such as "R-X"; `null` if it is not mapped. */
  readonly permissions: string | null;
  /** Whether all levels allow user mode; false if it is not mapped. */
  readonly user: boolean;
  /** What the processor reads, from the highest level on. */
  readonly levels: readonly WalkedLevel[];
  /** Where the walk ends. */
  readonly end: WalkEnd;
  /** The loaded segment that contains it; `null` if there is none. */
  readonly segment: SegmentPlace | null;
  /** The section that contains it; `null` if no symbols were given, or there is none. */
  readonly section: NamedPlace | null;
  /** The symbol that contains it or is before it in its section; `null` if no symbols were given, or there is none. */
  readonly symbol: (NamedPlace & { readonly size: bigint }) | null;
  /** The file offset that the byte was loaded from; `null` if it was not loaded from the file. */
  readonly fileOffset: number | null;
  /** What the frame is for; `null` if it is not mapped, or the frame has no owner. */
  readonly owner: FrameOwner | null;
  /** Why the byte is there, and is what it is, in the order in which it came about; why not, if it is not mapped. */
  readonly why: readonly Reason[];
  /** The nearest pages on both sides; absent if it is mapped. */
  readonly nearest?: NearRuns;
}
