/**
 * Runs a guest to its end, and reports it.
 *
 * @module
 */

import { imageMemory } from "../../boot/image.ts";
import type { FaultExplanation } from "../../explain/fault/fault_explanation.ts";
import { type ConsoleInput, openConsole } from "../input/console_input.ts";
import type { Arguments } from "../arguments/parse_arguments.ts";
import { ESCAPE_HELP } from "../input/escape_keys.ts";
import { CliError, messageOf } from "../output/cli_error.ts";
import type { Output } from "../output/output.ts";
import { pathOfSource } from "../output/format_advice.ts";
import { quoted, quotedPath } from "../output/shell_quote.ts";
import { hex } from "../output/text.ts";
import { type ExceptionLog, exceptionLog } from "../qemu/exception_log.ts";
import { untilHaltedForGood } from "../qemu/halt_watch.ts";
import type { NextCommand } from "../qemu/next_commands.ts";
import { hasOnlooker, hasOption, hasWatchdog } from "../qemu/qemu_options.ts";
import { type Qemu, startQemu } from "../qemu/qemu_process.ts";
import { socketsIn } from "../qemu/qemu_sockets.ts";
import { type End, runReport, statusOf } from "../qemu/run_report.ts";
import { feedSerial } from "../qemu/serial_input.ts";
import { capture, type SerialOutput, toStandardOutput } from "../qemu/serial_output.ts";
import type { Bootable } from "../report/bootable.ts";
import { runJson } from "../qemu/run_json.ts";
import type { LoadedFile } from "./with_bootable.ts";

const MIB = 2 ** 20;

/** How much of a guest's output the JSON has, in bytes. */
const MOST_CAPTURED = MIB;

/** The exit status of a run that is ended by Ctrl-A X: that of Ctrl-C. */
const INTERRUPTED = 130;

/** Names under which standard input is the kernel's file, and not for the guest. */
const STANDARD_INPUT: ReadonlySet<string> = new Set(["standard input", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"]);

/** How a guest is run. */
export interface Guest {
  /** The kernel, and what was added to it. */
  readonly bootable: Bootable;
  /** Its file. */
  readonly file: Pick<LoadedFile, "source" | "recognize" | "names">;
  /** How many seconds it may run; without it, there is no limit. */
  readonly timeout?: number;
  /** Whether it waits for a debugger. */
  readonly gdb: boolean;
  /** The user's arguments for QEMU. */
  readonly args: readonly string[];
  /** All arguments of the command. */
  readonly given: Arguments;
}

/**
 * Runs a guest to its end.
 *
 * @param guest The guest.
 * @param files Its boot image, and a folder for sockets.
 * @param output Where to report.
 * @param signal Ends the guest.
 * @returns The exit status.
 */
export async function runGuest(
  guest: Guest,
  { folder, image }: { readonly folder: string; readonly image: string },
  output: Output,
  signal: AbortSignal,
): Promise<number> {
  const { bootable, file, gdb, args } = guest;
  const log = exceptionLog();
  const captured = output.json ? { serial: capture(MOST_CAPTURED), output: capture(MOST_CAPTURED) } : undefined;
  const serial = captured?.serial ?? toStandardOutput();
  const showsLog = hasOption(args, "d"); // the user asked QEMU for it
  const qemu = await startQemu({
    image,
    folder,
    mebibytes: imageMemory(bootable.kernel) / MIB,
    gdb,
    ramfb: bootable.framebuffer !== undefined,
    args,
    onSerial: serial.write,
    onOutput: captured?.output.write ?? serial.write,
    onLog: async (text) => {
      log.write(text);
      if (showsLog) await output.printError(text);
    },
  });
  try {
    if (output.verbose && !output.json && !qemu.sandboxed) {
      await output.printError("note: QEMU runs without its sandbox\n");
    }
    if (gdb) await output.printError(gdbHint(guest, folder));
    for (const note of output.quiet || output.json ? [] : argumentNotes(args)) {
      await output.printError(`note: ${note}\n`);
    }
    const end = await endOf(qemu, guest, serial, output, signal);
    const isExplained = end.kind !== "ended" && (output.json || !output.quiet);
    const explanation = isExplained ? await explained(guest, qemu, end, log) : undefined;
    qemu.kill();
    await qemu.ended;
    const status = statusOf(end);
    if (captured) {
      await output.print(await runJson({ bootable, file, status, ended: { end, log, explanation, ...captured } }));
    } else if (!output.quiet) {
      const next = explanation ? await nextCommands(explanation, guest) : [];
      const report = runReport({ end, log, explanation, next }, output.paintError);
      const isApart = serial.atLineStart() || report === "" && !Deno.stderr.isTerminal(); // from what the guest wrote
      await output.printError((isApart ? "" : "\n") + report);
    }
    return status;
  } finally {
    qemu.kill();
    await qemu.ended;
  }
}

async function explained(
  { bootable, file: { recognize, names } }: Guest,
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

/** What leads on from an exception: the lines of the code, and the page that was accessed. */
async function nextCommands(explanation: FaultExplanation, { bootable, file, given }: Guest): Promise<NextCommand[]> {
  const event = explanation.exception ? explanation : explanation.before ?? explanation;
  const { lineCommand, walkCommand } = await import("../qemu/next_commands.ts");
  const { WALK } = await import("../arguments/walk_command.ts");
  const { source: { name, file: isFile, layers } } = file;
  const path = isFile && layers.length === 0 ? pathOfSource(name) : undefined;
  const symbols = path === undefined ? undefined : await file.names();
  const lines = path !== undefined && symbols ? lineCommand(event, path, bootable.kernel, symbols) : undefined;
  const walk = STANDARD_INPUT.has(name) ? undefined : walkCommand(event, given, WALK);
  return [lines, walk].filter((command) => command !== undefined);
}

/** Lets the guest run, with standard input as the input of its serial port, until it ends. */
async function endOf(
  qemu: Qemu,
  guest: Guest,
  serial: SerialOutput,
  output: Output,
  signal: AbortSignal,
): Promise<End> {
  const { timeout, gdb, args } = guest;
  using input = await openInput(guest, output);
  const given = Promise.withResolvers<End>();
  given.promise.catch(() => {}); // an abort may come before anybody waits for it
  const over = new AbortController();
  const timer = timeout === undefined
    ? undefined
    : setTimeout(() => given.resolve({ kind: "timeout", seconds: timeout }), timeout * 1000);
  const abort = (): void => given.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    signal.throwIfAborted();
    const waits = gdb || hasOption(args, "S");
    if (!waits) await qemu.start();
    if (!waits && !hasOnlooker(args) && !hasWatchdog(args)) {
      untilHaltedForGood(qemu, over.signal).then((halted) => halted && given.resolve({ kind: "halted" }));
    }
    if (input) {
      const feed = { pieces: input.pieces(), ahead: input.terminal, written: serial.written };
      feedSerial(qemu, feed, over.signal).catch((error) => noteUnreadable(error, output));
      input.quit.then(() => given.reject(new CliError("interrupted", "Ended by Ctrl-A X", { status: INTERRUPTED })));
    }
    return await Promise.race([
      qemu.ended.then((status): End => ({ kind: "ended", status })),
      qemu.stopped.then((reason): End => ({ kind: "stopped", reason })),
      given.promise,
    ]);
  } catch (error) {
    if (input?.raw && !serial.atLineStart()) await output.printError("\n"); // for the shell's prompt
    throw error;
  } finally {
    over.abort();
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  }
}

/** Opens standard input, unless it is the kernel's file or belongs to another job of the terminal. */
async function openInput({ file: { source } }: Guest, output: Output): Promise<ConsoleInput | undefined> {
  if (STANDARD_INPUT.has(source.name)) return undefined;
  const notes = !output.quiet && !output.json;
  // Keys are taken at once only where it can be seen what the guest writes, and what the way out is.
  const input = await openConsole(notes && Deno.stdout.isTerminal() && Deno.stderr.isTerminal());
  if (!notes) return input;
  if (!input) await output.printError("note: kload runs in the background, so the guest has no serial input\n");
  if (input?.raw) await output.printError(`note: ${ESCAPE_HELP}\n`);
  return input;
}

/** What follows from the user's arguments for QEMU that may not be expected. */
function argumentNotes(args: readonly string[]): readonly string[] {
  return [
    ...(hasOption(args, "S") ? ["the guest waits (-S) until a debugger or monitor lets it go on"] : []),
    ...(hasOption(args, "D") ? ["QEMU's log goes to a file (-D), so reports know of no exceptions"] : []),
  ];
}

async function noteUnreadable(error: unknown, output: Output): Promise<void> {
  if (output.quiet || output.json) return;
  await output.printError(`note: standard input cannot be read: ${messageOf(error)}\n`);
}

function gdbHint({ bootable: { kernel }, file: { source: { name } } }: Guest, folder: string): string {
  const { entryPoint, virtualAddressOffset } = kernel;
  const symbols = virtualAddressOffset === 0n
    ? `file ${quotedPath(name)}`
    : `add-symbol-file ${quotedPath(name)} -o ${hex(virtualAddressOffset)}`;
  const isFile = name !== "standard input" && !/^https?:/i.test(name);
  const connect = [`target remote ${socketsIn(folder).gdb}`, `hbreak *${hex(entryPoint)}`, "continue"];
  const commands = [...(isFile ? [symbols] : []), ...connect].map((command) => ` -ex ${quoted(command)}`).join("");
  return `The guest is waiting for a debugger. In another terminal, run:\n  gdb${commands}\n`;
}
