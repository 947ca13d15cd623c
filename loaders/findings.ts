/**
 * Every rule of findings, in the order of reports.
 *
 * @module
 */

import type { FindingRule } from "./finding.ts";
import { bytesOutsideRam } from "./findings/bytes_outside_ram.ts";
import { directMapCollision } from "./findings/direct_map_collision.ts";
import { entryIsPhysical, entryOutsideCode } from "./findings/entry_point.ts";
import { baseRevisionNew, baseRevisionOld } from "./findings/limine_base_revision.ts";
import {
  requestInBss,
  requestOutsideMarkers,
  requestSeenDifferently,
  requestUnaligned,
} from "./findings/limine_requests.ts";
import { loadInHole } from "./findings/low_memory_hole.ts";
import { debugOnly, nothingToLoad } from "./findings/nothing_to_load.ts";
import { offsetMismatch } from "./findings/offset_mismatch.ts";
import { PVH_FINDINGS } from "./findings/pvh.ts";
import { relroUnsealable } from "./findings/relro_unsealable.ts";
import { rwxLoad } from "./findings/rwx_load.ts";
import { sectionNotLoaded } from "./findings/section_not_loaded.ts";
import { stackExecutable } from "./findings/stack_executable.ts";
import { tlsMisaligned } from "./findings/tls_misaligned.ts";
import { userProgram } from "./findings/user_program.ts";
import { MULTIBOOT_FINDINGS } from "./findings/multiboot.ts";

/** Every rule of findings, in the order of reports: what the file is comes first. */
export const FINDING_RULES: readonly FindingRule[] = [
  userProgram,
  nothingToLoad,
  debugOnly,
  entryOutsideCode,
  entryIsPhysical,
  rwxLoad,
  offsetMismatch,
  relroUnsealable,
  sectionNotLoaded,
  loadInHole,
  bytesOutsideRam,
  tlsMisaligned,
  directMapCollision,
  ...MULTIBOOT_FINDINGS,
  ...PVH_FINDINGS,
  requestInBss,
  requestOutsideMarkers,
  requestUnaligned,
  requestSeenDifferently,
  baseRevisionOld,
  baseRevisionNew,
  stackExecutable,
];
