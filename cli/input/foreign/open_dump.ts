/**
 * Opens page tables in a file: physical memory as it is, as QEMU's `pmemsave` writes it, or an ELF core.
 *
 * @module
 */

import { PHYSICAL_END } from "../../../core/memory/addresses.ts";
import { openTableSet } from "../../../explain/tables/open_table_set.ts";
import { CliError, messageOf, usageError } from "../../output/cli_error.ts";
import { neededFlag, permissionAdvice } from "../../output/permission_flag.ts";
import { hex, hexRange, printable } from "../../output/text.ts";
import { isElfCore, readElfCore } from "./elf_core.ts";
import { filePages, type ReadAt, readFully, type StoredRange } from "./file_pages.ts";
import type { ForeignFacts, ForeignOptions, ForeignTables } from "./foreign_tables.ts";
import { packedDump } from "./packed_dump.ts";
import { type PagingRegisters, tablesIn, withoutPaging } from "./paging_registers.ts";

/** What is read to tell what a file is. */
const HEAD_SIZE = 64;

/** Where tables start, and how that is known. */
type Root = Pick<ForeignFacts, "cr3" | "cr3From" | "levels" | "levelsFrom">;

/**
 * Opens the page tables in a dump.
 *
 * @param path Its path.
 * @param options Its base, if it is no core, and where the tables start, if it does not say so itself.
 * @returns The tables; the caller closes them.
 * @throws {CliError} "source-failed" if the dump cannot be used, "usage" if an option is missing or does not fit.
 */
export function openDump(path: string, options: ForeignOptions): ForeignTables {
  const dump = attempt(path, () => openFile(path));
  try {
    const { readAt, size } = dump;
    const head = new Uint8Array(HEAD_SIZE);
    const isCore = isElfCore(head.subarray(0, readFully(readAt, 0, head)));
    const found = isCore ? openCore(path, dump, options) : openRaw(path, head, size, options);
    const pages = filePages(readAt, found.ranges);
    const { cr3, levels } = found.root;
    if (!pages.words(cr3)) throw rootMissing(path, isCore, found);
    const memory = found.ranges.map(({ phys, size }) => ({ start: phys, size }));
    const { processors } = found;
    return {
      tables: openTableSet({ memory: pages, cr3, levels }),
      about: {
        source: path,
        kind: isCore ? "core" : "dump",
        ...found.root,
        memory,
        ...(processors === undefined ? {} : { processors }),
      },
      close: dump.close,
    };
  } catch (error) {
    dump.close();
    throw error;
  }
}

interface OpenFile {
  readonly readAt: ReadAt;
  readonly size: number;
  readonly close: () => void;
}

function openFile(path: string): OpenFile {
  // To open a pipe would wait for someone to write to it.
  const { isFile, isDirectory } = Deno.statSync(path);
  if (isDirectory) throw new Error("it is a directory");
  if (!isFile) throw new Error("it is not a regular file, so it cannot be read at any offset");
  const file = Deno.openSync(path);
  try {
    const { size } = file.statSync();
    if (size === 0) throw new Error("the file is empty");
    const readAt: ReadAt = (offset, buffer) =>
      attempt(path, () => {
        file.seekSync(offset, Deno.SeekMode.Start);
        return file.readSync(buffer) ?? 0;
      });
    return { readAt, size, close: () => file.close() };
  } catch (error) {
    file.close();
    throw error;
  }
}

/** What a file has: the memory in it, and where tables start. */
interface Found {
  readonly ranges: readonly StoredRange[];
  readonly root: Root;
  readonly processors?: number;
}

function openRaw(path: string, head: Uint8Array, size: number, { base, cr3, levels }: ForeignOptions): Found {
  const packed = base === undefined ? packedDump(head) : undefined; // with a base it is memory, whatever its bytes are
  if (packed) throw failed(path, packed.why, packed);
  if (cr3 === undefined) {
    throw usageError(
      `Cannot read page tables of ${printable(path)}: memory alone does not say where they start, so --cr3 is needed`,
      'QEMU\'s monitor prints CR3 with "info registers", in hex: add the 0x. An ELF core from "dump-guest-memory" contains it.',
      { flag: "cr3" },
    );
  }
  const phys = base ?? 0;
  return {
    ranges: [{ phys, size: Math.min(size, PHYSICAL_END - phys), offset: 0 }],
    root: { cr3, cr3From: "flag", levels: levels ?? 4, levelsFrom: levels === undefined ? "default" : "flag" },
  };
}

function openCore(path: string, { readAt, size }: OpenFile, { base, cr3, levels }: ForeignOptions): Found {
  if (base !== undefined) {
    const message = `Cannot use --base ${hex(base)}: ${printable(path)} is an ELF core, which says where its memory is`;
    throw usageError(message, undefined, { flag: "base" });
  }
  const core = readElfCore(readAt, size);
  if (typeof core === "string") throw failed(path, core);
  const { processors, ranges } = core;
  const registers = processors.find((each) => withoutPaging(each) === undefined);
  if (cr3 === undefined && !registers) throw withoutRoot(path, processors);
  const from = registers && tablesIn(registers);
  return {
    ranges,
    processors: processors.length,
    root: {
      cr3: cr3 ?? from!.cr3,
      cr3From: cr3 === undefined ? "core" : "flag",
      levels: levels ?? from?.levels ?? 4,
      levelsFrom: levels !== undefined ? "flag" : from ? "core" : "default",
    },
  };
}

function withoutRoot(path: string, processors: readonly PagingRegisters[]): CliError {
  const hint = "Give the physical address of the table of the highest level with --cr3.";
  if (processors.length > 0) return failed(path, withoutPaging(processors[0])!, { hint });
  const message = `Cannot read page tables of ${
    printable(path)
  }: the core has no control registers, so --cr3 is needed`;
  return usageError(message, 'QEMU\'s "dump-guest-memory" writes cores that have them.', { flag: "cr3" });
}

function rootMissing(path: string, isCore: boolean, { root, ranges }: Found): CliError {
  const { cr3, cr3From, levels } = root;
  const [first] = ranges;
  const last = ranges.at(-1);
  const held = first && last
    ? `it holds physical ${hexRange(first.phys, last.phys + last.size - first.phys)}${
      ranges.length > 1 ? `, in ${ranges.length} parts` : ""
    }`
    : "it holds no memory";
  const why = `the level-${levels} table at ${hex(cr3)} is not in it: ${held}`;
  const hint = isCore
    ? 'QEMU\'s "dump-guest-memory" without -p writes all memory.'
    : "--base says where a dump's first byte is.";
  if (cr3From !== "flag") return failed(path, why, { hint });
  return usageError(`Cannot use --cr3 ${hex(cr3)} for ${printable(path)}: ${why}`, hint, { flag: "cr3", value: cr3 });
}

/** Does something with the file. If it fails, the error says what to do; most often Deno lacks a permission. */
function attempt<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (cause instanceof CliError) throw cause;
    const flag = neededFlag(cause, path);
    if (flag === undefined) throw failed(path, messageOf(cause), {}, cause);
    const { why, ...advice } = permissionAdvice(flag === "--allow-all" ? [] : [flag]);
    throw failed(path, why, advice, cause);
  }
}

function failed(
  path: string,
  why: string,
  { hint, command }: { readonly hint?: string; readonly command?: string } = {},
  cause?: unknown,
): CliError {
  const message = `Cannot read page tables of ${printable(path)}: ${why}`;
  return new CliError("source-failed", message, { hint, command, detail: { source: path }, cause });
}
