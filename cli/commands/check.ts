/**
 * `kload check`: predicts what each loader will do with a file, and fixes what can be fixed in it.
 *
 * @module
 */

import { LoadError } from "../../core/errors.ts";
import { checkKernel, type CheckOptions, type CheckReport } from "../../loaders/check_kernel.ts";
import type { RandomSource } from "../../core/file/kept_file.ts";
import type { ByteReader } from "../../mod.ts";
import { type CheckRequest, checkRequest } from "../arguments/check_options.ts";
import type { Arguments } from "../arguments/parse_arguments.ts";
import { liblzma } from "../input/liblzma.ts";
import type { RandomFile } from "../input/random_file.ts";
import { asItIs, openSource, type Source } from "../input/source.ts";
import { type Output, progressLine } from "../output/output.ts";
import type { ProgressLine } from "../output/progress.ts";
import { checkReport } from "../report/check_report.ts";
import { checkStatus } from "../report/check_status.ts";
import type { MendedFile } from "../report/fix_report.ts";

/**
 * Checks a file, fixes a copy of it if requested, and prints the report, the JSON object or the SARIF log.
 *
 * @param args The arguments.
 * @param output Where to print.
 * @param signal Ends the work.
 * @returns The exit status.
 */
export async function check(args: Arguments, output: Output, signal: AbortSignal): Promise<number> {
  const request = checkRequest(args);
  let source: Source | undefined;
  let file: RandomFile | undefined;
  const line = await progressLine(output, "reading");
  signal.addEventListener("abort", line.stop, { once: true });
  try {
    // Loaders get the file as it is; what is fixed is the kernel in it.
    source = await openSource(args.source, signal, request.fixTo === undefined ? asItIs : undefined);
    file = await source.random?.();
    const { report, mended } = request.fixTo === undefined
      ? { report: await checkKernel(watchedFile(file, source, line), optionsOf(request, signal)), mended: undefined }
      : await mendAndCheck(source, request, request.fixTo, args, line, signal);
    line.stop();
    await print(report, source, request, mended, output);
    return checkStatus(report, request.failOn);
  } catch (error) {
    line.stop();
    if (!(error instanceof LoadError)) throw error;
    const { printError } = await import("../report/print_error.ts");
    const { problemOf } = await import("../report/problem.ts");
    const circumstances = { name: source?.name ?? args.source, verdict: "not checked", flags: ["max-memory"] };
    return await printError(problemOf(error, circumstances), output);
  } finally {
    file?.close();
    source?.close();
  }
}

function optionsOf({ loaders, memory, kernelBase, maxMemory }: CheckRequest, signal: AbortSignal): CheckOptions {
  return { loaders, memory, kernelBase, maxMemory, signal, liblzma };
}

/** Writes the fixed file, and checks it in place of the one that was read. */
async function mendAndCheck(
  source: Source,
  request: CheckRequest,
  path: string,
  args: Arguments,
  line: ProgressLine,
  signal: AbortSignal,
): Promise<{ readonly report: CheckReport; readonly mended: MendedFile }> {
  const { mendFile } = await import("./mend_file.ts");
  const reader = watchedReader(source.reader, source, line);
  const { bytes, ...mended } = await mendFile({ ...source, reader }, path, args, request.maxMemory, signal);
  return { report: await checkKernel(bytes, optionsOf(request, signal)), mended };
}

async function print(
  report: CheckReport,
  { name }: Source,
  { sarif, failOn }: CheckRequest,
  mended: MendedFile | undefined,
  output: Output,
): Promise<void> {
  const checked = mended?.output ?? name;
  if (sarif) {
    const { checkSarif } = await import("../report/check_sarif.ts");
    return await output.print(checkSarif(checked, report));
  }
  if (output.json) {
    const { checkJson } = await import("../report/check_json.ts");
    return await output.print(checkJson(name, report, mended));
  }
  if (output.quiet) return;
  const { paint, verbose } = output;
  if (mended) {
    const { fixReport } = await import("../report/fix_report.ts");
    await output.print(fixReport(mended, name, paint).map((line) => `${line}\n`).join("") + "\n");
  }
  await output.print(checkReport(report, { name: checked, verbose, failOn }, paint));
}

function watchedReader(reader: ByteReader, { size }: Source, line: ProgressLine): ByteReader {
  let loaded = 0;
  return {
    read: async (buffer) => {
      const count = await reader.read(buffer);
      loaded += count ?? 0;
      line.update({ loaded }, size);
      return count;
    },
  };
}

/** A regular file is read where something is needed of it, and any other source from its first byte on. */
function watchedFile(file: RandomFile | undefined, source: Source, line: ProgressLine): RandomSource | ByteReader {
  if (!file) return watchedReader(source.reader, source, line);
  let loaded = 0;
  return {
    size: file.size,
    readAt: async (offset, buffer) => {
      const count = await file.readAt(offset, buffer);
      loaded += count; // what several loaders need is read again
      line.update({ loaded: Math.min(loaded, file.size) }, file.size);
      return count;
    },
  };
}
