/**
 * Runs QEMU as a process that never outlives this one.
 *
 * @module
 */

import { CliError, messageOf } from "../output/cli_error.ts";
import { EXIT_DEVICE, PROGRAM, RAMFB } from "./machine.ts";
import { openQmp, type Qmp, type QmpEvent } from "./qmp.ts";

/** How to start it. */
export interface QemuOptions {
  /** The boot image. */
  readonly image: string;
  /** A folder for its sockets, which is removed when QEMU ends. */
  readonly folder: string;
  /** The machine's memory in MiB. */
  readonly mebibytes: number;
  /** Whether it waits for a debugger. */
  readonly gdb: boolean;
  /** Whether the machine has a display for a framebuffer in memory. */
  readonly ramfb: boolean;
  /** More arguments. */
  readonly args: readonly string[];
  /** Receives what the guest writes to its first serial port. */
  readonly onSerial: (bytes: Uint8Array) => Promise<void>;
  /** Receives QEMU's log. */
  readonly onLog: (text: string) => void;
}

/** A running QEMU. */
export interface Qemu {
  /** Lets the guest run, or wait for the debugger. */
  readonly start: () => Promise<void>;
  /** Why the guest stopped for good, by QMP's name for the reason, such as "guest-reset". */
  readonly stopped: Promise<string>;
  /** The exit status, once QEMU has ended and all its output was received. */
  readonly ended: Promise<number>;
  /** Pauses the guest and returns its registers as text; `undefined` if QEMU does not answer. */
  readonly registers: () => Promise<string | undefined>;
  /** Ends QEMU at once. */
  readonly kill: () => void;
}

/** The socket in the folder that a debugger connects to. */
export const GDB_SOCKET = "gdb.sock";
const QMP_SOCKET = "qmp.sock";

/** How long to wait for an answer from QEMU, in milliseconds. */
const PATIENCE = 2000;

/**
 * A script that runs a program until it ends or standard input closes, which happens whenever this process ends, for
 * whatever reason. In both cases it removes the folder.
 */
const GUARD = `
folder=$1; shift
trap '' INT HUP TERM
exec 3<&0
"$@" 3<&- </dev/null &
program=$!
{ read -r _; kill -9 "$program"; } <&3 3<&- >/dev/null 2>&1 &
guard=$!
exec 3<&- >/dev/null 2>&1
wait "$program"
status=$?
kill "$guard" 2>/dev/null
rm -rf -- "$folder"
exit "$status"
`;

const NOT_FOUND = 127;

/**
 * Starts QEMU with an image. The guest does not run yet.
 *
 * @param options The image, the machine, and the receivers of its output.
 * @returns The process.
 * @throws {CliError} "qemu-failed" if it cannot be started.
 */
export async function startQemu(options: QemuOptions): Promise<Qemu> {
  const { folder, onSerial, onLog } = options;
  const path = `${folder}/${QMP_SOCKET}`;
  using listener = attempt(() => Deno.listen({ transport: "unix", path }));
  const args = ["-c", GUARD, "sh", folder, PROGRAM, ...argumentsOf(options, path)];
  const child = attempt(() =>
    new Deno.Command("sh", { args, stdin: "piped", stdout: "piped", stderr: "piped" }).spawn()
  );
  const kill = (): void => void child.stdin.abort().catch(() => {});
  const stopped = Promise.withResolvers<string>();
  const onEvent = ({ event, data }: QmpEvent): void => {
    if (event === "SHUTDOWN") stopped.resolve(String(data?.reason));
  };
  const serial = child.stdout.pipeTo(new WritableStream({ write: onSerial })).catch(() => {});
  const log = child.stderr.pipeThrough(new TextDecoderStream()).pipeTo(new WritableStream({ write: onLog }));
  const ended = Promise.all([child.status, serial, log.catch(() => {})]).then(([{ code }]) => code);
  const connection = await Promise.race([listener.accept(), ended]);
  if (connection === NOT_FOUND) throw notFound();
  let qmp: Qmp | undefined;
  if (typeof connection !== "number") {
    qmp = await openQmp(connection, onEvent).catch(() => undefined);
    ended.then(() => qmp?.close());
  }
  return {
    start: async () => {
      if (!options.gdb) await qmp?.execute("cont").catch(() => {});
    },
    stopped: stopped.promise,
    ended,
    registers: () => qmp ? withPatience(printRegisters(qmp)) : Promise.resolve(undefined),
    kill,
  };
}

function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw startFailed(cause);
  }
}

/**
 * The error of a QEMU that cannot be started.
 *
 * @param cause Why.
 * @returns The error, with a hint if Deno lacks a permission.
 */
export function startFailed(cause: unknown): CliError {
  const lacking = cause instanceof Deno.errors.NotCapable;
  const why = lacking ? "Deno lacks a permission" : messageOf(cause);
  const hint = lacking ? "Give Deno the permissions:" : undefined;
  const command = lacking ? "--allow-run=sh --allow-read --allow-write" : undefined;
  return new CliError("qemu-failed", `Cannot start QEMU: ${why}`, { hint, command, cause });
}

function argumentsOf(
  { image, folder, mebibytes, gdb, ramfb, args }: QemuOptions,
  qmpSocket: string,
): readonly string[] {
  return [
    ...["-machine", "q35", "-accel", "tcg", "-cpu", "max", "-m", `${mebibytes}`, "-display", "none"],
    ...["-serial", "stdio", "-monitor", "none", "-parallel", "none", "-no-user-config"],
    ...EXIT_DEVICE,
    ...(ramfb ? RAMFB : []),
    ...["-no-reboot", "-no-shutdown"],
    ...["-d", "int,cpu_reset", "-S", "-qmp", `unix:${qmpSocket}`],
    ...(gdb ? ["-gdb", `unix:${folder}/${GDB_SOCKET},server=on,wait=off`] : []),
    ...["-kernel", image],
    ...args,
  ];
}

async function printRegisters(qmp: Qmp): Promise<string> {
  await qmp.execute("stop");
  return String(await qmp.execute("human-monitor-command", { "command-line": "info registers" }));
}

function withPatience<T>(work: Promise<T>): Promise<T | undefined> {
  const limit = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => limit.resolve(undefined), PATIENCE);
  return Promise.race([work.catch(() => undefined), limit.promise]).finally(() => clearTimeout(timer));
}

function notFound(): CliError {
  const hint = "Install QEMU for x86-64: the package is qemu-system-x86 for apt and dnf, and qemu for Homebrew.";
  return new CliError("qemu-failed", `Cannot start QEMU: ${PROGRAM} is not in PATH`, { hint });
}
