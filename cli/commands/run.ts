/**
 * `kload run`: boots a kernel in QEMU, and reports what happened.
 *
 * @module
 */

import { bootImage } from "../../boot/image.ts";
import { LoadError } from "../../mod.ts";
import { parseBytes, valueError } from "../arguments/numbers.ts";
import type { Arguments } from "../arguments/parse_arguments.ts";
import { readValue } from "../arguments/read_value.ts";
import type { Output } from "../output/output.ts";
import { CliError, messageOf, usageError } from "../output/cli_error.ts";
import { holedFile, placedPieces, writePieces } from "../output/file_pieces.ts";
import { withFileSizeErrors } from "../output/file_size_limit.ts";
import { onExit } from "../output/on_exit.ts";
import { quoted } from "../output/shell_quote.ts";
import { exactSize, printable } from "../output/text.ts";
import { hasOption } from "../qemu/qemu_options.ts";
import { startFailed } from "../qemu/start_failed.ts";
import type { Bootable } from "../report/bootable.ts";
import { diagnosticsReport, strictStatus } from "../report/diagnostics.ts";
import { runJson } from "../qemu/run_json.ts";
import { MAX_MEMORY } from "./boot_plan.ts";
import { type Guest, runGuest } from "./run_guest.ts";
import { withBootable } from "./with_bootable.ts";

const MIB = 2 ** 20;
const DEFAULT_TIMEOUT = 60;

/** The part of the machine's memory that the kernel cannot have: the first MiB, and what firmware takes at the end. */
const NOT_FOR_KERNEL = 18 * MIB;

/**
 * Boots a kernel. The guest's first serial port is standard output, and reports go to standard error. QEMU never
 * outlives this process.
 *
 * @param args The arguments.
 * @param output Where to print.
 * @param signal Ends the guest.
 * @returns The exit status: 0 if the guest wrote 0x10 to port 0xf4, 3 if it triple-faulted, reset or panicked, 124 at
 * the timeout, 1 if it powered off or halted without a verdict or `--strict` keeps it from starting, and otherwise
 * QEMU's own.
 */
export function run(args: Arguments, output: Output, signal: AbortSignal): Promise<number> {
  const { values, lists, passed = [], switches } = args;
  const gdb = switches.has("gdb");
  const timeout = readValue(values, "timeout", parseTimeout) ?? (gdb ? undefined : DEFAULT_TIMEOUT);
  const maxMemory = readValue(values, "max-memory", (flag, text) => parseBytes(flag, text, 1)) ?? MAX_MEMORY;
  const memorySize = readValue(values, "memory", (flag, text) => parseMemory(flag, text, maxMemory));
  checkQemuArguments(lists.get("qemu-arg") ?? [], passed);
  return withBootable(args, output, signal, memorySize, async (bootable, file) => {
    const { source } = file;
    const { diagnostics } = bootable.kernel;
    const refused = strictStatus(diagnostics, switches.has("strict"));
    if (!output.quiet && !output.json) {
      const consequence = refused === 0 ? [] : ["not started as --strict asks"];
      const text = diagnosticsReport(source.name, diagnostics, consequence, output);
      if (text !== "") await output.printError(refused === 0 ? `${text}\n` : text); // apart from what the guest writes
    }
    if (refused !== 0) {
      if (output.json) await output.print(await runJson({ bootable, file, status: refused }));
      return refused;
    }
    const guest: Guest = { bootable, file, timeout, gdb, args: passed };
    return await withFolder(async (folder) => {
      const image = `${folder}/boot.elf`;
      await writeImage(bootable, image, signal);
      return await runGuest(guest, { folder, image }, output, signal);
    });
  }, true);
}

/** Does work in a new folder, which is removed afterwards. */
async function withFolder(work: (folder: string) => Promise<number>): Promise<number> {
  const folder = makeFolder();
  const remove = (): void => {
    try {
      Deno.removeSync(folder, { recursive: true });
    } catch {
      // QEMU's guard script may have removed it
    }
  };
  const callOff = onExit(remove);
  try {
    return await work(folder);
  } finally {
    remove();
    callOff();
  }
}

function makeFolder(): string {
  try {
    return Deno.makeTempDirSync({ prefix: "kload-run-" });
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw startFailed(cause);
    const hint = "The environment variable TMPDIR names it; the default is /tmp.";
    throw new CliError("qemu-failed", "Cannot start QEMU: the folder for temporary files does not exist", {
      hint,
      cause,
    });
  }
}

async function writeImage({ kernel, entry }: Bootable, path: string, signal: AbortSignal): Promise<void> {
  try {
    using file = Deno.openSync(path, { write: true, createNew: true });
    const pieces = placedPieces(bootImage(kernel, { entry }));
    await withFileSizeErrors(() => writePieces(holedFile(file), pieces, 0, signal));
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof LoadError) throw cause; // about the kernel, not about the file
    const hint = "The environment variable TMPDIR can name a folder with more room.";
    throw new CliError("image-failed", `Cannot write the image ${printable(path)}: ${messageOf(cause)}`, {
      hint,
      cause,
    });
  }
}

function checkQemuArguments(byFlag: readonly string[], passed: readonly string[]): void {
  if (byFlag.length > 0) {
    throw new CliError("usage", "Cannot use --qemu-arg: QEMU's arguments follow --", {
      hint: "Write them at the end of the command:",
      command: ["--", ...byFlag, ...passed].map(quoted).join(" "),
      detail: { flag: "qemu-arg" },
    });
  }
  if (!hasOption(passed, "daemonize")) return;
  const hint = "To run kload in the background, use the shell's &.";
  throw usageError("Cannot pass -daemonize to QEMU: it must end with kload", hint);
}

function parseTimeout(flag: string, text: string): number {
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : 0;
  if (seconds > 0 && seconds < 2 ** 21) return seconds;
  throw valueError(flag, text, "must be a number of seconds above 0 and below 2097152");
}

/** The size of the kernel's memory in a machine with this much memory. */
function parseMemory(flag: string, text: string, maxMemory: number): number {
  const size = parseBytes(flag, text);
  if (size % MIB !== 0 || size <= NOT_FOR_KERNEL) {
    throw valueError(flag, text, "must be a multiple of 1 MiB and more than the 18 MiB that firmware takes");
  }
  if (size - NOT_FOR_KERNEL <= maxMemory) return size - NOT_FOR_KERNEL;
  const most = exactSize(maxMemory);
  throw valueError(flag, text, `must be at most --max-memory (${most}) and the 18 MiB that firmware takes`);
}
