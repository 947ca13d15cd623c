/**
 * QEMU as a process: started, watched, and ended with whatever ends us.
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
  /** A folder for its sockets, which is removed with it. */
  readonly folder: string;
  /** Mebibytes of memory. */
  readonly mebibytes: number;
  /** Whether it waits for a debugger. */
  readonly gdb: boolean;
  /** Whether it has a screen for a framebuffer in memory. */
  readonly ramfb: boolean;
  /** More arguments. */
  readonly args: readonly string[];
  /** Takes what the guest writes to its first serial port. */
  readonly onSerial: (bytes: Uint8Array) => Promise<void>;
  /** Takes QEMU's log. */
  readonly onLog: (text: string) => void;
}

/** A running QEMU. */
export interface Qemu {
  /** Lets the guest run, or wait for the debugger. */
  readonly start: () => Promise<void>;
  /** What makes the guest stop for good, by QMP's name for it: such as "guest-reset". */
  readonly stopped: Promise<string>;
  /** The exit status, once it has ended and all its output was taken. */
  readonly ended: Promise<number>;
  /** Pauses the guest and prints its registers; `undefined` if QEMU does not answer. */
  readonly registers: () => Promise<string | undefined>;
  /** Ends it at once. */
  readonly kill: () => void;
}

/** The socket in the folder that a debugger connects to. */
export const GDB_SOCKET = "gdb.sock";
const QMP_SOCKET = "qmp.sock";

/** How long QEMU may take for an answer, in milliseconds. */
const PATIENCE = 2000;

/**
 * Runs a program until it ends, or standard input does: that is when we are gone, whatever the reason. Either way the
 * folder is removed.
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
 * @param options The image, the machine, and where its output goes.
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
 * @returns The error; it says which permissions Deno needs if that is the reason.
 */
export function startFailed(cause: unknown): CliError {
  const lacking = cause instanceof Deno.errors.NotCapable;
  const why = lacking ? "Deno lacks a permission" : messageOf(cause);
  const hint = lacking ? "Give Deno the permissions: --allow-run=sh --allow-read --allow-write" : undefined;
  return new CliError("qemu-failed", `Cannot start QEMU: ${why}`, { hint, cause });
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
  const hint = "Install QEMU for x86-64: apt install qemu-system-x86, dnf install qemu-system-x86, brew install qemu.";
  return new CliError("qemu-failed", `Cannot start QEMU: ${PROGRAM} is not in the PATH`, { hint });
}
