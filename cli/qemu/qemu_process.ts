/**
 * Runs QEMU as a process that never outlives this one.
 *
 * @module
 */

import type { Registers } from "../../explain/fault/registers.ts";
import { CliError } from "../output/cli_error.ts";
import { type MemoryRange, readGuestMemory } from "./guest_memory.ts";
import { NOT_FOUND } from "./guarded_process.ts";
import { PROGRAM } from "./machine.ts";
import { qemuArguments, SANDBOX } from "./qemu_arguments.ts";
import { hasOption } from "./qemu_options.ts";
import { socketsIn } from "./qemu_sockets.ts";
import { openQmp, type Qmp, type QmpEvent } from "./qmp.ts";
import { parseProcessors } from "./registers.ts";
import { type QemuOptions, type Spawned, spawnQemu } from "./spawn_qemu.ts";

/** A running QEMU. */
export interface Qemu {
  /** Lets the guest run. */
  readonly start: () => Promise<void>;
  /** Why the guest stopped for good, by QMP's name for the reason, such as "guest-reset". */
  readonly stopped: Promise<string>;
  /** The exit status, once QEMU has ended and all its output was received. */
  readonly ended: Promise<number>;
  /** Sends bytes to the guest's first serial port. Resolves when QEMU's buffers have room for more. */
  readonly send: (bytes: Uint8Array) => Promise<void>;
  /**
   * Runs a command of QEMU's monitor, which does not pause the guest, and returns what it prints; `undefined` if QEMU
   * does not answer. The command is run for the first processor unless another one is given.
   */
  readonly monitor: (command: string, processor?: number) => Promise<string | undefined>;
  /** Pauses the guest and returns the registers of every processor; `undefined` if QEMU does not answer. */
  readonly registers: () => Promise<readonly Registers[] | undefined>;
  /** Pauses the guest and reads its memory; `undefined` if a part of it cannot be read, or QEMU does not answer. */
  readonly readMemory: (range: MemoryRange) => Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Ends QEMU at once. */
  readonly kill: () => void;
  /** Whether it runs in the sandbox that it was asked for. */
  readonly sandboxed: boolean;
}

/** How long to wait for an answer from QEMU, in milliseconds. */
const PATIENCE = 2000;

/** Why a guest is paused that will not go on by itself, by QMP's names ("RunState" in QEMU's documentation). */
const BROKEN: ReadonlySet<string> = new Set(["internal-error", "io-error", "guest-panicked", "watchdog"]);

/**
 * Starts QEMU with an image, in its sandbox if it has one that works here. The guest does not run yet.
 *
 * @param options The image, the machine, and the receivers of its output.
 * @returns The process.
 * @throws {CliError} "qemu-failed" if it cannot be started.
 */
export async function startQemu(options: QemuOptions): Promise<Qemu> {
  const first = socketsIn(options.folder);
  const args = qemuArguments({ ...options, sockets: first });
  if (hasOption(options.args, "sandbox")) return await connected(spawnQemu(options, first, args), options, true);
  // A QEMU that was built without a sandbox, or whose system has none, ends at once and says so.
  const sandboxed = spawnQemu(options, first, [...SANDBOX, ...args]);
  const hasStarted = await sandboxed.connection !== undefined || [0, NOT_FOUND].includes(await sandboxed.ended);
  if (hasStarted) return await connected(sandboxed, options, true);
  const second = socketsIn(options.folder, 2);
  return await connected(spawnQemu(options, second, qemuArguments({ ...options, sockets: second })), options, false);
}

async function connected(
  { connection, input, ended: gone, kill, release }: Spawned,
  { folder, gdb }: QemuOptions,
  sandboxed: boolean,
): Promise<Qemu> {
  const stopped = Promise.withResolvers<string>();
  const made = await connection;
  if (!made && await gone === NOT_FOUND) throw notFound();
  const released = release();
  const ended = Promise.all([gone, released]).then(([status]) => status);
  const onEvent = ({ event, data }: QmpEvent): void => {
    if (event === "SHUTDOWN") stopped.resolve(String(data?.reason));
    if (event === "STOP" && !gdb && qmp) {
      brokenState(qmp).then((state) => state !== undefined && stopped.resolve(state));
    }
  };
  const qmp: Qmp | undefined = made && await openQmp(made, onEvent).catch(() => undefined);
  const serial = made && serialInput(input);
  ended.then(() => {
    qmp?.close();
    serial?.close();
  });
  return {
    start: async () => void await qmp?.execute("cont").catch(() => {}),
    stopped: stopped.promise,
    ended,
    send: async (bytes) => await serial?.send(bytes),
    monitor: (command, processor) => withPatience(qmp && runCommand(qmp, command, processor)),
    registers: () => whilePaused(qmp, processors),
    readMemory: (range) => whilePaused(qmp, (qmp) => readGuestMemory(qmp, folder, range)),
    kill,
    sandboxed,
  };
}

/** Writes to a pipe, which is opened when there is something to write. */
function serialInput(path: string): { readonly send: Qemu["send"]; readonly close: () => void } {
  let pipe: Deno.FsFile | undefined;
  let closed = false;
  return {
    send: async (bytes) => {
      if (closed) return;
      // Opened for reading too, it opens even if QEMU has just ended.
      pipe ??= Deno.openSync(path, { read: true, write: true });
      for (let left = bytes; left.length > 0 && !closed;) left = left.subarray(await pipe.write(left));
    },
    close: () => {
      closed = true;
      pipe?.close();
    },
  };
}

/** Why the guest is paused, if it will not go on by itself. */
async function brokenState(qmp: Qmp): Promise<string | undefined> {
  const { status } = await qmp.execute("query-status").catch(() => ({ status: "" })) as { readonly status: string };
  return BROKEN.has(status) ? status : undefined;
}

async function runCommand(qmp: Qmp, command: string, processor?: number): Promise<string> {
  const args = { "command-line": command, ...(processor === undefined ? {} : { "cpu-index": processor }) };
  return String(await qmp.execute("human-monitor-command", args));
}

async function processors(qmp: Qmp): Promise<readonly Registers[]> {
  return parseProcessors(await runCommand(qmp, "info registers -a"));
}

/** Pauses the guest and asks QEMU something. */
function whilePaused<T>(qmp: Qmp | undefined, ask: (qmp: Qmp) => Promise<T>): Promise<T | undefined> {
  return withPatience(qmp && qmp.execute("stop").then(() => ask(qmp)));
}

/** An answer of QEMU; `undefined` if there is none in time. */
async function withPatience<T>(answer: Promise<T> | undefined): Promise<T | undefined> {
  const limit = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => limit.resolve(undefined), PATIENCE);
  return await Promise.race([answer?.catch(() => undefined), limit.promise]).finally(() => clearTimeout(timer));
}

function notFound(): CliError {
  const hint = "Install QEMU for x86-64: the package is qemu-system-x86 for apt and dnf, and qemu for Homebrew.";
  return new CliError("qemu-failed", `Cannot start QEMU: ${PROGRAM} is not in PATH`, { hint });
}
