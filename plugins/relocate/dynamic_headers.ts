/**
 * Reads the dynamic tables of all `PT_DYNAMIC` headers.
 *
 * @module
 */

import { PT_DYNAMIC } from "../../core/elf/constants.ts";
import type { Segment } from "../../core/elf/program_header.ts";
import { LoadError } from "../../core/errors.ts";
import type { PluginContext } from "../../core/plugin/plugin_context.ts";
import { readRelocationTables, type RelocationTables } from "./relocation_tables.ts";

/** The dynamic table of a header. */
export interface DynamicTable {
  /** The header. */
  readonly header: Segment;
  /** What the table contains. */
  readonly tables: RelocationTables;
  /** Whether an earlier header has the same table. */
  readonly isRepeated: boolean;
}

/** Dynamic tables, up to the first that cannot be read. */
export interface DynamicTables {
  /** Those that could be read, in the order of their headers. */
  readonly read: readonly DynamicTable[];
  /** Why the next one could not. */
  readonly error?: LoadError;
}

/** The fields that must be the same in every `PT_DYNAMIC` header, if only one counts. */
const FIELDS = ["p_offset", "p_vaddr", "p_filesz", "p_memsz"] as const;

/** How many bytes different tables may have together: for each byte of the file, and in any case. */
const BYTES_MOST = { perByte: 2, least: 2 ** 24 };

/**
 * Chooses the headers whose tables are used.
 *
 * @param first The first header.
 * @param context The load.
 * @returns The first header alone, or all.
 * @throws {LoadError} "dynamic-malformed" if only one counts, and another differs from it.
 */
export function dynamicHeaders(first: Segment, { rules, segments }: PluginContext): readonly Segment[] {
  const headers = segments.filter(({ p_type }) => p_type === PT_DYNAMIC);
  if (rules.dynamicHeaders === "each") return headers;
  for (const other of headers) {
    const differs = FIELDS.find((field) => other[field] !== first[field]);
    if (differs === undefined) continue;
    const field = `${differs}, unlike in the first PT_DYNAMIC (program header ${first.index}),`;
    throw new LoadError("dynamic-malformed", { index: other.index, field, value: other[differs] });
  }
  return [first];
}

/**
 * Reads the tables of headers; each range of the file once.
 *
 * @param headers The headers.
 * @param context The load.
 * @returns The tables.
 */
export async function readDynamicTables(headers: readonly Segment[], context: PluginContext): Promise<DynamicTables> {
  const byRange = new Map<string, RelocationTables>();
  const most = BigInt(Math.max(BYTES_MOST.perByte * context.addressSpace.file.size, BYTES_MOST.least));
  const read: DynamicTable[] = [];
  let bytes = 0n;
  try {
    for (const header of headers) {
      const { index, p_offset, p_filesz } = header;
      const range = `${p_offset} ${p_filesz}`;
      const known = byRange.get(range);
      if (!known) bytes += p_filesz;
      if (bytes > most) {
        const field = "the total size of PT_DYNAMIC tables, which overlap,";
        throw new LoadError("dynamic-malformed", { index, field, value: bytes });
      }
      const tables = known ?? await readRelocationTables(await context.fileBytes(header), header, context);
      byRange.set(range, tables);
      read.push({ header, tables, isRepeated: known !== undefined });
      const pausing = context.pause();
      if (pausing) await pausing;
    }
  } catch (error) {
    if (error instanceof LoadError) return { read, error };
    throw error;
  }
  return { read };
}
