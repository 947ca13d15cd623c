/**
 * Answers what is at an address, for `kload walk`.
 *
 * @module
 */

import { equals } from "@std/bytes/equals";
import { SHF_EXECINSTR } from "../../core/elf/constants.ts";
import type { AddressExplanation } from "../../explain/address/address_explanation.ts";
import { explainAddress } from "../../explain/address/explain_address.ts";
import type { ExplainOptions } from "../../explain/address/explain_options.ts";
import { explainPhysical } from "../../explain/address/explain_physical.ts";
import { namedPlaces } from "../../explain/address/named_places.ts";
import { type Explainable, kernelOf, tablesOf } from "../../explain/explained.ts";
import { type InstructionsAround, instructionsAround } from "../../explain/instructions/instructions_around.ts";
import type { KernelSymbols } from "../../explain/symbols/kernel_symbols.ts";
import { linkedAddress, type Moved } from "../../explain/symbols/linked_address.ts";
import { readVirtual } from "../../explain/tables/read_virtual.ts";
import type { TableLevel, TableSet } from "../../explain/tables/table_set.ts";
import type { AddressOperand } from "../arguments/address_operand.ts";
import type { Output } from "../output/output.ts";
import { quotedPath } from "../output/shell_quote.ts";
import { hex } from "../output/text.ts";
import type { TablePart } from "../report/walk_entries.ts";
import { type WalkedAddress, walkReport } from "../report/walk_report.ts";
import { deviceFacts } from "./device_facts.ts";
import { findAddress, type FoundAddress, symbolText } from "./find_address.ts";

/** How many bytes are shown, of data and of code, and how many instructions around the address. */
const BYTES = 64;
const BYTES_OF_CODE = 16;
const BEFORE = 3;
const AFTER = 6;

/** What is said of code that is not that of the file. */
const OTHER_BYTES = "the bytes here are not those of the file: names may be those of another place (--kernel-base)";

/** What the question is about. */
export interface Subject {
  /** The name of the file, or of the memory that the page tables lie in. */
  readonly name: string;
  /** The kernel, or only page tables. */
  readonly explained: Explainable;
  /** What is known of the kernel's file or of where the page tables are from, for people and for programs. */
  readonly facts: WalkedAddress["facts"];
  readonly about: WalkedAddress["about"];
  /** The symbols of the kernel's file, if there is one. */
  readonly symbols?: KernelSymbols;
  /** How far the kernel was moved. */
  readonly moved: Moved;
  /** The path of the kernel's file, if other programs can read it. */
  readonly path?: string;
  /** The memory that is known, such as "the dump". */
  readonly memory: string;
  /** The kernel as kload loads it, if the page tables are others that it may run on. */
  readonly loaded?: Explainable;
  /** What to do for an explanation of what is not mapped. */
  readonly hintAt?: (explanation: AddressExplanation, tables: TableSet) => string | undefined;
  /** What else helps to explain. */
  readonly known?: ExplainOptions;
}

/**
 * Prints what is at an address, as a report or a JSON object.
 *
 * @param subject What the question is about.
 * @param operand The address or symbol.
 * @param output Where to print.
 * @throws {CliError} "usage" if there is no such symbol.
 */
export async function answerAddress(subject: Subject, operand: AddressOperand, output: Output): Promise<void> {
  const found = findAddress(operand, subject.symbols, subject.moved);
  if (output.quiet && !output.json) return;
  const walked = await walkedAddress(subject, found);
  if (!output.json) return await output.print(walkReport(walked, output.verbose, output.paint));
  const { walkJson } = await import("../report/walk_json.ts");
  await output.print(walkJson(walked));
}

async function walkedAddress(subject: Subject, { address, asked }: FoundAddress): Promise<WalkedAddress> {
  const { name, explained, facts = [], about, symbols, moved, path, known, memory, loaded } = subject;
  const tables = tablesOf(explained);
  const linked = linkedAddress(moved, address);
  const explanation = {
    ...explainAddress(explained, address, { ...known, symbols }),
    ...(kernelOf(explained) ? {} : namedPlaces(symbols, linked)), // of a file whose kernel runs on foreign page tables
  };
  const { physical, mapped } = explanation;
  const table = physical === null ? null : explainPhysical(explained, physical).table;
  const section = symbols?.sectionAt(linked);
  const isCodeSection = section !== undefined && (section.flags & SHF_EXECINSTR) !== 0n;
  // Where there is no section, an executable page is taken for code.
  const isCode = table === null && explanation.permissions?.endsWith("X") === true && (isCodeSection || !section);
  const bytes = readVirtual(tables, address, isCode ? BYTES_OF_CODE : BYTES);
  const fileCode = isCodeSection ? readVirtual(tablesOf(loaded ?? explained), address, BYTES_OF_CODE) : undefined;
  const isFileCode = isCode && fileCode !== undefined && equals(bytes, fileCode);
  const around = isCode ? await decode(tables, address, subject) : undefined;
  return {
    name,
    ...(asked === undefined ? {} : { asked }),
    levels: tables.levels,
    facts: [
      ...facts,
      ...(physical === null ? [] : deviceFacts(explained, physical, bytes)),
      ...(loaded && mapped && fileCode && bytes.length > 0 && !isFileCode ? [["note", OTHER_BYTES] as const] : []),
    ],
    about,
    unpacked: known?.unpacked ?? false,
    explanation,
    hint: subject.hintAt?.(explanation, tables),
    bytes,
    ...(mapped && bytes.length === 0
      ? { unknownBytes: `Not known: physical ${hex(physical ?? 0)} is not in ${memory}.` }
      : {}),
    ...(table && bytes.length > 0 ? { table: tablePart(tables, address, table) } : {}),
    ...(around ? { code: { around, bytesAt: ({ address, length }) => readVirtual(tables, address, length) } } : {}),
    nameOf: (address) => symbols && symbolText(symbols, linkedAddress(moved, address)),
    ...(isFileCode && path !== undefined && symbols?.hasLineNumbers === true
      ? { lineCommand: `addr2line -f -e ${quotedPath(path)} ${hex(linked)}` }
      : {}),
  };
}

/** Imports the disassembler only here: its code is larger than all of kload. */
async function decode(
  tables: TableSet,
  address: bigint,
  { symbols, moved: { virtualAddressOffset } }: Subject,
): Promise<InstructionsAround | undefined> {
  const { disassembler } = await import("../input/disassembler.ts");
  const options = { symbols, virtualAddressOffset, before: BEFORE, after: AFTER };
  return instructionsAround(await disassembler(), tables, address, options);
}

/** The entries of a page table that follow an address. */
function tablePart(
  tables: TableSet,
  address: bigint,
  { level, entry }: { readonly level: TableLevel; readonly entry: number },
): TablePart {
  const bytes = readVirtual(tables, address - address % 8n, Math.min(BYTES, (512 - entry) * 8));
  const view = new DataView(bytes.buffer);
  const entries = Array.from({ length: bytes.length / 8 }, (_, at) => view.getBigUint64(at * 8, true));
  return { level, first: entry, entries };
}
