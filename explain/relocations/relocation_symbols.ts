/**
 * The symbols that relocation entries refer to.
 *
 * @module
 */

import { ELFCLASS64, RECORD_SIZES, SHN_ABS, SHN_UNDEF } from "../../core/elf/constants.ts";
import type { ProgramHeader } from "../../core/elf/program_header.ts";
import { elfReader } from "../../core/elf/reader.ts";
import { readString } from "../../core/elf/strings.ts";
import { type ElfSymbol, readSymbol } from "../../core/elf/symbols.ts";
import type { KeptFile } from "../../core/file/kept_file.ts";
import type { RelocationTables } from "../../plugins/relocate/relocation_tables.ts";
import { copyPart, fileBytesAt } from "../file/segment_bytes.ts";
import type { RelocationSymbol } from "./kernel_relocations.ts";
import { NAME_MAX } from "./limits.ts";

const SYMBOL_SIZE = RECORD_SIZES[ELFCLASS64].symbol;

/** The most bytes of symbols and of their names to read. */
const SYMBOLS_MAX = 2 ** 22 * SYMBOL_SIZE;
const STRINGS_MAX = 2 ** 27;

/** Finds a symbol by its index; `undefined` if the file does not have it. */
export type RelocationSymbols = (index: number) => RelocationSymbol | undefined;

/**
 * Reads the symbols that a dynamic table names.
 *
 * @param file The file.
 * @param programHeaders Its program headers.
 * @param tables What the dynamic table contains.
 * @param last The largest index that is needed; 0 for none.
 * @returns The symbols.
 * @throws {LoadError} "source-failed" or "memory-limit-exceeded", as the file does.
 */
export async function relocationSymbols(
  file: KeptFile,
  programHeaders: readonly ProgramHeader[],
  { symbols, strings }: RelocationTables,
  last: number,
): Promise<RelocationSymbols> {
  const read = async (address: bigint | undefined, size: number): Promise<Uint8Array> => {
    const part = address === undefined ? undefined : fileBytesAt(programHeaders, address);
    return part ? await copyPart(file, part, size) : new Uint8Array();
  };
  const bytes = last === 0 ? new Uint8Array() : await read(symbols, Math.min((last + 1) * SYMBOL_SIZE, SYMBOLS_MAX));
  const names = bytes.length === 0
    ? new Uint8Array()
    : await read(strings?.address, Math.min(Number(strings?.size ?? 0n), STRINGS_MAX));
  const reader = elfReader(bytes, { subject: "the symbol table" });
  return (index) => {
    if ((index + 1) * SYMBOL_SIZE > bytes.length) return undefined;
    const { st_name, ...symbol } = readSymbol(reader, index * SYMBOL_SIZE, ELFCLASS64);
    return relocationSymbol(index, symbol, readString(names, st_name, NAME_MAX).text);
  };
}

/**
 * Describes a symbol.
 *
 * @param index Its index.
 * @param symbol Its value and section; absent if the file does not have it.
 * @param name Its name; empty if it cannot be read.
 * @returns The symbol; of one that the file does not have, only the index is known.
 */
export function relocationSymbol(
  index: number,
  { st_shndx, st_value }: Pick<ElfSymbol, "st_shndx" | "st_value"> = { st_shndx: SHN_UNDEF, st_value: 0n },
  name = "",
): RelocationSymbol {
  return { index, name, value: st_value, defined: st_shndx !== SHN_UNDEF, absolute: st_shndx === SHN_ABS };
}
