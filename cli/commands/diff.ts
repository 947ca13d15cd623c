/**
 * `kload diff`: compares two kernels, or foreign page tables.
 *
 * @module
 */

import { diffSteps } from "../../explain/diff/diff_kernels.ts";
import { framesInBoth } from "../../explain/diff/frames_in_both.ts";
import type { KernelDifference } from "../../explain/diff/kernel_difference.ts";
import type { Explainable } from "../../explain/explained.ts";
import type { KernelSymbols } from "../../explain/symbols/kernel_symbols.ts";
import { readSymbols } from "../../explain/symbols/read_symbols.ts";
import { DIFF } from "../arguments/diff_command.ts";
import { type DiffRequest, diffRequest, type DiffSide } from "../arguments/diff_sides.ts";
import type { Arguments } from "../arguments/parse_arguments.ts";
import { openForeignTables } from "../input/foreign/open_foreign_tables.ts";
import { CliError } from "../output/cli_error.ts";
import type { Output } from "../output/output.ts";
import type { ComparedSide } from "../report/diff_report.ts";
import { runSteps } from "./run_steps.ts";
import { type LoadPlan, loadPlan, withExplained } from "./with_explained.ts";

/** Exit statuses. */
const DIFFERENT = 1;
const UNREADABLE = 3;

const FLAGS = DIFF.flags.map(({ name }) => name);

/** A side that was read. */
interface OpenSide {
  readonly side: ComparedSide;
  readonly explainable: Explainable;
  readonly symbols?: KernelSymbols;
}

/**
 * Compares two sides, and prints the report or the JSON object.
 *
 * @param args The arguments.
 * @param output Where to print.
 * @param signal Ends the work.
 * @returns The exit status: 0 the same, 1 different, 3 a side cannot be read or loaded.
 */
export async function diff(args: Arguments, output: Output, signal: AbortSignal): Promise<number> {
  const { sides, options } = diffRequest(args);
  try {
    return await compare(sides, options, output, signal);
  } catch (error) {
    throw error instanceof CliError && error.code !== "usage" ? withStatus(error) : error;
  }
}

async function compare(
  sides: DiffRequest["sides"],
  options: DiffRequest["options"],
  output: Output,
  signal: AbortSignal,
): Promise<number> {
  const [sideA, sideB] = await Promise.all(sides.map(planned));
  return await withSide("A", sideA, undefined, output, signal, async (a) => {
    return await withSide("B", sideB, a, output, signal, async (b) => {
      const symbols = { a: a.symbols, b: b.symbols };
      const steps = diffSteps(a.explainable, b.explainable, { ...options, symbols });
      const difference = await runSteps(steps, signal);
      await print(difference, a.side, b.side, output);
      return difference.verdict === "same" ? 0 : DIFFERENT;
    });
  });
}

/** A side, with how to load it if it is a kernel. */
type PlannedSide =
  | Extract<DiffSide, { readonly kind: "kernel" }> & { readonly plan: LoadPlan }
  | Extract<DiffSide, { readonly kind: "tables" }>;

async function planned(side: DiffSide): Promise<PlannedSide> {
  return side.kind === "kernel" ? { ...side, plan: await loadPlan(side.args) } : side;
}

/** Reads one side and passes it on; if it cannot be read, says which one. */
async function withSide(
  name: "A" | "B",
  side: PlannedSide,
  other: OpenSide | undefined,
  output: Output,
  signal: AbortSignal,
  work: (side: OpenSide) => Promise<number>,
): Promise<number> {
  if (side.kind === "kernel") {
    const { args: { source }, flags, plan } = side;
    let isOpen = false;
    return await withExplained(source, plan, FLAGS, output, signal, async (file) => {
      const symbols = await readSymbols(await file.open(), { signal });
      isOpen = true;
      return await work({ side: { name: file.name, flags }, explainable: file.kernel, symbols });
    }, { name, status: UNREADABLE }).catch((error) => {
      throw isOpen ? error : unreadable(name, error);
    });
  }
  const others = (tables: Explainable) => framesInBoth(other?.explainable ?? tables, tables);
  const opened = await openForeignTables({ ...side.source, others }, signal).catch((error) => {
    throw unreadable(name, error);
  });
  try {
    const { tables, about } = opened;
    return await work({ side: { name: about.source, flags: [], about }, explainable: tables });
  } finally {
    opened.close();
  }
}

/** The error of a side that cannot be read. */
function unreadable(name: "A" | "B", error: unknown): unknown {
  if (!(error instanceof CliError) || error.code !== "source-failed") return error;
  return withStatus(error, name, `Cannot read ${name}: ${error.message.replace(/^Cannot read /, "")}`);
}

/** An error whose status is not that of a difference. */
function withStatus(error: CliError, side?: "A" | "B", message: string = error.message): CliError {
  const { code, hint, command, detail, cause, status = UNREADABLE } = error;
  return new CliError(code, message, { hint, command, detail: side ? { side, ...detail } : detail, status, cause });
}

async function print(
  difference: KernelDifference,
  a: ComparedSide,
  b: ComparedSide,
  output: Output,
): Promise<void> {
  if (output.json) {
    const { diffJson } = await import("../report/diff_json.ts");
    return await output.print(diffJson(difference, a, b));
  }
  if (output.quiet) return;
  const { diffReport } = await import("../report/diff_report.ts");
  await output.print(diffReport(difference, a, b, output.paint));
}
