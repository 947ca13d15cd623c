/**
 * Reads only the headers of a file.
 *
 * @module
 */

import type { FileHeader } from "./elf/file_header.ts";
import type { ProgramHeader } from "./elf/program_header.ts";
import { openIntake } from "./intake/intake.ts";
import { pauses } from "./intake/pause.ts";
import { type KernelSource, openSource } from "./intake/source.ts";
import { checkKeys, checkSettings } from "./pipeline/settings.ts";
import { RULES } from "./rules.ts";
import { parse } from "./stages/parse.ts";

/** The headers of an ELF file, as they are in the file. */
export interface Headers {
  /** The ELF file header. */
  readonly fileHeader: FileHeader;
  /** The program headers, in table order. */
  readonly programHeaders: readonly ProgramHeader[];
  /** Number of bytes taken from the source. */
  readonly bytesRead: number;
}

/**
 * Reads the ELF file header and the program headers of a little-endian file for any machine, 32-bit or 64-bit, and
 * releases the source. Nothing past the headers is read; of a stream, nothing past the chunk that holds their end.
 *
 * @example
 * ```ts
 * import { readHeaders, segmentTypeName } from "@kload/kload";
 * import { assertEquals } from "@std/assert";
 *
 * using file = await Deno.open("examples/hello/hello.elf");
 * const { programHeaders, bytesRead } = await readHeaders(file);
 * assertEquals(programHeaders.map(({ p_type }) => segmentTypeName(p_type)).includes("TLS"), true);
 * assertEquals(bytesRead, 64 + 56 * programHeaders.length);
 * ```
 *
 * @param source Bytes, a stream of them, an open file or anything with `read(buffer)`, a `Blob`, or a `Response`.
 * @param options `maxMemory`: the most bytes to keep while reading up to the headers, 4 GiB by default; `signal`:
 * aborts the wait.
 * @returns The headers; only what is needed to read them has been checked.
 * @throws {LoadError} If the file is not a little-endian ELF file, its headers are truncated, or the source fails.
 */
export async function readHeaders(
  source: KernelSource,
  options: { readonly maxMemory?: number; readonly signal?: AbortSignal } = {},
): Promise<Headers> {
  checkKeys(options, ["maxMemory", "signal"]);
  const settings = checkSettings(options);
  const { signal } = options;
  signal?.throwIfAborted();
  const pause = pauses(signal);
  const intake = openIntake(openSource(source), { maxMemory: settings.maxMemory, signal, pause });
  const rules = { ...RULES.default, onlyX86: false, onlyExecutables: false };
  try {
    const headers = await parse.run({ rules, settings, intake, pause });
    await intake.close();
    return { ...headers, bytesRead: intake.bytesRead };
  } catch (error) {
    await intake.close(error)?.catch(() => {});
    throw error;
  }
}
