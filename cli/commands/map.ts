/**
 * `kload map`: draws an address space.
 *
 * @module
 */

import type { Explainable } from "../../explain/explained.ts";
import type { MapModel } from "../../explain/map/address_map.ts";
import { mapModel, type MapModelOptions } from "../../explain/map/map_model.ts";
import { readSymbols } from "../../explain/symbols/read_symbols.ts";
import type { ForeignSource } from "../arguments/foreign_tables.ts";
import { MAP } from "../arguments/map_command.ts";
import { type MapRequest, mapRequest } from "../arguments/map_options.ts";
import { oneForeign } from "../arguments/one_foreign.ts";
import type { Arguments } from "../arguments/parse_arguments.ts";
import type { ForeignFacts } from "../input/foreign/foreign_tables.ts";
import { usageError } from "../output/cli_error.ts";
import type { Output } from "../output/output.ts";
import { identityOf, type KeptFile } from "../output/same_file.ts";
import { filterNotes, type Nameable } from "../report/filter_notes.ts";
import { fileFormat } from "../report/json.ts";
import { mapReport } from "../report/map_report.ts";
import type { Facts } from "../report/report_parts.ts";
import { foreignFacts, foreignJson, kernelFacts } from "../report/table_origin.ts";
import { keptFiles } from "./kept_files.ts";
import { type ExplainedFile, loadPlan, withExplained } from "./with_explained.ts";

const FLAGS = MAP.flags.map(({ name }) => name);

/** A map, and what goes with it. */
interface Mapped {
  readonly model: MapModel;
  /** What to call it. */
  readonly name: string;
  /** What is known of where it is from. */
  readonly facts: Facts;
  /** The same for programs. */
  readonly json: Readonly<Record<string, unknown>>;
  /** What the filter names that is not there. */
  readonly filterNotes: readonly string[];
  /** Whether the kernel was unpacked from another file. */
  readonly unpacked: boolean;
  /** The files that were read, which no output may replace. */
  readonly kept: readonly KeptFile[];
}

/**
 * Loads a kernel, or opens foreign page tables, and prints the report, the JSON object or the image.
 *
 * @param args The arguments.
 * @param output Where to print.
 * @param signal Ends the work.
 * @returns The exit status.
 */
export async function map(args: Arguments, output: Output, signal: AbortSignal): Promise<number> {
  const request = mapRequest(args);
  const foreign = oneForeign(args, args.source !== "");
  if (args.source === "") {
    if (!foreign) throw nothingGiven();
    return await print(await foreignMap(foreign, request, undefined, [], signal), request, output, signal);
  }
  const plan = await loadPlan(args);
  return await withExplained(args.source, plan, FLAGS, output, signal, async (file) => {
    const kept = [...keptFiles(file, args), ...plan.files];
    const mapped = foreign
      ? await foreignMap(foreign, request, file, kept, signal)
      : await kernelMap(file, request, kept, signal);
    return await print(mapped, request, output, signal);
  });
}

function nothingGiven(): Error {
  return usageError(
    "Cannot map anything: no FILE, --memory or --gdb given",
    "Name a kernel, as in kload map kernel.elf, or page tables: kload map --memory memory.bin --cr3 0x1000",
  );
}

async function kernelMap(
  { name, layers, kernel, open }: ExplainedFile,
  request: MapRequest,
  kept: readonly KeptFile[],
  signal: AbortSignal,
): Promise<Mapped> {
  const symbols = await readSymbols(await open(), { signal });
  const model = await modelOf(kernel, { symbols }, request, signal);
  const json = { name, format: fileFormat({ layers }), rules: kernel.rules };
  return {
    model,
    name,
    facts: kernelFacts(kernel, layers),
    json,
    filterNotes: notesOn(request, { kernel, hasOwners: true, symbols }),
    unpacked: layers.length > 0,
    kept,
  };
}

async function foreignMap(
  source: ForeignSource,
  request: MapRequest,
  file: ExplainedFile | undefined,
  kept: readonly KeptFile[],
  signal: AbortSignal,
): Promise<Mapped> {
  const symbols = file && await readSymbols(await file.open(), { signal });
  const { openForeignTables } = await import("../input/foreign/open_foreign_tables.ts");
  const { tables, about, close } = await openForeignTables(source, signal);
  try {
    const names = file ? { symbols, kernel: file.kernel } : {};
    const model = await modelOf(tables, { ...names, memory: extentOf(about) }, request, signal);
    const path = source.memory;
    const dump = { what: "the memory dump", identity: async () => identityOf(await Deno.stat(path ?? "")) };
    return {
      model,
      name: about.source,
      facts: foreignFacts(about, file, source.cr3Value),
      filterNotes: notesOn(request, { kernel: file?.kernel, hasOwners: false, symbols }),
      unpacked: (file?.layers.length ?? 0) > 0,
      json: { name: about.source, ...(file ? { namesFrom: file.name } : {}), foreign: foreignJson(about) },
      kept: path === undefined ? kept : [...kept, dump],
    };
  } finally {
    close();
  }
}

function notesOn({ filter }: MapRequest, nameable: Nameable): readonly string[] {
  return filter === undefined ? [] : filterNotes(filter, nameable);
}

/** From the first known byte to the last one. */
function extentOf({ memory = [] }: ForeignFacts): MapModelOptions["memory"] {
  const first = memory.at(0);
  const last = memory.at(-1);
  return first && last && { base: first.start, size: last.start + last.size - first.start };
}

function modelOf(
  explainable: Explainable,
  options: MapModelOptions,
  { filter, level, limit }: MapRequest,
  signal: AbortSignal,
): Promise<MapModel> {
  return mapModel(explainable, { ...options, filter, level, limit, signal });
}

async function print(
  { model, name, facts, json, filterNotes, unpacked, kept }: Mapped,
  request: MapRequest,
  output: Output,
  signal: AbortSignal,
): Promise<number> {
  if (request.svg) {
    const { mapSvg } = await import("../report/map_svg.ts");
    await printImage(mapSvg(model, { name, unpacked, filter: request.filter }), request.path, kept, output, signal);
  }
  if (output.json) {
    const { mapJson } = await import("../report/map_json.ts");
    await output.print(mapJson(model, json));
  } else if (!request.svg && !output.quiet) {
    const about = { ...request, name, facts, filterNotes, unpacked, verbose: output.verbose };
    await output.print(mapReport(model, about, output.paint));
  }
  return 0;
}

async function printImage(
  svg: string,
  path: string | undefined,
  kept: readonly KeptFile[],
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  if (path === undefined) return await output.print(svg);
  const { writeOutputFile } = await import("../output/output_file.ts");
  const target = { path, flag: "output", what: "the image", code: "image-failed" } as const;
  await writeOutputFile(target, [{ offset: 0, bytes: new TextEncoder().encode(svg) }], 0, kept, signal);
}
