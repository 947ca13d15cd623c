/**
 * Runs QEMU as a process that never outlives this one.
 *
 * @module
 */

import { CliError } from "../output/cli_error.ts";
import { printable } from "../output/text.ts";
import { PROGRAM } from "./machine.ts";
import { hasSandbox, type MachineOptions, qemuArguments, SANDBOX } from "./qemu_arguments.ts";
import { type MemoryRange, readGuestMemory } from "./guest_memory.ts";
import { openQmp, type Qmp, type QmpEvent } from "./qmp.ts";
import { parseProcessors, type Registers } from "./registers.ts";
import { startFailed } from "./start_failed.ts";

/** How to start it. */
export interface QemuOptions extends MachineOptions {
  /** A folder for its sockets, which is removed if this process ends before QEMU. */
  readonly folder: string;
  /** Whether it waits for a debugger. */
  readonly gdb: boolean;
  /** Receives what the guest writes to its first serial port. */
  readonly onSerial: (bytes: Uint8Array) => Promise<void>;
  /** Receives QEMU's log. */
  readonly onLog: (text: string) => void;
}

/** A running QEMU. */
export interface Qemu {
  /** Lets the guest run. */
  readonly start: () => Promise<void>;
  /** Why the guest stopped for good, by QMP's name for the reason, such as "guest-reset". */
  readonly stopped: Promise<string>;
  /** The exit status, once QEMU has ended and all its output was received. */
  readonly ended: Promise<number>;
  /** Pauses the guest and returns the registers of every processor; `undefined` if QEMU does not answer. */
  readonly registers: () => Promise<readonly Registers[] | undefined>;
  /** Pauses the guest and reads its memory; `undefined` if a part of it cannot be read, or QEMU does not answer. */
  readonly readMemory: (range: MemoryRange) => Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Ends QEMU at once. */
  readonly kill: () => void;
  /** Whether it runs in the sandbox that it was asked for. */
  readonly sandboxed: boolean;
}

/** The socket in the folder that a debugger connects to. */
export const GDB_SOCKET = "gdb.sock";
const QMP_SOCKET = "qmp.sock";

/** The longest path of a socket in bytes that all systems take: sun_path has 104 or 108, with a zero at its end. */
const LONGEST_SOCKET = 103;

/** How long to wait for an answer from QEMU, in milliseconds. */
const PATIENCE = 2000;

/**
 * A script that runs a program until it ends or standard input closes, which happens whenever this process ends, for
 * whatever reason. Only in the latter case does it remove the folder: it marks that case by removing a file in it.
 */
const GUARD = `
folder=$1; alive=$2; shift 2
trap '' INT HUP TERM
exec 3<&0
"$@" 3<&- </dev/null &
program=$!
{ read -r _; rm -f -- "$alive"; kill -9 "$program"; } <&3 3<&- >/dev/null 2>&1 &
guard=$!
exec 3<&- >/dev/null 2>&1
wait "$program"
status=$?
kill "$guard" 2>/dev/null
[ -e "$alive" ] || rm -rf -- "$folder"
exit "$status"
`;

const NOT_FOUND = 127;

/**
 * Starts QEMU with an image, in its sandbox if it has one that works here. The guest does not run yet.
 *
 * @param options The image, the machine, and the receivers of its output.
 * @returns The process.
 * @throws {CliError} "qemu-failed" if it cannot be started.
 */
export async function startQemu(options: QemuOptions): Promise<Qemu> {
  const { folder, gdb } = options;
  const sockets = { qmp: `${folder}/${QMP_SOCKET}`, gdb: gdb ? `${folder}/${GDB_SOCKET}` : undefined };
  if (new TextEncoder().encode(sockets.qmp).length > LONGEST_SOCKET) throw pathTooLong(sockets.qmp);
  using listener = attempt(() => Deno.listen({ transport: "unix", path: sockets.qmp }));
  const accepted = listener.accept().catch(() => undefined);
  const args = qemuArguments(options, sockets);
  if (hasSandbox(options.args)) return await connected(spawnQemu(options, accepted, args), folder, true);
  // A QEMU that was built without a sandbox, or whose system has none, ends at once and says so.
  const sandboxed = spawnQemu(options, accepted, [...SANDBOX, ...args]);
  if (await sandboxed.connection || await sandboxed.ended === NOT_FOUND) {
    return await connected(sandboxed, folder, true);
  }
  return await connected(spawnQemu(options, accepted, args), folder, false);
}

/** A QEMU that was started. */
interface Spawned extends Pick<Qemu, "ended" | "kill"> {
  /** Its connection for QMP; resolves to `undefined` if it ends without one. */
  readonly connection: Promise<Deno.Conn | undefined>;
  /** Passes on its log, which is held back until then. */
  readonly release: () => void;
}

function spawnQemu(
  { folder, onSerial, onLog }: QemuOptions,
  accepted: Promise<Deno.Conn | undefined>,
  args: readonly string[],
): Spawned {
  const guarded = ["-c", GUARD, "sh", folder, `${folder}/${QMP_SOCKET}`, PROGRAM, ...args];
  const child = attempt(() =>
    new Deno.Command("sh", { args: guarded, stdin: "piped", stdout: "piped", stderr: "piped" }).spawn()
  );
  let held: string[] | undefined = [];
  const write = (text: string): void => void (held ? held.push(text) : onLog(text));
  const serial = child.stdout.pipeTo(new WritableStream({ write: onSerial })).catch(() => {});
  const log = child.stderr.pipeThrough(new TextDecoderStream()).pipeTo(new WritableStream({ write }));
  const ended = Promise.all([child.status, serial, log.catch(() => {})]).then(([{ code }]) => code);
  return {
    connection: Promise.race([accepted, ended]).then((first) => typeof first === "number" ? undefined : first),
    ended,
    kill: () => void child.stdin.abort().catch(() => {}),
    release: () => {
      held?.forEach(onLog);
      held = undefined;
    },
  };
}

async function connected(
  { connection, ended, kill, release }: Spawned,
  folder: string,
  sandboxed: boolean,
): Promise<Qemu> {
  const stopped = Promise.withResolvers<string>();
  const onEvent = ({ event, data }: QmpEvent): void => {
    if (event === "SHUTDOWN") stopped.resolve(String(data?.reason));
  };
  const opened = await connection;
  if (!opened && await ended === NOT_FOUND) throw notFound();
  release();
  const qmp = opened && await openQmp(opened, onEvent).catch(() => undefined);
  ended.then(() => qmp?.close());
  return {
    start: async () => void await qmp?.execute("cont").catch(() => {}),
    stopped: stopped.promise,
    ended,
    registers: () => whilePaused(qmp, processors),
    readMemory: (range) => whilePaused(qmp, (qmp) => readGuestMemory(qmp, folder, range)),
    kill,
    sandboxed,
  };
}

function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw startFailed(cause);
  }
}

async function processors(qmp: Qmp): Promise<readonly Registers[]> {
  return parseProcessors(String(await qmp.execute("human-monitor-command", { "command-line": "info registers -a" })));
}

/** Pauses the guest and asks QEMU something; resolves to `undefined` if it fails, or does not answer in time. */
async function whilePaused<T>(qmp: Qmp | undefined, ask: (qmp: Qmp) => Promise<T>): Promise<T | undefined> {
  if (!qmp) return undefined;
  const limit = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => limit.resolve(undefined), PATIENCE);
  const answer = qmp.execute("stop").then(() => ask(qmp)).catch(() => undefined);
  return await Promise.race([answer, limit.promise]).finally(() => clearTimeout(timer));
}

function pathTooLong(path: string): CliError {
  const why = `the path of its socket, ${printable(path)}, is longer than ${LONGEST_SOCKET} bytes`;
  const hint = "The environment variable TMPDIR can name a folder with a shorter path.";
  return new CliError("qemu-failed", `Cannot start QEMU: ${why}`, { hint });
}

function notFound(): CliError {
  const hint = "Install QEMU for x86-64: the package is qemu-system-x86 for apt and dnf, and qemu for Homebrew.";
  return new CliError("qemu-failed", `Cannot start QEMU: ${PROGRAM} is not in PATH`, { hint });
}
