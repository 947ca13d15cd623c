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

/** A run of mapped pages near an address that is not mapped. */
export interface NearRun {
  /** Virtual address of its first byte. */
  readonly start: bigint;
  /** Number of bytes. */
  readonly size: number;
  /** Its permissions, such as "R-X". */
  readonly permissions: string;
  /** What its first frame is for, if that is known. */
  readonly owner?: FrameOwner;
  /** Number of bytes between the run and the address. */
  readonly distance: bigint;
}

/** What is at an address, and why. */
export interface AddressExplanation {
  /** The address, of 64 bits. */
  readonly address: bigint;
  /** Whether the processor accepts it. */
  readonly canonical: boolean;
  /** Whether a page is mapped there. */
  readonly mapped: boolean;
  /** Physical address of the byte, if it is mapped. */
  readonly physical?: number;
  /** Size of the page in bytes, if it is mapped. */
  readonly pageSize?: PageSize;
  /** What all levels allow together, such as "R-X", if it is mapped. */
  readonly permissions?: string;
  /** Whether all levels allow user mode, if it is mapped. */
  readonly user?: boolean;
  /** What the processor reads, from the highest level on. */
  readonly levels: readonly WalkedLevel[];
  /** Where the walk ends. */
  readonly end: WalkEnd;
  /** The segment that contains it, if there is one. */
  readonly segment?: SegmentPlace;
  /** The section that contains it, if symbols were given and there is one. */
  readonly section?: NamedPlace;
  /** The symbol that contains it or is before it in its section, if symbols were given and there is one. */
  readonly symbol?: NamedPlace & { readonly size: number };
  /** The file offset that the byte was loaded from, if it was. */
  readonly fileOffset?: number;
  /** What the frame is for, if it is mapped and the frame has an owner. */
  readonly owner?: FrameOwner;
  /** Why the byte is there, and is what it is, in the order in which it came about; why not, if it is not mapped. */
  readonly why: readonly Reason[];
  /** The nearest pages on both sides, if it is not mapped. */
  readonly nearest?: { readonly before?: NearRun; readonly after?: NearRun };
}
