/**
 * The reasons for what is at an address.
 *
 * @module
 */

import type {
  AbsentReason,
  DeviceReason,
  GuardReason,
  MovedReason,
  NotCanonicalReason,
  NotLoadedReason,
  PhysicalRangeReason,
  ReservedReason,
  UncoveredReason,
  UnknownReason,
  UnmappedReason,
} from "./absence.ts";
import type {
  ChangedReason,
  CopiedReason,
  DeniedReason,
  LoadedReason,
  MadeReason,
  MappedReason,
  MarkedReason,
  MisplacedReason,
  NotRelocatedReason,
  OutsideReason,
  PhysicalReason,
  RandomizedReason,
  RelocatedReason,
  ReplacedReason,
  SealedReason,
  SectionReason,
  TableReason,
  TlsReason,
  UnsealedReason,
  WriteExecuteReason,
  ZeroedReason,
} from "./presence.ts";

/** One reason for what is at an address. */
export type Reason =
  & {
    /** The same in one sentence. */
    readonly message: string;
    /** What to do about it, if anything. */
    readonly hint?: string;
  }
  & (
    | MappedReason
    | CopiedReason
    | ReplacedReason
    | LoadedReason
    | ZeroedReason
    | OutsideReason
    | MisplacedReason
    | RelocatedReason
    | NotRelocatedReason
    | ChangedReason
    | RandomizedReason
    | SealedReason
    | UnsealedReason
    | WriteExecuteReason
    | DeniedReason
    | TlsReason
    | MarkedReason
    | MadeReason
    | SectionReason
    | PhysicalReason
    | TableReason
    | AbsentReason
    | ReservedReason
    | UnknownReason
    | NotCanonicalReason
    | UncoveredReason
    | UnmappedReason
    | NotLoadedReason
    | PhysicalRangeReason
    | MovedReason
    | GuardReason
    | DeviceReason
  );
