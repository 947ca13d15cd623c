/**
 * Opens page tables that kload did not build: those in a memory dump, in an ELF core, or of a running QEMU.
 *
 * @module
 */

import { usageError } from "../../output/cli_error.ts";
import type { ForeignOptions, ForeignTables } from "./foreign_tables.ts";

/**
 * Opens foreign page tables. The table of the highest level is known then; others may be missing.
 *
 * @param options What to open.
 * @param signal Ends the work.
 * @returns The tables; the caller closes them.
 * @throws {CliError} "source-failed" if they cannot be read, "usage" if an option is missing or does not fit.
 */
export async function openForeignTables(options: ForeignOptions, signal: AbortSignal): Promise<ForeignTables> {
  signal.throwIfAborted();
  if (options.memory !== undefined && options.gdb !== undefined) {
    throw usageError("Cannot use --gdb: --memory was already given", "Page tables are read from one of them.", {
      flag: "gdb",
    });
  }
  if (options.memory !== undefined) {
    const { openDump } = await import("./open_dump.ts");
    return openDump(options.memory, options);
  }
  if (options.gdb === undefined) throw new TypeError("Cannot open page tables: neither memory nor gdb is given");
  const { openGuest } = await import("./open_guest.ts");
  return await openGuest(options.gdb, options, signal);
}
