/**
 * The report of `kload walk --physical`.
 *
 * @module
 */

import type { PhysicalExplanation } from "../../explain/address/explain_physical.ts";
import type { VirtualAddresses } from "../../explain/tables/find_virtual_addresses.ts";
import type { FoundAddress } from "../../explain/tables/virtual_addresses.ts";
import type { Paint } from "../output/paint.ts";
import { type Row, table } from "../output/table.ts";
import { exactSize, grouped, hex, listed, printable, wrap } from "../output/text.ts";
import { ownerText } from "./owner_text.ts";
import { mappingLetters, pageLetters } from "../../core/elf/permission_letters.ts";
import { type Facts, headline, labelled, sections } from "./report_parts.ts";
import { fileOffsetFact } from "./file_facts.ts";
import { byteLines, type NameOf } from "./walk_bytes.ts";

/** The most addresses to show; `--json` lists as many as `--limit` says. */
const MOST_SHOWN = 40;

/** What is said of a physical address. */
export interface WalkedPhysical {
  /** The name of the file, or of the memory that the page tables lie in. */
  readonly name: string;
  /** What is known of the file or of where the page tables are from: labels and texts. */
  readonly facts?: Facts;
  /** The same for programs. */
  readonly about?: object;
  /** Whether the kernel was unpacked from another file, so that file offsets are not that file's. */
  readonly unpacked?: boolean;
  /** What it is. */
  readonly explanation: PhysicalExplanation;
  /** Where it is mapped. */
  readonly found: VirtualAddresses;
  /** The bytes from the address on; none if they are not known. */
  readonly bytes: Uint8Array;
  /** Names virtual addresses. */
  readonly nameOf: NameOf;
}

/**
 * The report on a physical address.
 *
 * @param walked What is said of it.
 * @param paint The colors and the width.
 * @returns Lines of text.
 */
export function physicalReport(
  { name, facts: known = [], unpacked = false, explanation, found, bytes, nameOf }: WalkedPhysical,
  paint: Paint,
): string {
  const { physical, owner, fileOffset, segments, message } = explanation;
  const { count: total, mayHaveMore } = found;
  const places = total === 0 ? "no address" : total === 1 ? "1 address" : `${grouped(total)} addresses`;
  const times = !mayHaveMore ? places : total === 0 ? `${places} that is known` : `at least ${places}`;
  const headers = `program ${segments.length === 1 ? "header" : "headers"} ${listed(segments.map(String))}`;
  const facts: Facts = [
    ...known,
    ...(owner === null ? [] : [["frame owner", ownerText(owner)] as const]),
    ...(fileOffset === null ? [] : [["file offset", fileOffsetFact(fileOffset, unpacked)] as const]),
    ...(segments.length === 0 ? [] : [["segment", headers] as const]),
  ];
  return sections([
    [
      ...headline(name, [`physical ${hex(physical)} is mapped at ${times}`], paint),
      ...(facts.length === 0 ? [] : labelled(facts, paint)),
      ...wrap(printable(message), paint.width - 2).map((line) => `  ${line}`),
    ],
    total === 0 ? [] : [paint.title("Virtual addresses"), ...addressLines(found, nameOf, paint)],
    noteLines(found, paint),
    bytes.length === 0 ? [] : [paint.title("Bytes"), ...byteLines(BigInt(physical), bytes, paint)],
  ]);
}

function addressLines(
  { addresses, count, mayHaveMore }: VirtualAddresses,
  nameOf: NameOf,
  paint: Paint,
): readonly string[] {
  const toRow = (found: FoundAddress): Row => {
    const { virt, pageSize, user, recursive } = found;
    const symbol = nameOf(virt);
    return {
      cells: [
        hex(virt),
        exactSize(pageSize),
        pageLetters({ permissions: mappingLetters(found), user }),
        printable(symbol ?? "-"),
      ],
      remark: recursive ? "through a recursive entry" : "",
    };
  };
  const shown = addresses.slice(0, MOST_SHOWN);
  const left = count - shown.length;
  const more = left === 0 ? [] : [paint.faint(`  ... and ${mayHaveMore ? "at least " : ""}${grouped(left)} more`)];
  return [...table(["address", "page", "flags", "symbol"], shown, toRow, paint), ...more];
}

function noteLines({ unknownTables }: VirtualAddresses, paint: Paint): readonly string[] {
  if (unknownTables === 0) return [];
  const text = unknownTables === 1
    ? "1 page table is in unknown memory: what it maps was not searched."
    : `${grouped(unknownTables)} page tables are in unknown memory: what they map was not searched.`;
  return wrap(text, paint.width - 2).map((line) => `  ${line}`);
}
