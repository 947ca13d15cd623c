/**
 * Explains loaded kernels and page tables: what is at an address and why, how an address space is laid out, how two of
 * them differ, and why a guest died.
 *
 * @example What is at an address, and why
 * ```ts
 * import { explainAddress, readSymbols } from "@kload/kload/explain";
 * import { loadKernel } from "@kload/kload";
 * import { assertEquals } from "@std/assert";
 *
 * const file = await Deno.readFile("examples/hello/hello.elf");
 * const kernel = await loadKernel(file);
 * const { symbol, section, why } = explainAddress(kernel, kernel.entryPoint, { symbols: await readSymbols(file), file });
 * assertEquals([symbol?.name, section?.name], ["_start", ".text"]);
 * assertEquals(why.map(({ message }) => message), [
 *   "Program header 0 maps the page of the file in place: the byte is at file offset 0x1000.",
 * ]);
 * ```
 *
 * @example What a page-table entry means
 * ```ts
 * import { decodeEntry } from "@kload/kload/explain";
 * import { loadKernel } from "@kload/kload";
 * import { assertEquals } from "@std/assert";
 *
 * const { pageTable, entryPoint } = await loadKernel(await Deno.readFile("examples/hello/hello.elf"));
 * const entries = pageTable.walk(entryPoint).map(({ entry, level }) => decodeEntry(entry, level));
 * assertEquals(entries.map(({ kind }) => kind), ["table", "table", "table", "page"]);
 * assertEquals(entries[3].flags, ["PRESENT"]);
 * ```
 *
 * @module
 */

export type { KeptFile } from "../core/file/kept_file.ts";
export { openPageTables } from "../core/paging/open_page_tables.ts";
export type {
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
} from "./address/absence.ts";
export type { AddressExplanation, NamedPlace, NearRun, NearRuns, SegmentPlace } from "./address/address_explanation.ts";
export { explainAddress } from "./address/explain_address.ts";
export type { AddedParts, ExplainOptions } from "./address/explain_options.ts";
export { explainPhysical, type PhysicalExplanation } from "./address/explain_physical.ts";
export type {
  ChangedReason,
  CopiedReason,
  CopyCause,
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
  RelocationFacts,
  ReplacedReason,
  SealedReason,
  SectionReason,
  TableReason,
  TlsReason,
  UnsealedReason,
  WriteExecuteReason,
  ZeroedReason,
} from "./address/presence.ts";
export type { Reason } from "./address/reason.ts";
export { diffKernels, diffSteps } from "./diff/diff_kernels.ts";
export type { DiffOptions } from "./diff/diff_options.ts";
export type {
  ByteDifference,
  ContentDifferences,
  FactDifference,
  FirstDifference,
  KernelDifference,
  Level4Difference,
  Limited,
  MappedSide,
  MappingDifference,
  MappingDifferences,
  MatchedAddress,
  NamedDifference,
  NameDifference,
  NameDifferences,
  PlaceNames,
  RepeatedRange,
  Side,
  UnknownRange,
} from "./diff/kernel_difference.ts";
export type { Explainable, ExplainedKernel } from "./explained.ts";
export { CAUSE_CODES, type CauseCode } from "./fault/cause.ts";
export type { Exception } from "./fault/exception.ts";
export { explainFault, type FaultOptions } from "./fault/explain_fault.ts";
export type {
  Backtrace,
  Caller,
  FaultAccess,
  FaultCause,
  FaultEvent,
  FaultExplanation,
  FaultInstruction,
  FaultPage,
  OperandValue,
  PageProblem,
  Place,
} from "./fault/fault_explanation.ts";
export type { FileFacts } from "./fault/fault_view.ts";
export type { Registers } from "./fault/registers.ts";
export type { GuestEnd, PartRange, StartedKernel, StoppedGuest } from "./fault/stopped_guest.ts";
export type { ExplainedSource } from "./file/explained_file.ts";
export { openDisassembler } from "./instructions/disassembler.ts";
export type { Access, Disassembler, Flow, Instruction, MemoryUse, Operand } from "./instructions/instruction.ts";
export { type AroundOptions, type InstructionsAround, instructionsAround } from "./instructions/instructions_around.ts";
export type {
  MapEntry,
  MapGap,
  MapModel,
  MapOfMemory,
  MapPermissions,
  MapRun,
  MapTable,
  MapTotals,
  NameRange,
  PermissionCount,
  RunCount,
} from "./map/address_map.ts";
export { mapModel, type MapModelOptions } from "./map/map_model.ts";
export type { DeepestLevel, MapTableEntry } from "./map/table_entries.ts";
export type {
  KernelRelocations,
  RelocationEntry,
  RelocationSymbol,
  RelocationTable,
  RelocationTag,
} from "./relocations/kernel_relocations.ts";
export { readRelocations } from "./relocations/read_relocations.ts";
export { type KernelSnapshot, openSnapshot, snapshot, type SnapshotOptions, snapshotTransfer } from "./snapshot.ts";
export type { KernelSection, KernelSymbol, KernelSymbols, SymbolEnds, SymbolPlace } from "./symbols/kernel_symbols.ts";
export { linkedAddress, loadedAddress, type Moved } from "./symbols/linked_address.ts";
export { readSymbols } from "./symbols/read_symbols.ts";
export { type DecodedEntry, decodeEntry, type EntryField, type EntryFlag } from "./tables/decode_entry.ts";
export { type FindOptions, findVirtualAddresses, type VirtualAddresses } from "./tables/find_virtual_addresses.ts";
export { listRuns } from "./tables/list_runs.ts";
export { type ListedTable, listTables } from "./tables/list_tables.ts";
export { openTableSet, type TableSetOptions } from "./tables/open_table_set.ts";
export type { PhysicalPages } from "./tables/physical_pages.ts";
export { readVirtual, type ReadVirtualOptions } from "./tables/read_virtual.ts";
export type {
  EntryPlace,
  ListOptions,
  ListProgress,
  PageRun,
  RecursiveEntry,
  ReservedEntry,
  RunOptions,
  TableItem,
  TableProblem,
  UnknownTable,
} from "./tables/table_items.ts";
export type { TableLevel, TableSet } from "./tables/table_set.ts";
export { type FoundAddress, virtualAddressesOf } from "./tables/virtual_addresses.ts";
export { type Permission, type Walk, type WalkedLevel, type WalkEnd, walkTables } from "./tables/walk_tables.ts";
