/**
 * Limine 8, by its own protocol: its BIOS port, as of 8.2.
 *
 * @module
 */

import { rulesLoader } from "./engine.ts";
import { entryNotExecutable, entryOutside, entryZero, mappedLow } from "./limine/entry_rules.ts";
import * as file from "./limine/file_rules.ts";
import * as memory from "./limine/memory_rules.ts";
import * as relocation from "./limine/relocation_rules.ts";
import * as request from "./limine/request_rules.ts";
import * as segment from "./limine/segment_rules.ts";
import { limineView } from "./limine/view.ts";
import type { Loader } from "./loader.ts";

/** Limine 8. */
export const limine8: Loader = rulesLoader({
  name: "limine-8",
  title: "Limine 8",
  versions: "8.2 on BIOS machines: read in its source, and seen in 8.2.0",
  protocols: ["limine"],
  parts: ["image", "dynamic", "sections"],
  view: limineView({ newestRevision: 2, isChecked: false, randomizes: true }),
  rules: [
    file.notElf,
    file.bigEndian,
    file.wrongMachine,
    file.wrongType,
    file.smallProgramHeaders,
    file.dynamicMissing,
    file.dynamicEmpty,
    segment.noLoads,
    segment.alignZeroOnly,
    [segment.lowerHalf, segment.mixedHalves, segment.virtualOverlap, segment.sharedPageFlags],
    { ...memory.alignHuge, words: "Division exception at 0x13f27. Error code: 0x0" },
    memory.imageTooLarge,
    memory.imageTooHigh,
    relocation.neededLibrary,
    relocation.dynamicEntrySize,
    relocation.implicitAddends,
    relocation.endlessRelocations,
    [segment.filesLarger, relocation.relocationType, relocation.undefinedSymbol],
    request.revisionTwice,
    file.smallSectionHeaders,
    request.requestTwice,
    request.tooManyRequests,
    request.pagingModeRange("Kernel"),
    request.pagingModeUnsupported("Kernel"),
    memory.stackTooLarge,
    mappedLow,
    memory.tablesTooLarge,
    memory.stackWraps,
    segment.addressWraps,
    memory.imageWraps,
    memory.baseUnaligned,
    entryOutside,
    entryNotExecutable,
    entryZero,
  ],
});
