/**
 * `kload walk`: says what is at an address of a kernel, and why.
 *
 * @module
 */

import { PT_DYNAMIC } from "../../core/elf/constants.ts";
import type { KeptFile } from "../../core/file/kept_file.ts";
import type { AddressExplanation } from "../../explain/address/address_explanation.ts";
import type { ExplainOptions } from "../../explain/address/explain_options.ts";
import type { KernelSymbols } from "../../explain/symbols/kernel_symbols.ts";
import { readSymbols } from "../../explain/symbols/read_symbols.ts";
import type { TableSet } from "../../explain/tables/table_set.ts";
import { addressOperand } from "../arguments/address_operand.ts";
import type { Arguments } from "../arguments/parse_arguments.ts";
import type { ForeignSource } from "../arguments/foreign_tables.ts";
import { oneForeign } from "../arguments/one_foreign.ts";
import { WALK } from "../arguments/walk_command.ts";
import { readLimit } from "../arguments/walk_options.ts";
import { usageError } from "../output/cli_error.ts";
import { hexRange } from "../output/text.ts";
import type { Output } from "../output/output.ts";
import { unpackedFacts } from "../report/file_facts.ts";
import { fileFormat } from "../report/json.ts";
import type { Subject } from "./answer_address.ts";
import { answer, type Question } from "./answer_question.ts";
import { physicalAddress } from "./find_address.ts";
import type { NamedKernel } from "./walk_foreign.ts";
import { type ExplainedFile, loadPlan, withExplained } from "./with_explained.ts";

/** In how many level-4 entries `kload run` puts what it adds by default: the stack, and the boot information. */
const PARTS_OF_RUN = 2;

const FLAGS = WALK.flags.map(({ name }) => name);

/**
 * Prints what is at an address of a kernel or of page tables that kload did not build.
 *
 * @param args The arguments.
 * @param output Where to print.
 * @param signal Ends the work.
 * @returns The exit status: 0 if the question was answered.
 */
export async function walk(args: Arguments, output: Output, signal: AbortSignal): Promise<number> {
  const { switches, values } = args;
  const foreign = oneForeign(args, args.operands?.length === 1);
  const [file, text] = operandsOf(args, foreign !== undefined);
  const operand = addressOperand(text);
  const physical = switches.has("physical") ? physicalAddress(operand) : undefined;
  const question: Question = { operand, physical, limit: readLimit(values, physical !== undefined) };
  const answerForeign = async (source: ForeignSource, names?: NamedKernel): Promise<number> => {
    const { walkForeign } = await import("./walk_foreign.ts");
    await walkForeign(source, names, question, output, signal);
    return 0;
  };
  if (file === undefined) return await answerForeign(foreign!);
  const plan = await loadPlan(args);
  return await withExplained(file, plan, FLAGS, output, signal, async (loaded) => {
    const opened = await loaded.open();
    const symbols = await readSymbols(opened, { signal });
    if (foreign) return await answerForeign(foreign, { ...loaded, symbols });
    await answer(await subjectOf(loaded, symbols, opened, signal), question, output, signal);
    return 0;
  });
}

/** Next to page tables that kload did not build, a file only supplies names. */
function operandsOf({ source, operands = [] }: Arguments, hasTables: boolean): readonly [string | undefined, string] {
  const [text] = operands;
  if (text !== undefined) return [source, text];
  if (hasTables) return [undefined, source];
  throw usageError("Cannot run kload walk: ADDRESS or SYMBOL is missing", "kload walk --help shows examples.");
}

/** What `kload run` adds is in unused level-4 entries, the first of which is for its stack. */
function asRunHint({ end, levels }: AddressExplanation, { root, pages }: TableSet): string | undefined {
  const [top] = levels;
  const words = pages.words(root);
  if (end.kind !== "absent" || end.level !== 4 || !words) return undefined;
  const unused = Array.from({ length: 511 }, (_, at) => at + 1).filter((index) => (words[index * 2] & 1) === 0);
  if (!unused.slice(0, PARTS_OF_RUN).includes(top.index)) return undefined;
  return "kload run adds a stack and more to the kernel, in level-4 entries such as this one: --as-run adds it here, too.";
}

async function subjectOf(
  { name, path, layers, kernel, bootable }: ExplainedFile,
  symbols: KernelSymbols,
  file: KeptFile,
  signal: AbortSignal,
): Promise<Subject> {
  const known: ExplainOptions = { unpacked: layers.length > 0, ...(bootable ? { parts: bootable } : {}) };
  const subject = {
    name,
    ...(path === undefined ? {} : { path }),
    facts: unpackedFacts(layers),
    about: { format: fileFormat({ layers }) },
    explained: kernel,
    moved: kernel,
    ...(bootable ? {} : { hintAt: asRunHint }),
    memory: `the kernel's memory, ${hexRange(kernel.memory.base, kernel.memory.size)}`,
    symbols,
  };
  if (!kernel.programHeaders.some(({ p_type }) => p_type === PT_DYNAMIC)) return { ...subject, known };
  const { readRelocations } = await import("../../explain/relocations/read_relocations.ts");
  return { ...subject, known: { ...known, relocations: await readRelocations(file, { signal }) } };
}
