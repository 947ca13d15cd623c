/**
 * Describes the results of the built-in plugins in words.
 *
 * @module
 */

import type { EhFrame } from "../../plugins/eh_frame.ts";
import type { Interpreter } from "../../plugins/interp.ts";
import type { Notes } from "../../plugins/notes.ts";
import type { OpenBsd, OpenBsdRange } from "../../plugins/openbsd.ts";
import type { ProgramHeaderTable } from "../../plugins/phdr.ts";
import type { GnuProperties } from "../../plugins/property.ts";
import type { Relocations } from "../../plugins/relocate.ts";
import type { Relro } from "../../plugins/relro.ts";
import type { Sections } from "../../plugins/sections.ts";
import type { StackRequest } from "../../plugins/stack.ts";
import { count, exactSize, grouped, hex, hexRange, listed } from "../output/text.ts";

/** Describes the result of one plugin. */
interface Describer {
  /** Fields that the result always has: another plugin with the same name may return something else. */
  readonly fields: readonly string[];
  readonly inWords: (found: unknown) => string;
}

/** The most items of a list to show. */
const MOST_ITEMS = 4;

/**
 * Describes the result of a built-in plugin.
 *
 * @param name The plugin's name.
 * @param found What it returned.
 * @returns Such as "5 relocations applied: R_X86_64_RELATIVE"; `undefined` if this is not a built-in plugin's result.
 */
export function describeBuiltIn(name: string, found: unknown): string | undefined {
  const describer = DESCRIBERS.get(name);
  const isTheirs = typeof found === "object" && found !== null &&
    describer?.fields.every((field) => field in found);
  return isTheirs ? describer?.inWords(found) : undefined;
}

function describer<Found>(fields: readonly (keyof Found & string)[], inWords: (found: Found) => string): Describer {
  return { fields, inWords: (found) => inWords(found as Found) };
}

const DESCRIBERS: ReadonlyMap<string, Describer> = new Map([
  ["relocate", describer<Relocations>(["counts", "needed"], relocations)],
  ["relro", describer<Relro>(["sealedPages", "keptPages"], relro)],
  ["stack", describer<StackRequest>(["executable"], stack)],
  ["notes", describer<Notes<unknown>>(["notes"], notes)],
  ["property", describer<GnuProperties>(["ibt", "shstk"], properties)],
  ["interp", describer<Interpreter>(["path"], ({ path }) => `asks for the program interpreter ${path}`)],
  ["phdr", describer<ProgramHeaderTable>(["address", "covered"], headerTable)],
  ["eh-frame", describer<EhFrame>(["address", "size"], unwindTable)],
  ["openbsd", describer<OpenBsd>(["randomized", "bootData", "mutable", "wxNeeded"], openbsd)],
  ["sections", describer<Sections>(["mappedSections"], sections)],
]);

function relocations({ counts, needed }: Relocations): string {
  const types = Object.entries(counts);
  const total = types.reduce((sum, [, number]) => sum + number, 0);
  const names = types.length === 1
    ? `: ${types[0][0]}`
    : types.length > 1
    ? `: ${listed(types.map(([type, number]) => `${grouped(number)} ${type}`))}`
    : "";
  const libraries = needed.length === 0 ? "" : `; needs shared libraries, which were not loaded: ${shortened(needed)}`;
  return `${total === 0 ? "no relocations" : count(total, "relocation")} applied${names}${libraries}`;
}

function relro({ sealedPages, keptPages }: Relro): string {
  const kept = keptPages.length === 0
    ? ""
    : `, ${count(keptPages.length, "page")} left writable: ${shortened(keptPages.map(hex))}`;
  return `${sealedPages === 0 ? "no pages" : count(sealedPages, "page")} made read-only${kept}`;
}

function stack({ executable, sizeHint }: StackRequest): string {
  return `${executable ? "executable" : "not executable"}${
    sizeHint === undefined ? "" : `, asks for ${exactBytes(sizeHint)}`
  }`;
}

function notes({ notes, buildId, pvhEntry }: Notes<unknown>): string {
  const owners = [...new Set(notes.map(({ owner }) => owner))];
  return [
    notes.length === 0
      ? "no notes"
      : `${count(notes.length, "note")} from ${shortened(owners.map((owner) => owner || '""'))}`,
    ...(buildId === undefined ? [] : [`build ID ${buildId}`]),
    ...(pvhEntry === undefined ? [] : [`PVH entry point at physical ${hex(pvhEntry)}`]),
  ].join(", ");
}

function properties({ ibt, shstk, isaNeeded, isaUsed, stackSize }: GnuProperties): string {
  const built = [...(ibt ? ["indirect branch tracking"] : []), ...(shstk ? ["shadow stacks"] : [])];
  return [
    built.length === 0 ? "not compiled for IBT or shadow stacks" : `compiled for ${listed(built)}`,
    ...(isaNeeded === undefined ? [] : [`needs ${isaNeeded}`]),
    ...(isaUsed === undefined ? [] : [`uses ${isaUsed} if available`]),
    ...(stackSize === undefined ? [] : [`needs a stack of ${exactBytes(stackSize)}`]),
  ].join(", ");
}

function headerTable({ address, covered }: ProgramHeaderTable): string {
  return `the kernel expects its program headers at ${hex(address)}${covered ? "" : ", but they are not loaded there"}`;
}

function unwindTable({ address, size, ehFrame, fdeCount }: EhFrame): string {
  return [
    `.eh_frame_hdr at ${hex(address)}, ${exactBytes(size)}`,
    ...(ehFrame === undefined ? [] : [`.eh_frame at ${hex(ehFrame)}`]),
    ...(fdeCount === undefined ? [] : [fdeCount === 1 ? "1 entry" : `${grouped(fdeCount)} entries`]),
  ].join(", ");
}

function openbsd({ randomized, bootData, mutable, wxNeeded }: OpenBsd): string {
  const ranges = (what: string, list: readonly OpenBsdRange[]): readonly string[] => {
    return list.length === 0 ? [] : [`${what} ${shortened(list.map(({ virt, size }) => hexRange(virt, size)))}`];
  };
  const parts = [
    ...ranges("filled with random bytes:", randomized),
    ...ranges("space for boot data:", bootData),
    ...ranges("left mutable:", mutable),
    ...(wxNeeded ? ["needs pages that are writable and executable"] : []),
  ];
  return parts.length === 0 ? "nothing done" : parts.join("; ");
}

function sections({ mappedSections }: Sections): string {
  if (mappedSections.length === 0) return "no sections mapped";
  return shortened(
    mappedSections.map(({ name, index, virt, size }) => {
      return `${name || `section ${index}`} at ${hex(virt)}, ${exactSize(size)}`;
    }),
    "; ",
  );
}

function shortened(items: readonly string[], separator: string = ", "): string {
  const more = items.length > MOST_ITEMS ? ` and ${grouped(items.length - MOST_ITEMS)} more` : "";
  return items.slice(0, MOST_ITEMS).join(separator) + more;
}

/** A size from the file, which may be any 64-bit number. */
function exactBytes(size: bigint): string {
  return size <= BigInt(Number.MAX_SAFE_INTEGER) ? exactSize(Number(size)) : `${hex(size)} bytes`;
}
