/** Runs a case: loads the file, asks the model, and loads it again from another kind of source. */

import { ERROR_CODES } from "../../core/errors.ts";
import { errorHint, type LoadedKernel, LoadError, loadKernel } from "../../mod.ts";
import { tryAgain } from "./again.ts";
import { bootKernel } from "./boot.ts";
import type { Case } from "./cases.ts";
import { checkKernel, compareWithModel, type Complain } from "./compare.ts";
import { checkExpected } from "./expected.ts";
import { judge } from "./judge.ts";
import { Little, readEhdr, readPhdr } from "./model/reading.ts";
import type { Verdict } from "./model/verdict.ts";
import { prepare, type Prepared, type Setup } from "./setup.ts";
import { type Cut, openCut } from "./sources.ts";
import { changedPages, isEqual, type Window } from "./windows.ts";

const PAGE = 4096;

/** How long a case may take at the very most, in milliseconds: a guard against loops that do not end. */
const PATIENCE = 20_000;

/** What came of a case. */
export interface Report {
  readonly problems: readonly string[];
  /** "accepted", the code of the error, or the class of a refused option. */
  readonly outcome: string;
  /** Whether the model had a say. */
  readonly judged: boolean;
}

/** One load of a case. */
interface Attempt extends Prepared {
  readonly kernel?: LoadedKernel;
  readonly error?: unknown;
}

/** Runs a case. */
export async function runCase(fuzzCase: Case): Promise<Report> {
  const { file, setup, cut, seed } = fuzzCase;
  const problems: string[] = [];
  const complain: Complain = (problem) => void problems.push(problem);
  const before = performance.now();
  const first = await attempt(file.bytes, setup, "bytes", seed);
  const work = { ...first.window?.work };
  const verdict = verdictOn(fuzzCase, first.kernel, complain);
  const { kernel, error } = first;
  checkUntouched(first, file.bytes, setup, complain);
  if (kernel) {
    const leaves = checkKernel(kernel, file.bytes, setup, first.handed, complain);
    if (verdict.outcome === "refused") {
      complain(`accepted, but the model refuses it: ${[...verdict.codes].join(" or ")}`);
    }
    if (verdict.outcome === "accepted") compareWithModel(kernel, leaves, verdict, setup, complain);
    checkExpected(kernel, file, setup, complain);
  } else checkError(error, verdict, fuzzCase, complain);
  checkWork(work, kernel, file.bytes, setup, complain);
  const second = await attempt(file.bytes, setup, cut, seed);
  compareAttempts(first, second, file.bytes.length > setup.maxMemory, complain);
  await tryAgain(fuzzCase, kernel, complain);
  if (kernel && second.kernel) bootKernel(fuzzCase, second.kernel, complain);
  if (second.kernel) checkUntouched(second, file.bytes, setup, complain);
  if (performance.now() - before > PATIENCE) complain("it took too long");
  return { problems, outcome: outcomeOf(first), judged: verdict.outcome !== "unsettled" };
}

/** What the model says; where it finds that the load did what no load may do, that is a problem. */
function verdictOn(fuzzCase: Case, kernel: LoadedKernel | undefined, complain: Complain): Verdict {
  if (fuzzCase.setup.invalid) return { outcome: "unsettled" };
  try {
    return judge(fuzzCase, kernel);
  } catch (error) {
    complain(`the model stopped: ${error instanceof Error ? error.stack : error}`);
    return { outcome: "unsettled" };
  }
}

async function attempt(bytes: Uint8Array<ArrayBuffer>, setup: Setup, cut: Cut, seed: number): Promise<Attempt> {
  const prepared = prepare(setup);
  const { source } = openCut(bytes, cut, seed);
  try {
    return { ...prepared, kernel: await loadKernel(source, prepared.options) };
  } catch (error) {
    return { ...prepared, error };
  }
}

function outcomeOf({ kernel, error }: Attempt): string {
  if (kernel) return "accepted";
  return error instanceof LoadError ? error.code : error instanceof Error ? error.name : String(error);
}

/** A refusal is a LoadError that says why; wrong options are a TypeError or RangeError. */
function checkError(error: unknown, verdict: Verdict, { file, setup }: Case, complain: Complain): void {
  if (setup.invalid) {
    if (!(error instanceof TypeError) && !(error instanceof RangeError)) complain(`a wrong option led to ${error}`);
    return;
  }
  if (error instanceof RangeError && error.message.includes("as level4Frame") && isInClaim(file.bytes, setup)) return;
  if (!(error instanceof LoadError)) return complain(`threw ${error instanceof Error ? error.stack : error}`);
  const { code, detail, message, diagnostics } = error;
  const isComplete = ERROR_CODES.includes(code) && message.length > 0 && errorHint(code, detail).length > 0;
  if (!isComplete || !Array.isArray(diagnostics)) complain(`the error ${code} is not complete`);
  if (code === "plugin-failed") complain(`a plugin failed: ${error.cause instanceof Error ? error.cause.stack : code}`);
  const isHostile = setup.allocator?.kind === "hostile";
  // What headers claim of the file counts as the file's, even if there is no such file.
  const claimsMore = claimedEnd(file.bytes) > file.bytes.length;
  if (code === "frame-unusable" && claimsMore) return;
  if (code === "frame-unusable" && !isHostile) complain(`a good frame was refused: ${message}`);
  if (isHostile) return;
  if (verdict.outcome === "accepted" && !verdict.maybe.has(code)) {
    complain(`refused, but the model accepts it: ${message}`);
  }
  if (verdict.outcome === "refused" && verdict.codes.size > 0 && !verdict.codes.has(code)) {
    complain(`refused with ${code}, the model's reasons are ${[...verdict.codes].join(" or ")}: ${message}`);
  }
}

/** Whether the level-4 frame lies where the file would, by its own account. */
function isInClaim(file: Uint8Array, { level4Frame = -1, kernelOffset }: Setup): boolean {
  return level4Frame >= kernelOffset && level4Frame < kernelOffset + claimedEnd(file) + PAGE;
}

/** Nothing was written but the file's bytes and frames that were handed out. */
function checkUntouched({ window, handed, kernel }: Attempt, file: Uint8Array, setup: Setup, complain: Complain): void {
  if (!window) return;
  const { memory: { base }, kernelOffset, level4Frame } = setup;
  const fileEnd = kernelOffset + Math.ceil(claimedEnd(file) / PAGE) * PAGE;
  const owned = new Set<number>();
  for (const { phys, size } of kernel?.frameRuns() ?? []) {
    for (let frame = phys; frame < phys + size; frame += PAGE) owned.add(frame);
  }
  const changed = changedPages(window, (offset) => {
    const phys = base + offset;
    if (setup.invalid) return false;
    if (phys === level4Frame || (phys >= kernelOffset && phys < fileEnd)) return true;
    if (kernel) return owned.has(phys);
    return handed ? handed.has(phys) : phys >= fileEnd;
  });
  for (const offset of changed.slice(0, 3)) complain(`the page at 0x${(base + offset).toString(16)} was written to`);
}

/** Where the file ends by its own account: its length, or the end of what a program header claims. */
function claimedEnd(file: Uint8Array): number {
  if (file.length < 64) return file.length;
  const reader = new Little(file);
  const { phoff, phnum, phentsize, wide } = readEhdr(reader);
  let end = BigInt(file.length);
  for (let index = 0; index < phnum; index++) {
    const at = phoff + BigInt(index * phentsize);
    if (at + 56n > BigInt(file.length)) break;
    const { offset, filesz } = readPhdr(reader, Number(at), index, wide);
    if (offset + filesz > end) end = offset + filesz;
  }
  return Number(end);
}

/** The work is linear in the file and in memory, for a refusal too: every byte is looked at a few times at most. */
function checkWork(
  { views = 0, bytes = 0 }: Partial<Window["work"]>,
  kernel: LoadedKernel | undefined,
  file: Uint8Array,
  { memory, plugins }: Setup,
  complain: Complain,
): void {
  const filePages = Math.ceil(file.length / PAGE);
  const frames = kernel?.framesAllocated ?? memory.size / PAGE;
  const mostBytes = 4 * (filePages + frames + plugins.length + 8) * PAGE;
  if (bytes > mostBytes) complain(`${bytes} bytes were looked at, of a file of ${file.length} and ${frames} frames`);
  // Eight bytes of DT_RELR stand for up to 63 words, each of which is read and written.
  if (views > 30 * (file.length + frames) + 1000) complain(`memory was looked at ${views} times`);
  const remarks = kernel?.diagnostics.length ?? 0;
  const mostRemarks = 3 * ((kernel?.programHeaders.length ?? 0) + frames + filePages) + 40;
  if (remarks > mostRemarks) complain(`there are ${remarks} diagnostics`);
}

/** Where the cuts of a source are makes no difference. */
function compareAttempts(first: Attempt, second: Attempt, isLarge: boolean, complain: Complain): void {
  // A file of unknown length is read up to the limit; one of known length is refused for what would not fit.
  const outcomes = isLarge ? [first, second].map(outcomeOf) : [summaryOf(first), summaryOf(second)];
  const [one, other] = outcomes;
  if (one !== other) complain(`another source gave\n    ${other}\n  instead of\n    ${one}`);
  const [bytes, again] = [first, second].map(({ window, kernel }) => window?.bytes ?? bytesOf(kernel));
  if (bytes && again && !isEqual(bytes, again)) complain("another source led to other bytes in memory");
}

function bytesOf(kernel: LoadedKernel | undefined): Uint8Array | undefined {
  return kernel && new Uint8Array(kernel.memory.buffer);
}

function summaryOf({ kernel, error }: Attempt): string {
  const shown = (value: unknown): string =>
    JSON.stringify(value, (_, field) => typeof field === "bigint" ? `0x${field.toString(16)}` : field);
  if (!kernel) {
    if (!(error instanceof LoadError)) return String(error);
    return shown({ code: error.code, message: error.message, diagnostics: error.diagnostics });
  }
  const { entryPoint, virtualAddressOffset, level4Frame, framesAllocated, nextFrame, diagnostics, results } = kernel;
  const used = [...kernel.usedLevel4Entries];
  return shown({
    entryPoint,
    virtualAddressOffset,
    level4Frame,
    framesAllocated,
    nextFrame,
    used,
    diagnostics,
    results,
  });
}
