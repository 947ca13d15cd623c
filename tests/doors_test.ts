/** The doors of the library and of its rooms: what they export, each name once, and that all of it is documented. */

import { assert, assertEquals } from "@std/assert";

const ROOT = new URL("../", import.meta.url);

/** The names that users and documentation rely on, by door: values first, then types. */
const DOORS: Readonly<Record<string, { readonly values: readonly string[]; readonly types: readonly string[] }>> = {
  "mod.ts": {
    values: [
      ...[
        "LoadError",
        "ascendingFrames",
        "errorHint",
        "loadKernel",
        "physicalMemory",
        "readHeaders",
        "segmentTypeName",
      ],
    ],
    types: [
      ...["AddressSpace", "AnyPlugin", "ByteReader", "Diagnostic", "ErrorCode", "ErrorPlace", "FileHeader"],
      ...["FrameAllocator", "FrameLedger", "FrameOwner", "FrameRun", "Handler", "Headers", "KernelSource"],
      ...["LimitPlace", "LoadErrorDetails", "LoadOptions", "LoadedKernel", "NodeFileHandle"],
      ...["PhysicalMemory", "PlacedStage", "Plugin", "PluginContext", "PluginEntry", "PluginResult"],
      ...["PluginResults", "ProgramHeader", "Progress", "RuleSetName", "Segment", "TlsTemplate"],
    ],
  },
  "core/stages/mod.ts": {
    values: [
      ...["bssFixup", "defaultPipeline", "diagnostics", "imageStage", "l4Usage", "mapLoad", "parse", "pipeline"],
      ...["sanityCheck", "segmentStage", "tlsExtract"],
    ],
    types: [
      ...["AddsOf", "AllOf", "Base", "Context", "DefaultStages", "DiagnosticKind", "Grown", "IfInOrder", "ImageStage"],
      ...[
        "Intake",
        "LoadSettings",
        "Loading",
        "Missing",
        "Need",
        "NeedsOf",
        "OneLacking",
        "OnlyAdds",
        "Pipeline",
        "Put",
      ],
      ...["Reads", "Rules", "SegmentStage", "Stage", "StageShape", "TakesFor"],
    ],
  },
  "core/paging/mod.ts": {
    values: [
      ...["ACCESSED", "DIRTY", "GLOBAL", "HUGE_PAGE", "NO_CACHE", "NO_EXECUTE", "PRESENT", "USER_ACCESSIBLE"],
      ...["WRITABLE", "WRITE_THROUGH", "openPageTables", "usedLevel4Entries"],
    ],
    types: [
      ...["FlagChange", "FreshRun", "Leaf", "MapOptions", "Mapper", "Mapping", "PageSize", "Table", "Translation"],
      ...["UnmappedRun", "UsedLevel4Entries", "WalkStep"],
    ],
  },
  "formats/mod.ts": {
    values: ["UnpackError", "identify", "unpack"],
    types: ["FileFormat", "FormatAdvice", "FormatName", "UnpackOptions", "Unpacked"],
  },
  "protocols/mod.ts": {
    values: ["recognizeProtocols"],
    types: [
      ...["KeepOptions", "LiminePlace", "LimineProtocol", "LimineRequest", "LimineRevisionTag", "Protocol"],
      ...["ProtocolName", "RandomSource", "Stivale2Protocol", "StivaleProtocol"],
    ],
  },
  "loaders/mod.ts": {
    values: ["LOADER_NAMES", "checkKernel"],
    types: [
      ...[
        "Breach",
        "CheckOptions",
        "CheckReport",
        "Circumstances",
        "Finding",
        "InsideReport",
        "Judgement",
        "LoaderName",
      ],
      ...["NamedRange", "Outcome", "Severity", "Verdict"],
    ],
  },
  "explain/mod.ts": {
    values: [
      ...["CAUSE_CODES", "decodeEntry", "diffKernels", "diffSteps", "explainAddress", "explainFault"],
      ...["explainPhysical", "findVirtualAddresses", "instructionsAround", "linkedAddress", "listRuns"],
      ...["listTables", "loadedAddress", "mapModel", "openDisassembler", "openPageTables", "openSnapshot"],
      ...["openTableSet", "readRelocations", "readSymbols", "readVirtual", "snapshot", "snapshotTransfer"],
      ...["virtualAddressesOf", "walkTables"],
    ],
    types: [
      ...["AbsentReason", "Access", "AddedParts", "AddressExplanation", "AroundOptions", "Backtrace"],
      ...["ByteDifference", "Caller", "CauseCode", "ChangedReason", "ContentDifferences", "CopiedReason"],
      ...["CopyCause", "DecodedEntry", "DeepestLevel", "DeniedReason", "DeviceReason", "DiffOptions"],
      ...["Disassembler", "EntryField", "EntryFlag", "EntryPlace", "Exception", "ExplainOptions"],
      ...["Explainable", "ExplainedKernel", "ExplainedSource", "FactDifference", "FaultAccess", "FaultCause"],
      ...["FaultEvent", "FaultExplanation", "FaultInstruction", "FaultOptions", "FaultPage", "FileFacts"],
      ...["FindOptions", "FirstDifference", "Flow", "FoundAddress", "GuardReason", "GuestEnd", "Instruction"],
      ...["InstructionsAround", "KeptFile", "KernelDifference", "KernelRelocations", "KernelSection"],
      ...["KernelSnapshot", "KernelSymbol", "KernelSymbols", "Level4Difference", "Limited", "ListOptions"],
      ...["ListProgress", "ListedTable", "LoadedReason", "MadeReason", "MapEntry", "MapGap", "MapModel"],
      ...["MapModelOptions", "MapOfMemory", "MapPermissions", "MapRun", "MapTable", "MapTableEntry"],
      ...["MapTotals", "MappedReason", "MappedSide", "MappingDifference", "MappingDifferences"],
      ...["MarkedReason", "MatchedAddress", "MemoryUse", "MisplacedReason", "Moved", "MovedReason"],
      ...["NameDifference", "NameDifferences", "NameRange", "NamedDifference", "NamedPlace", "NearRun"],
      ...["NearRuns", "NotCanonicalReason", "NotLoadedReason", "NotRelocatedReason", "Operand"],
      ...["OperandValue", "OutsideReason", "PageProblem", "PageRun", "PartRange", "Permission"],
      ...["PermissionCount", "PhysicalExplanation", "PhysicalPages", "PhysicalRangeReason", "PhysicalReason"],
      ...["Place", "PlaceNames", "RandomizedReason", "ReadVirtualOptions", "Reason", "RecursiveEntry", "Registers"],
      ...["RelocatedReason", "RelocationEntry", "RelocationFacts", "RelocationSymbol", "RelocationTable"],
      ...["RelocationTag", "RepeatedRange", "ReplacedReason", "ReservedEntry", "ReservedReason", "RunCount"],
      ...["RunOptions", "SealedReason", "SectionReason", "SegmentPlace", "Side", "SnapshotOptions"],
      ...["StartedKernel", "StoppedGuest", "SymbolEnds", "SymbolPlace", "TableItem", "TableLevel"],
      ...["TableProblem", "TableReason", "TableSet", "TableSetOptions", "TlsReason", "UncoveredReason"],
      ...["UnknownRange", "UnknownReason", "UnknownTable", "UnmappedReason", "UnsealedReason"],
      ...["VirtualAddresses", "Walk", "WalkEnd", "WalkedLevel", "WriteExecuteReason", "ZeroedReason"],
    ],
  },
};

/** What a door exports, read from its source: the names, which of them are types, and what else is in the file. */
function readDoor(path: string) {
  const code = Deno.readTextFileSync(new URL(path, ROOT)).replace(/\/\*[\s\S]*?\*\/|\/\/ .*$/gm, "");
  const values: string[] = [];
  const types: string[] = [];
  const rest = code.replace(/export\s+(type\s+)?\{([^}]*)\}\s*from\s*"[^"]+";/g, (_, allTypes, names: string) => {
    for (const name of names.split(",").map((each) => each.trim()).filter(Boolean)) {
      (allTypes || name.startsWith("type ") ? types : values).push(name.replace(/^type\s+/, ""));
    }
    return "";
  });
  return { values: values.sort(), types: types.sort(), rest: rest.trim() };
}

for (const [path, expected] of Object.entries(DOORS)) {
  Deno.test(`${path} re-exports these names, and has nothing else in it`, async () => {
    const { rest, ...names } = readDoor(path);
    assertEquals(names, expected);
    assertEquals(rest, "");
    const module: object = await import(new URL(path, ROOT).href);
    assertEquals(Object.keys(module).sort(), expected.values);
  });
}

/** Opening page tables is where work on them starts, be it to change or to explain them: one function at two doors. */
const AT_TWO_DOORS = ["openPageTables"];

Deno.test("no name is exported by two doors, but one function that is the same at both", async () => {
  const names = Object.keys(DOORS).map(readDoor).flatMap(({ values, types }) => [...values, ...types]);
  assertEquals(names.filter((name, index) => names.indexOf(name) !== index), AT_TWO_DOORS);
  const [paging, explain] = await Promise.all([import("../core/paging/mod.ts"), import("../explain/mod.ts")]);
  assertEquals(explain.openPageTables, paging.openPageTables);
});

Deno.test("the doors are what the package exports them as, and all that they export is documented", async () => {
  const { exports } = JSON.parse(Deno.readTextFileSync(new URL("deno.json", ROOT)));
  const names = [".", "./stages", "./paging", "./formats", "./protocols", "./loaders", "./explain"];
  const doors = names.map((name) => exports[name]);
  assertEquals(doors, Object.keys(DOORS).map((path) => `./${path}`));
  const args = ["doc", "--lint", ...Object.keys(DOORS)];
  const command = new Deno.Command(Deno.execPath(), { args, cwd: ROOT, env: { NO_COLOR: "1" }, stdin: "null" });
  const { success, stderr } = await command.output();
  assert(success, new TextDecoder().decode(stderr));
});
