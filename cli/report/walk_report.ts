/**
 * The report of `kload walk` for people.
 *
 * @module
 */

import type { AddressExplanation, NearRun } from "../../explain/address/address_explanation.ts";
import type { Reason } from "../../explain/address/reason.ts";
import type { Instruction } from "../../explain/instructions/instruction.ts";
import type { InstructionsAround } from "../../explain/instructions/instructions_around.ts";
import { commandLines } from "../output/command_lines.ts";
import type { Paint } from "../output/paint.ts";
import { type Row, table } from "../output/table.ts";
import { count, hex, hexRange, printable, wrap } from "../output/text.ts";
import { ownerText } from "./owner_text.ts";
import { pageLetters } from "../../core/elf/permission_letters.ts";
import { fileOffsetFact } from "./file_facts.ts";
import { type Facts, headline, labelled, sections } from "./report_parts.ts";
import { addressBits } from "./walk_bits.ts";
import { byteLines, instructionLines, type NameOf } from "./walk_bytes.ts";
import { entryLines, type TablePart } from "./walk_entries.ts";
import { fieldLines, levelLines, pageText, permissionLines } from "./walk_levels.ts";

/** What is said of an address. */
export interface WalkedAddress {
  /** The name of the file, or of the memory that the page tables lie in. */
  readonly name: string;
  /** The symbol that was asked for, with its offset, if one was. */
  readonly asked?: string;
  /** Number of levels of the page tables. */
  readonly levels: 4 | 5;
  /** What is known of the file or of where the page tables are from: labels and texts. */
  readonly facts?: Facts;
  /** The same for programs. */
  readonly about?: object;
  /** Whether the kernel was unpacked from another file, so that file offsets are not that file's. */
  readonly unpacked?: boolean;
  /** What is there. */
  readonly explanation: AddressExplanation;
  /** What helps to find out more, if anything does. */
  readonly hint?: string;
  /** The bytes from the address on; none if they are not known. */
  readonly bytes: Uint8Array;
  /** Why they are not known, if a page is mapped. */
  readonly unknownBytes?: string;
  /** The entries from the address on, if it is in a page table. */
  readonly table?: TablePart;
  /** The instructions there, if it is code. */
  readonly code?: {
    readonly around: InstructionsAround;
    readonly bytesAt: (instruction: Instruction) => Uint8Array;
  };
  /** Names addresses. */
  readonly nameOf: NameOf;
  /** The command that finds the line of the source, if it is known that there is one. */
  readonly lineCommand?: string;
}

/**
 * The report on an address.
 *
 * @param walked What is said of it.
 * @param verbose Whether to say what each bit means.
 * @param paint The colors and the width.
 * @returns Lines of text.
 */
export function walkReport(walked: WalkedAddress, verbose: boolean, paint: Paint): string {
  const { explanation, levels, hint, bytes, unknownBytes, table: tablePart, code, nameOf } = walked;
  const { address, canonical, levels: entries, end, mapped, pageSize, why, nearest } = explanation;
  const leaf = pageSize === null ? 1 : Math.log2(pageSize / 8) / 9;
  return sections([
    [...verdictLines(walked, paint), ...factLines(walked, paint)],
    why.length === 0 ? [] : [paint.title("Why"), ...why.flatMap((reason) => reasonLines(reason, paint))],
    hint === undefined ? [] : wrap(`hint: ${hint}`, paint.width).map(paint.faint),
    [paint.title("Address"), ...addressBits(address, { levels, leaf, canonical }, paint)],
    [paint.title("Page tables"), ...levelLines(entries, end, paint)],
    verbose ? fieldLines(entries, paint) : [],
    mapped ? [paint.title("Permissions"), ...permissionLines(entries, paint)] : [],
    nearest ? [paint.title("Nearest pages"), ...nearLines(nearest, paint)] : [],
    bytes.length === 0 ? [] : [paint.title("Bytes"), ...byteLines(address, bytes, paint)],
    unknownBytes === undefined
      ? []
      : [paint.title("Bytes"), ...wrap(unknownBytes, paint.width - 2).map((line) => `  ${line}`)],
    tablePart ? entryLines(tablePart, paint) : [],
    code ? [paint.title("Instructions"), ...codeLines(code, nameOf, paint)] : [],
  ]);
}

function verdictLines({ name, asked, explanation }: WalkedAddress, paint: Paint): readonly string[] {
  const { address, canonical, mapped, permissions, user, end } = explanation;
  const what = asked === undefined ? hex(address) : `${printable(asked)} at ${hex(address)}`;
  if (mapped && permissions !== null) {
    return headline(name, [`${what} is mapped`, pageLetters({ permissions, user })], paint);
  }
  return headline(name, [
    `${what} is ${end.kind === "unknown" ? "not known to be mapped" : canonical ? "not mapped" : "not canonical"}`,
  ], paint);
}

function factLines(
  { explanation, facts: known = [], unpacked = false, lineCommand }: WalkedAddress,
  paint: Paint,
): readonly string[] {
  const { symbol, section, segment, physical, pageSize, owner, fileOffset } = explanation;
  const facts: (readonly [string, string])[] = [...known];
  if (symbol) facts.push(["symbol", symbolText(symbol)]);
  if (section) facts.push(["section", placeText(section)]);
  if (segment) {
    const { index, type, flags, offset } = segment;
    facts.push(["segment", `program header ${index} (${type} ${flags}), ${hex(offset)} from its start`]);
  }
  if (physical !== null && pageSize !== null) {
    facts.push(["physical", `${hex(physical)}, ${pageText(physical, pageSize)}`]);
  }
  if (owner !== null) facts.push(["frame owner", ownerText(owner)]);
  if (fileOffset !== null) facts.push(["file offset", fileOffsetFact(fileOffset, unpacked)]);
  return [
    ...(facts.length === 0 ? [] : labelled(facts, paint)),
    ...(lineCommand === undefined ? [] : commandLines("find the source line with", lineCommand, paint)),
  ];
}

/** A symbol that ends before the address is only the nearest one. */
function symbolText({ name, offset, size }: NonNullable<AddressExplanation["symbol"]>): string {
  const place = placeText({ name, offset });
  if (size === 0n) return `${place} (its size is unknown)`;
  if (BigInt(offset) < size) return `${place} of ${count(size, "byte")}`;
  const past = BigInt(offset) - size + 1n;
  return `none; ${count(past, "byte")} past the last byte of ${printable(name)}`;
}

function placeText({ name, offset }: { readonly name: string; readonly offset: number }): string {
  return offset === 0 ? printable(name) : `${printable(name)}+${hex(offset)}`;
}

function reasonLines({ message, hint }: Reason, paint: Paint): readonly string[] {
  return [
    ...wrap(printable(message), paint.width - 4).map((line, at) => (at === 0 ? "  " : "    ") + line),
    ...(hint ? wrap(`hint: ${printable(hint)}`, paint.width - 4) : []).map((line) => `    ${paint.faint(line)}`),
  ];
}

function nearLines(nearest: NonNullable<AddressExplanation["nearest"]>, paint: Paint): readonly string[] {
  const sides = (["before", "after"] as const).map((side) => ({ side, run: nearest[side] }));
  const toRow = ({ side, run }: { readonly side: string; readonly run?: NearRun | null }): Row => {
    if (!run) return { cells: [side, run === null ? "nothing is mapped" : "not searched to the end", "-", "-", "-"] };
    const { start, size, permissions, owner, distance } = run;
    return {
      cells: [
        side,
        hexRange(start, size),
        permissions,
        distanceText(distance),
        owner === null ? "-" : ownerText(owner),
      ],
    };
  };
  return table(["side", "virtual range", "flags", "distance", "owner"], sides, toRow, paint);
}

function distanceText(distance: bigint): string {
  if (distance === 1n) return "adjacent";
  return distance < 10_000n ? count(distance, "byte") : `${hex(distance)} bytes`;
}

function codeLines(
  { around, bytesAt }: NonNullable<WalkedAddress["code"]>,
  nameOf: NameOf,
  paint: Paint,
): readonly string[] {
  const note = around.from === "symbol" ? [] : wrap(
    "Decoded from the address itself: no symbol tells where an instruction starts.",
    paint.width - 2,
  ).map((line) => `  ${paint.faint(line)}`);
  return [...instructionLines(around, bytesAt, nameOf, paint), ...note];
}
