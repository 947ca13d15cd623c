/**
 * Where page tables are from, as reports and JSON say it.
 *
 * @module
 */

import type { ForeignFacts, ValueOrigin } from "../input/foreign/foreign_tables.ts";
import { count, hex, hexRange, printable } from "../output/text.ts";
import { unpackedFacts } from "./file_facts.ts";
import type { Kernel } from "./kernel.ts";
import type { Recognized } from "./recognized.ts";
import type { Facts } from "./report_parts.ts";

/** A file that names what page tables of others map. */
export interface NamedFile {
  /** What to call it. */
  readonly name: string;
  /** The containers that it was unpacked from. */
  readonly layers: Recognized["layers"];
  /** The kernel in it. */
  readonly kernel: Kernel;
  /** Whether it was said where the kernel is, rather than chosen by kload. */
  readonly isPlaced: boolean;
}

const ORIGINS: Readonly<Record<ValueOrigin, string>> = {
  flag: "given",
  default: "the default",
  core: "from the core",
  guest: "from the guest",
};

/**
 * What is known of a kernel whose tables kload built.
 *
 * @param kernel The kernel.
 * @param layers The containers that it was unpacked from.
 * @returns The facts.
 */
export function kernelFacts({ rules, virtualAddressOffset }: Kernel, layers: Recognized["layers"]): Facts {
  return [
    ...unpackedFacts(layers),
    ["rules", rules],
    ...(virtualAddressOffset === 0n
      ? []
      : [["kernel base", `${hex(virtualAddressOffset)}, added to every p_vaddr`] as const]),
  ];
}

/**
 * What is known of foreign page tables.
 *
 * @param about Where they were read.
 * @param names The file whose segments, sections and symbols are shown, if there is one.
 * @param cr3Value The value that was given for CR3, if it has more in it than the address.
 * @returns The facts.
 */
export function foreignFacts(
  about: ForeignFacts,
  names: NamedFile | undefined,
  cr3Value?: bigint,
): Facts {
  const given = cr3Value === undefined ? ORIGINS[about.cr3From] : `the address in ${hex(cr3Value)}, which was given`;
  return [
    ["read from", sourceWords(about)],
    ["CR3", `${hex(about.cr3)}, ${given}; ${about.levels} levels, ${ORIGINS[about.levelsFrom]}`],
    ...(about.isCut ? [["not read", "the guest has more page tables than kload reads"] as const] : []),
    ...(names ? [["names from", namesWords(names)] as const, ...unpackedFacts(names.layers)] : []),
  ];
}

/**
 * What is known about foreign page tables.
 *
 * @param about The facts.
 * @returns The object.
 */
export function foreignJson({ memory, ...about }: ForeignFacts): object {
  const ranges = memory && { memory: memory.map(({ start, size }) => ({ start: hex(start), size })) };
  return { ...about, cr3: hex(about.cr3), ...ranges };
}

function sourceWords({ kind, memory = [], processors, pagesRead, guest }: ForeignFacts): string {
  if (kind === "guest") {
    const after = guest === "resumed" ? "the guest runs again" : "the guest is stopped, as it was before";
    return `a running QEMU, ${count(pagesRead ?? 0, "page")} of its memory; ${after}`;
  }
  const [first] = memory;
  const more = memory.length > 1 ? ` and ${count(memory.length - 1, "more range")}` : "";
  const range = first ? `, physical ${hexRange(first.start, first.size)}${more}` : "";
  if (kind === "dump") return `a memory dump${range}`;
  return `an ELF core${range}${processors === undefined ? "" : `, of ${count(processors, "processor")}`}`;
}

function namesWords({ name, isPlaced, kernel: { virtualAddressOffset } }: NamedFile): string {
  const how = isPlaced ? "" : " as kload would place it (if it runs elsewhere, say so with --kernel-base)";
  const moved = virtualAddressOffset === 0n ? "" : `, moved by ${hex(virtualAddressOffset)}${how}`;
  return `${printable(name)}${moved}`;
}
