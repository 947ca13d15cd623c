/**
 * `kload walk`: says what is at an address of a kernel, and why.
 *
 * @module
 */

import { explainAddress } from "../../explain/address/explain_address.ts";
import { tablesOf } from "../../explain/explained.ts";
import { instructionsAround } from "../../explain/instructions/instructions_around.ts";
import { type KernelSymbols } from "../../explain/symbols/kernel_symbols.ts";
import { linkedAddress } from "../../explain/symbols/linked_address.ts";
import { readSymbols } from "../../explain/symbols/read_symbols.ts";
import { readVirtual } from "../../explain/tables/read_virtual.ts";
import { addressOperand } from "../arguments/address_operand.ts";
import type { Arguments } from "../arguments/parse_arguments.ts";
import { WALK } from "../arguments/walk_command.ts";
import type { Output } from "../output/output.ts";
import { quotedPath } from "../output/shell_quote.ts";
import { hex } from "../output/text.ts";
import { type WalkedAddress, walkReport } from "../report/walk_report.ts";
import { findAddress } from "./find_address.ts";
import { type ExplainedFile, loadPlan, withExplained } from "./with_explained.ts";

/** How many bytes are shown, and how many instructions around the address. */
const BYTES = 64;
const BYTES_OF_CODE = 16;
const BEFORE = 3;
const AFTER = 6;

/** `SHF_EXECINSTR` (gABI, "Sections"): the section has instructions. */
const SHF_EXECINSTR = 4n;

const FLAGS = WALK.flags.map(({ name }) => name);

/**
 * Loads a kernel and prints what is at an address, as a report or a JSON object.
 *
 * @param args The arguments.
 * @param output Where to print.
 * @param signal Ends the work.
 * @returns The exit status: 0 if the question was answered.
 */
export async function walk(args: Arguments, output: Output, signal: AbortSignal): Promise<number> {
  const { source, operands = [], switches } = args;
  const operand = addressOperand(operands[0]);
  const plan = await loadPlan(args);
  return await withExplained(source, plan, FLAGS, output, signal, async (file) => {
    const kept = await file.open();
    const symbols = await readSymbols(kept, { signal });
    const found = findAddress(operand, symbols, file.kernel);
    const walked = await walkedAddress(file, symbols, found);
    if (output.json) {
      const { walkJson } = await import("../report/walk_json.ts");
      await output.print(walkJson(walked));
    } else if (!output.quiet) {
      await output.print(walkReport(walked, output.verbose, output.paint));
    }
    return 0;
  });
}

async function walkedAddress(
  { name, path, kernel, bootable }: ExplainedFile,
  symbols: KernelSymbols,
  { address, asked }: ReturnType<typeof findAddress>,
): Promise<WalkedAddress> {
  const tables = tablesOf(kernel);
  const explanation = explainAddress(kernel, address, { symbols, ...(bootable ? { parts: bootable } : {}) });
  const { virtualAddressOffset } = kernel;
  const linked = linkedAddress(kernel, address);
  const isCode = explanation.permissions?.endsWith("X") === true && isCodeSection(symbols, linked);
  const bytes = readVirtual(tables, address, isCode ? BYTES_OF_CODE : BYTES);
  const around = { symbols, virtualAddressOffset, before: BEFORE, after: AFTER };
  const { disassembler } = await import("../input/disassembler.ts");
  const code = isCode ? instructionsAround(await disassembler(), tables, address, around) : undefined;
  return {
    name,
    ...(asked === undefined ? {} : { asked }),
    levels: tables.levels,
    explanation,
    bytes,
    ...(code === undefined ? {} : {
      code: { around: code, bytesAt: ({ address, length }) => readVirtual(tables, address, length) },
    }),
    nameOf: (address) => nameOf(symbols, linkedAddress(kernel, address)),
    ...(isCode && path !== undefined && symbols.hasLineNumbers
      ? { lineCommand: `addr2line -f -e ${quotedPath(path)} ${hex(linked)}` }
      : {}),
  };
}

/** Whether an address is in a section of instructions; where there is no section, an executable page is taken for code. */
function isCodeSection(symbols: KernelSymbols, linked: bigint): boolean {
  const section = symbols.sectionAt(linked);
  return section === undefined || (section.flags & SHF_EXECINSTR) !== 0n;
}

function nameOf(symbols: KernelSymbols, linked: bigint): string | undefined {
  const place = symbols.symbolAt(linked);
  if (!place || (place.offset > 0 && BigInt(place.offset) >= place.symbol.size)) return undefined;
  return place.offset === 0 ? place.symbol.name : `${place.symbol.name}+${hex(place.offset)}`;
}
