/**
 * Reads the relocation entries of a kernel's file.
 *
 * @module
 */

import { EM_X86_64, PT_DYNAMIC } from "../../core/elf/constants.ts";
import type { ProgramHeader } from "../../core/elf/program_header.ts";
import { LoadError } from "../../core/errors.ts";
import type { KeepOptions, KeptFile } from "../../core/file/kept_file.ts";
import { type Pause, pauses } from "../../core/intake/pause.ts";
import { RULES } from "../../core/rules.ts";
import { readRelocationTables, type RelocationTables } from "../../plugins/relocate/relocation_tables.ts";
import { type ElfTables, readElfTables, readProgramHeaders } from "../file/elf_tables.ts";
import { type ExplainedSource, withFile } from "../file/explained_file.ts";
import { fileBytesAt, type FilePart, viewPart } from "../file/segment_bytes.ts";
import { kernelRelocations, type ReadTable } from "./entries.ts";
import type { KernelRelocations, RelocationTag } from "./kernel_relocations.ts";
import { DYNAMIC_MAX, DYNAMICS_MAX } from "./limits.ts";
import { addRela, addRelr, countRelr, entrySize, RELA_SIZE, relocationList, RELR_SIZE } from "./relocation_list.ts";
import { relocationSymbols } from "./relocation_symbols.ts";
import { tableParts } from "./table_parts.ts";
import { readWords } from "./words_before.ts";

/** The most words to list: many times what the largest kernels have, and few enough to take little memory. */
const WORDS_MAX = 2 ** 22;

/** How many entries to read between pauses; one of `DT_RELR` may be 63 words. */
const BATCH = 2 ** 13;

/**
 * Reads the relocation entries of a 64-bit x86-64 file that are found by its segment `PT_DYNAMIC`: those of `DT_RELR`,
 * `DT_RELA` and `DT_JMPREL`, in this order, which is that of the plugin relocate. What the file has is listed, whether
 * it was applied or not. From a file that is read at offsets (`readAt`, `Blob`), only headers, tables, the symbols that
 * they refer to, and the bytes that `DT_RELR` relocates are read.
 *
 * A file that is damaged, or no such file, has what can be read of it.
 *
 * @example
 * ```ts
 * import { readRelocations } from "@kload/kload/explain";
 * import { assertEquals } from "@std/assert";
 *
 * const relocations = await readRelocations(await Deno.readFile("examples/hello/hello-pie.elf"));
 * const [table] = relocations.tables;
 * assertEquals([table.name, table.entries, relocations.count], [".rela.dyn", 5, 5]);
 * const [entry] = relocations.inRange(0n, 1n << 64n);
 * assertEquals(relocations.at(entry.place + 7n), [entry]);
 * assertEquals(entry.type, "R_X86_64_RELATIVE");
 * ```
 *
 * @param source Bytes, a stream of them, an open file or anything with `read(buffer)`, a `Blob`, a `Response`, a source
 * with `readAt(offset, buffer)`, or a file that is kept already.
 * @param options The most bytes to keep, and a signal.
 * @returns The entries. They are independent of the source, whose bytes may change.
 * @throws {LoadError} "source-failed" if the source fails, or "memory-limit-exceeded".
 * @throws {TypeError} If the source is not one.
 */
export async function readRelocations(
  source: ExplainedSource,
  options: KeepOptions = {},
): Promise<KernelRelocations> {
  return await withFile(source, options, async (file) => {
    const pause = pauses(options.signal);
    const tables = await readElfTables(file, pause);
    if (!tables || !tables.wide || tables.bigEndian || tables.fileHeader.e_machine !== EM_X86_64) {
      return kernelRelocations(relocationList(0), [], false);
    }
    const programHeaders = await readProgramHeaders(file, tables);
    return await readEntries(file, tables, await findTables(file, programHeaders, pause), programHeaders, pause);
  });
}

/** A relocation table in the file. */
interface FoundTable {
  readonly tag: RelocationTag;
  /** Index of the program header of the dynamic table. */
  readonly header: number;
  /** What the dynamic table contains. */
  readonly dynamic: RelocationTables;
  /** The whole entries that the file has. */
  readonly part: FilePart;
}

/** Finds the tables of all dynamic tables, each once, in order of application. */
async function findTables(
  file: KeptFile,
  programHeaders: readonly ProgramHeader[],
  pause: Pause,
): Promise<readonly FoundTable[]> {
  const found = new Map<string, FoundTable>();
  const headers = programHeaders.filter(({ p_type }) => p_type === PT_DYNAMIC).slice(0, DYNAMICS_MAX);
  for (const header of headers) {
    const dynamic = await readDynamic(file, header, pause);
    if (!dynamic) continue;
    for (const { tag: name, address, size } of [...dynamic.relr ? [dynamic.relr] : [], ...dynamic.rela]) {
      const tag = name as RelocationTag;
      const bytes = fileBytesAt(programHeaders, address);
      if (!bytes) continue;
      await file.reach(bytes.offset + Math.min(bytes.length, Number(size)));
      const length = Math.min(bytes.length, Number(size), Math.max(0, file.length - bytes.offset));
      const part = { offset: bytes.offset, length: length - length % entrySize(tag) };
      const key = `${tag} ${part.offset} ${part.length}`;
      if (!found.has(key)) found.set(key, { tag, header: header.index, dynamic, part });
    }
  }
  return [...found.values()].filter(({ part }) => part.length > 0);
}

/** Reads a dynamic table as the plugin relocate does; if that refuses it, at least `DT_RELA`, as other rules do. */
async function readDynamic(file: KeptFile, header: ProgramHeader, pause: Pause): Promise<RelocationTables | undefined> {
  const [offset, length] = [Number(header.p_offset), Math.min(Number(header.p_filesz), DYNAMIC_MAX)];
  await file.keep(offset, length);
  const bytes = file.bytes(offset, length);
  for (const relocationTables of ["all", "rela"] as const) {
    try {
      return await readRelocationTables(bytes, header, { rules: { ...RULES.default, relocationTables }, pause });
    } catch (error) {
      if (!(error instanceof LoadError)) throw error;
    }
  }
  return undefined;
}

async function readEntries(
  file: KeptFile,
  { sections }: ElfTables,
  found: readonly FoundTable[],
  programHeaders: readonly ProgramHeader[],
  pause: Pause,
): Promise<KernelRelocations> {
  const bytes: Uint8Array[] = [];
  let room = 0;
  for (const { tag, part } of found) {
    const table = await viewPart(file, part, WORDS_MAX * entrySize(tag));
    bytes.push(table);
    if (tag !== "DT_RELR") room += table.length / RELA_SIZE;
    else {
      await inBatches(table.length / RELR_SIZE, pause, (from, end) => {
        room += countRelr(table, from, end);
        return room <= WORDS_MAX;
      });
    }
  }
  const list = relocationList(Math.min(room, WORDS_MAX));
  const read: ReadTable[] = [];
  const isPartial = room > WORDS_MAX || found.some(({ part }, at) => part.length > bytes[at].length);
  for (const [at, { tag, header, dynamic, part }] of found.entries()) {
    const start = list.count;
    const next = { high: 0, low: 0 };
    const total = bytes[at].length / entrySize(tag);
    await inBatches(total, pause, (from, end) => {
      const added = tag === "DT_RELR" ? addRelr(list, bytes[at], from, end, next) : addRela(list, bytes[at], from, end);
      return added === end - from;
    });
    if (tag === "DT_RELR") await readWords(list, start, list.count, file, programHeaders, pause);
    let last = 0;
    for (let entry = start; entry < list.count; entry++) last = Math.max(last, list.symbols[entry]);
    read.push({
      tag,
      header,
      fileOffset: part.offset,
      start,
      end: list.count,
      parts: tableParts(tag, part.offset, total, sections),
      symbols: await relocationSymbols(file, programHeaders, dynamic, last),
    });
  }
  return kernelRelocations(list, read, isPartial);
}

/** Works through numbers from 0 on, with pauses, until the work says that it cannot go on. */
async function inBatches(total: number, pause: Pause, work: (from: number, end: number) => boolean): Promise<void> {
  for (let from = 0; from < total; from += BATCH) {
    if (!work(from, Math.min(total, from + BATCH))) return;
    const pausing = pause();
    if (pausing) await pausing;
  }
}
