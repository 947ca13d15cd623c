/**
 * `kload run`: boots a kernel in QEMU, and tells what happened to it.
 *
 * @module
 */

import { bootImage, imageMemory } from "../../boot/image.ts";
import type { Arguments } from "../arguments/parse_arguments.ts";
import { usageError } from "../output/cli_error.ts";
import { parseBytes } from "../arguments/numbers.ts";
import type { Output } from "../output/output.ts";
import { placedPieces, writeOutputFile } from "../output/output_file.ts";
import { type BootedKernel, withBootable } from "./with_bootable.ts";
import { exceptionLog } from "../qemu/exception_log.ts";
import { GDB_SOCKET, type Qemu, startFailed, startQemu } from "../qemu/qemu.ts";
import { quoted } from "../output/shell_quote.ts";
import { parseRegisters } from "../qemu/registers.ts";
import { type End, runReport, statusOf } from "../qemu/run_report.ts";
import type { Source } from "../input/source.ts";
import { hex, printable } from "../output/text.ts";

const MIB = 2 ** 20;
const DEFAULT_TIMEOUT = 60;

/** What of the machine's memory is not the kernel's: all below 1 MiB, and what firmware takes at the end. */
const NOT_FOR_KERNEL = 18 * MIB;

/** How a guest is run. */
interface Guest {
  readonly kernel: BootedKernel;
  /** What to call its file. */
  readonly name: string;
  /** Seconds that it may run; forever where it is left out. */
  readonly timeout?: number;
  readonly gdb: boolean;
  readonly args: readonly string[];
}

/**
 * Boots a kernel. The guest's first serial port is standard output; reports go to standard error. QEMU ends with us,
 * whatever ends us.
 *
 * @param args The arguments.
 * @param output Where to print.
 * @param signal Ends the guest.
 * @returns The exit status: 0 where the guest wrote 0x10 to port 0xf4, 3 where it faulted for good or reset, 124 at the
 * timeout, 1 where it went away without a verdict, else QEMU's own.
 */
export function run(args: Arguments, output: Output, signal: AbortSignal): Promise<number> {
  const { values, lists, switches } = args;
  const gdb = switches.has("gdb");
  const timeout = parseTimeout(values.get("timeout")) ?? (gdb ? undefined : DEFAULT_TIMEOUT);
  const memorySize = parseMemory(values.get("memory"));
  return withBootable(args, output, signal, memorySize, async (kernel, source) => {
    const guest: Guest = { kernel, name: source.name, timeout, gdb, args: lists.get("qemu-arg") ?? [] };
    const folder = await Deno.makeTempDir({ prefix: "kload-run-" }).catch((cause) => {
      throw startFailed(cause);
    });
    try {
      await writeImage(kernel, `${folder}/boot.elf`, source, signal);
      return await boot(guest, folder, output, signal);
    } finally {
      await Deno.remove(folder, { recursive: true }).catch(() => {}); // QEMU's guard may have been faster
    }
  });
}

async function writeImage(kernel: BootedKernel, path: string, source: Source, signal: AbortSignal): Promise<void> {
  const pieces = placedPieces(bootImage(kernel));
  const target = { path, flag: "output", what: "the image", code: "image-failed" } as const;
  await writeOutputFile(target, pieces, 0, source.file, signal);
}

async function boot(guest: Guest, folder: string, output: Output, signal: AbortSignal): Promise<number> {
  const { kernel, gdb, args } = guest;
  const log = exceptionLog();
  const serial = serialPort();
  const mebibytes = imageMemory(kernel) / MIB;
  const image = `${folder}/boot.elf`;
  const qemu = await startQemu({ image, folder, mebibytes, gdb, args, onSerial: serial.write, onLog: log.write });
  try {
    if (gdb) await output.printError(gdbHint(guest, folder));
    await qemu.start();
    const end = await endOf(qemu, guest.timeout, signal);
    const text = end.kind === "ended" ? undefined : await qemu.registers();
    qemu.kill();
    await qemu.ended;
    const { line } = serial;
    const report = { end, registers: text === undefined ? undefined : parseRegisters(text), log };
    if (!output.quiet) await output.printError((line ? "" : "\n") + runReport(kernel, report, output.paintError));
    return statusOf(end);
  } finally {
    qemu.kill();
    await qemu.ended;
  }
}

async function endOf(qemu: Qemu, timeout: number | undefined, signal: AbortSignal): Promise<End> {
  const given = Promise.withResolvers<End>();
  const timer = timeout === undefined
    ? undefined
    : setTimeout(() => given.resolve({ kind: "timeout", seconds: timeout }), timeout * 1000);
  const abort = (): void => given.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    signal.throwIfAborted();
    return await Promise.race([
      qemu.ended.then((status): End => ({ kind: "ended", status })),
      qemu.stopped.then((reason): End => ({ kind: "stopped", reason })),
      given.promise,
    ]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  }
}

/** Standard output as the guest's serial port; `line` tells whether it is at the start of a line. */
function serialPort(): { readonly write: (bytes: Uint8Array) => Promise<void>; readonly line: boolean } {
  let line = true;
  let gone = false;
  return {
    write: async (bytes) => {
      line = bytes.at(-1) === 0x0a;
      try {
        for (let left = bytes; left.length > 0 && !gone;) left = left.subarray(await Deno.stdout.write(left));
      } catch (error) {
        if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
        gone = true; // nobody listens any more; the guest goes on
      }
    },
    get line() {
      return line;
    },
  };
}

function gdbHint({ kernel: { entryPoint, virtualAddressOffset }, name }: Guest, folder: string): string {
  const symbols = virtualAddressOffset === 0n
    ? ` -ex 'file ${quoted(name)}'`
    : ` -ex 'add-symbol-file ${quoted(name)} -o ${hex(virtualAddressOffset)}'`;
  const known = name === "standard input" || /^https?:/i.test(name) ? "" : symbols;
  const connect = `-ex 'target remote ${folder}/${GDB_SOCKET}' -ex 'hbreak *${hex(entryPoint)}' -ex continue`;
  return `The guest waits for a debugger. In another terminal:\n  gdb${known} ${connect}\n`;
}

function parseTimeout(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : 0;
  if (seconds > 0 && seconds < 2 ** 21) return seconds;
  const why = "it is no number of seconds above 0 and below 2097152";
  throw usageError(`Cannot use --timeout ${printable(text)}: ${why}`, undefined, { flag: "timeout", value: text });
}

/** The size of the kernel's memory in a machine with so much. */
function parseMemory(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const size = parseBytes("memory", text);
  if (size % MIB === 0 && size > NOT_FOR_KERNEL) return size - NOT_FOR_KERNEL;
  const why = "it is no multiple of 1M above 18M, of which 18M are the firmware's";
  throw usageError(`Cannot use --memory ${printable(text)}: ${why}`, undefined, { flag: "memory", value: text });
}
