/**
 * Chooses the diagnostics of a load that explain a fault.
 *
 * @module
 */

import type { Diagnostic } from "../../core/diagnostics.ts";
import type { FaultCause, FaultEvent } from "./fault_explanation.ts";
import { headerAt } from "./place.ts";
import type { StartedKernel } from "./stopped_guest.ts";

const PAGE = ~0xfffn;

/** The diagnostics that are about a page. */
const OF_PAGES: ReadonlySet<string> = new Set(["pages-merged", "relro-page-shared", "entry-not-executable"]);

/** The diagnostics that are about all bytes of a segment. */
const OF_SEGMENTS: ReadonlySet<string> = new Set(["bytes-misplaced", "alignment-mismatch", "text-relocations"]);

/** The diagnostics that matter wherever a pointer was wrong: what it pointed to was never relocated. */
const OF_POINTERS: ReadonlySet<string> = new Set([
  ...["relocations-unapplied", "relocations-of-fixed-kernel", "shared-libraries-needed"],
]);

/**
 * Chooses the diagnostics of a load that explain what happened.
 *
 * @param event What happened.
 * @param started The kernel.
 * @returns Those about the same page or the same header, and those on relocation if a pointer was wrong.
 */
export function relatedDiagnostics(
  { instruction, access, causes }: Pick<FaultEvent, "instruction" | "access" | "causes">,
  { kernel }: StartedKernel,
): readonly Diagnostic[] {
  const places = [instruction?.address, access?.address].filter((address) => address !== undefined);
  const headers = places.map((address) => headerAt(address, kernel)?.index);
  const pages = new Set(places.map((address) => address & PAGE));
  const isPointer = causes.some(isWrongPointer);
  return kernel.diagnostics.filter(({ code, index, addresses }) => {
    if (OF_POINTERS.has(code)) return isPointer;
    if (OF_SEGMENTS.has(code)) return index !== undefined && headers.includes(index);
    return OF_PAGES.has(code) && addresses.some((address) => pages.has(address & PAGE));
  });
}

function isWrongPointer({ code }: FaultCause): boolean {
  return code === "null-pointer" || code === "wild-jump" || code === "not-canonical" || code === "physical-address";
}
