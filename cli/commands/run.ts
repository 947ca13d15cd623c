/**
 * `kload run`: boots a kernel in QEMU, and reports what happened.
 *
 * @module
 */

import { bootImage, imageMemory } from "../../boot/image.ts";
import { LoadError } from "../../mod.ts";
import { parseBytes, valueError } from "../arguments/numbers.ts";
import type { Arguments } from "../arguments/parse_arguments.ts";
import { readValue } from "../arguments/read_value.ts";
import type { Output } from "../output/output.ts";
import { CliError, messageOf, usageError } from "../output/cli_error.ts";
import { holedFile, placedPieces, writePieces } from "../output/file_pieces.ts";
import { withFileSizeErrors } from "../output/file_size_limit.ts";
import { onExit } from "../output/on_exit.ts";
import { quoted, quotedPath } from "../output/shell_quote.ts";
import { exactSize, hex, printable } from "../output/text.ts";
import type { FaultExplanation } from "../../explain/fault/fault_explanation.ts";
import { type ExceptionLog, exceptionLog } from "../qemu/exception_log.ts";
import { untilHaltedForGood } from "../qemu/halt_watch.ts";
import { type Qemu, startQemu } from "../qemu/qemu_process.ts";
import { type End, runReport, statusOf } from "../qemu/run_report.ts";
import { hasOnlooker, hasOption, hasWatchdog } from "../qemu/qemu_options.ts";
import { socketsIn } from "../qemu/qemu_sockets.ts";
import { startFailed } from "../qemu/start_failed.ts";
import type { Bootable } from "../report/bootable.ts";
import { diagnosticsReport, strictStatus } from "../report/diagnostics.ts";
import { MAX_MEMORY } from "./boot_plan.ts";
import { type LoadedFile, withBootable } from "./with_bootable.ts";

const MIB = 2 ** 20;
const DEFAULT_TIMEOUT = 60;
const IMAGE_FILE = "boot.elf";

/** The part of the machine's memory that the kernel cannot have: the first MiB, and what firmware takes at the end. */
const NOT_FOR_KERNEL = 18 * MIB;

/** How a guest is run. */
interface Guest {
  readonly bootable: Bootable;
  /** The name of its file. */
  readonly name: string;
  /** Recognizes the boot protocols that it is made for. */
  readonly recognize: LoadedFile["recognize"];
  /** Reads the names in its file. */
  readonly names: LoadedFile["names"];
  /** How many seconds it may run; without it, there is no limit. */
  readonly timeout?: number;
  readonly gdb: boolean;
  readonly args: readonly string[];
}

/**
 * Boots a kernel. The guest's first serial port is standard output, and reports go to standard error. QEMU never
 * outlives this process.
 *
 * @param args The arguments.
 * @param output Where to print.
 * @param signal Ends the guest.
 * @returns The exit status: 0 if the guest wrote 0x10 to port 0xf4, 3 if it triple-faulted, reset or panicked, 124 at
 * the timeout, 1 if it powered off without a verdict or `--strict` keeps it from
 * starting, and otherwise QEMU's own.
 */
export function run(args: Arguments, output: Output, signal: AbortSignal): Promise<number> {
  const { values, passed = [], switches } = args;
  const gdb = switches.has("gdb");
  const timeout = readValue(values, "timeout", parseTimeout) ?? (gdb ? undefined : DEFAULT_TIMEOUT);
  const maxMemory = readValue(values, "max-memory", (flag, text) => parseBytes(flag, text, 1)) ?? MAX_MEMORY;
  const memorySize = readValue(values, "memory", (flag, text) => parseMemory(flag, text, maxMemory));
<<<<<<< HEAD
  checkQemuArguments(passed);
  return withBootable(args, output, signal, memorySize, async (bootable, { source, recognize }) => {
=======
  return withBootable(args, output, signal, memorySize, async (bootable, { source, recognize, names }) => {
>>>>>>> fault
    const { diagnostics } = bootable.kernel;
    const refused = strictStatus(diagnostics, switches.has("strict"));
    if (!output.quiet) {
      const consequence = refused === 0 ? [] : ["not started as --strict asks"];
      const text = diagnosticsReport(source.name, diagnostics, consequence, output);
      if (text !== "") await output.printError(refused === 0 ? `${text}\n` : text); // apart from what the guest writes
    }
    if (refused !== 0) return refused;
<<<<<<< HEAD
    const guest: Guest = { bootable, name: source.name, recognize, timeout, gdb, args: passed };
=======
    const guest: Guest = {
      ...{ bootable, name: source.name, recognize, names, timeout, gdb },
      args: lists.get("qemu-arg") ?? [],
    };
>>>>>>> fault
    return await withFolder(async (folder) => {
      await writeImage(bootable, `${folder}/${IMAGE_FILE}`, signal);
      return await boot(guest, folder, output, signal);
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

async function boot(guest: Guest, folder: string, output: Output, signal: AbortSignal): Promise<number> {
  const { bootable, gdb, args } = guest;
  const log = exceptionLog();
  const serial = serialPort();
  const qemu = await startQemu({
    image: `${folder}/${IMAGE_FILE}`,
    folder,
    mebibytes: imageMemory(bootable.kernel) / MIB,
    gdb,
    ramfb: bootable.framebuffer !== undefined,
    args,
    onSerial: serial.write,
    onOutput: serial.write,
    onLog: log.write,
  });
  try {
    if (output.verbose && !qemu.sandboxed) await output.printError("note: QEMU runs without its sandbox\n");
    if (gdb) await output.printError(gdbHint(guest, folder));
    if (!gdb) await qemu.start();
    const end = await endOf(qemu, guest, signal);
    const explanation = output.quiet || end.kind === "ended" ? undefined : await explained(guest, qemu, end, log);
    qemu.kill();
    await qemu.ended;
    const { line } = serial;
    if (!output.quiet) {
      await output.printError((line ? "" : "\n") + runReport({ end, log, explanation }, output.paintError));
    }
    return statusOf(end);
  } finally {
    qemu.kill();
    await qemu.ended;
  }
}

async function explained(
  { bootable, recognize, names }: Guest,
  qemu: Qemu,
  end: Exclude<End, { readonly kind: "ended" }>,
  log: ExceptionLog,
): Promise<FaultExplanation> {
  const [registers, { explainGuest }, { disassembler }] = await Promise.all([
    qemu.registers(),
    import("../qemu/explain_guest.ts"),
    import("../input/disassembler.ts"),
  ]);
  const stopped = { end, registers: registers?.[0], log, read: qemu.readMemory };
  return await explainGuest(bootable, stopped, { names, recognize, disassembler });
}

async function endOf(qemu: Qemu, { timeout, gdb, args }: Guest, signal: AbortSignal): Promise<End> {
  const given = Promise.withResolvers<End>();
  const over = new AbortController();
  const timer = timeout === undefined
    ? undefined
    : setTimeout(() => given.resolve({ kind: "timeout", seconds: timeout }), timeout * 1000);
  const abort = (): void => given.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  if (!gdb && !hasOnlooker(args) && !hasWatchdog(args)) {
    untilHaltedForGood(qemu, over.signal).then((halted) => halted && given.resolve({ kind: "halted" }));
  }
  try {
    signal.throwIfAborted();
    return await Promise.race([
      qemu.ended.then((status): End => ({ kind: "ended", status })),
      qemu.stopped.then((reason): End => ({ kind: "stopped", reason })),
      given.promise,
    ]);
  } finally {
    over.abort();
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  }
}

/** Standard output as the guest's serial port; `line` is true at the start of a line. */
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
        gone = true; // nothing reads standard output any more; the guest keeps running
      }
    },
    get line() {
      return line;
    },
  };
}

function gdbHint({ bootable: { kernel: { entryPoint, virtualAddressOffset } }, name }: Guest, folder: string): string {
  const symbols = virtualAddressOffset === 0n
    ? `file ${quotedPath(name)}`
    : `add-symbol-file ${quotedPath(name)} -o ${hex(virtualAddressOffset)}`;
  const isFile = name !== "standard input" && !/^https?:/i.test(name);
  const connect = [`target remote ${socketsIn(folder).gdb}`, `hbreak *${hex(entryPoint)}`, "continue"];
  const commands = [...(isFile ? [symbols] : []), ...connect].map((command) => ` -ex ${quoted(command)}`).join("");
  return `The guest is waiting for a debugger. In another terminal, run:\n  gdb${commands}\n`;
}

/** A QEMU in the background would not end with this process. */
function checkQemuArguments(args: readonly string[]): void {
  if (!hasOption(args, "daemonize")) return;
  throw usageError(
    "Cannot pass -daemonize to QEMU: it must end with kload",
    "A shell's & runs kload in the background.",
  );
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
