/**
 * Starts QEMU, connected by QMP and by the guest's first serial port.
 *
 * @module
 */

import { startGuarded } from "./guarded_process.ts";
import { PROGRAM } from "./machine.ts";
import type { MachineOptions } from "./qemu_arguments.ts";
import { awaitConnection, serialPipes, type Sockets } from "./qemu_sockets.ts";
import { startFailed } from "./start_failed.ts";

/** How to start it. */
export interface QemuOptions extends Omit<MachineOptions, "sockets"> {
  /** A folder for its sockets, which is removed if this process ends before QEMU. */
  readonly folder: string;
  /** Receives what the guest writes to its first serial port. */
  readonly onSerial: (bytes: Uint8Array) => Promise<void>;
  /** Receives what QEMU itself writes to standard output, as some of its options make it do. */
  readonly onOutput: (bytes: Uint8Array) => Promise<void>;
  /** Receives QEMU's log. */
  readonly onLog: (text: string) => void | Promise<void>;
}

/** A QEMU that was started. */
export interface Spawned {
  /** The exit status, once QEMU has ended and all its output was received. */
  readonly ended: Promise<number>;
  /** Ends QEMU at once. */
  readonly kill: () => void;
  /** Its connection for QMP; resolves to `undefined` if it ends without one. */
  readonly connection: Promise<Deno.Conn | undefined>;
  /** The pipe for the input of the guest's first serial port, once it is connected. */
  readonly input: string;
  /** Passes on its output and its log, which are held back until then; resolves when that is done. */
  readonly release: () => Promise<void>;
}

/**
 * Starts QEMU.
 *
 * @param options The receivers of its output, and the folder of the run.
 * @param sockets The sockets that its arguments name.
 * @param args Its arguments; the guest must not run at once.
 * @returns The process.
 * @throws {CliError} "qemu-failed" if no process or socket can be started.
 */
export function spawnQemu(
  { folder, onSerial, onOutput, onLog }: QemuOptions,
  sockets: Sockets,
  args: readonly string[],
): Spawned {
  const qmp = attempt(() => awaitConnection(sockets.qmp));
  const pipes = serialPipes(sockets.serial);
  const { stdout, stderr, status, kill } = attempt(() =>
    startGuarded({ command: [PROGRAM, ...args], folder, alive: sockets.qmp, pipes: [pipes.input, pipes.output] })
  );
  const output = heldBack(onOutput);
  const log = heldBack(onLog);
  const passed = [
    stdout.pipeTo(new WritableStream({ write: output.write })),
    stderr.pipeThrough(new TextDecoderStream()).pipeTo(new WritableStream({ write: log.write })),
  ].map((pipe) => pipe.catch(() => {}));
  const connected = Promise.race([qmp.connection, status])
    .then((first) => first && "code" in first ? undefined : first);
  // QEMU opens the pipes before it connects.
  const opened = connected.then((made) => made && openPipe(pipes.output, status));
  const received = opened.then((pipe) => pipe && receive(pipe, onSerial));
  // What is in a pipe is lost when QEMU ends before anyone else has opened it: until then the guest must not run.
  const connection = opened.then(() => connected);
  const ended = Promise.all([status, received, ...passed]).then(([{ code }]) => {
    qmp[Symbol.dispose]();
    return code;
  });
  return {
    connection,
    input: pipes.input,
    ended,
    kill,
    release: async () => void await Promise.all([output.release(), log.release()]),
  };
}

/** Opens a pipe that QEMU writes to. */
function openPipe(path: string, status: Promise<unknown>): Promise<Deno.FsFile> {
  const opened = Deno.open(path);
  // If QEMU has ended before the pipe was opened, nobody else would open it for writing, which opening waits for.
  status.then(async () => {
    using _writer = await Deno.open(path, { read: true, write: true });
    await opened;
  }).catch(() => {});
  return opened;
}

/** Passes on all that QEMU writes to a pipe, up to its end. */
async function receive(opened: Deno.FsFile, onBytes: (bytes: Uint8Array) => Promise<void>): Promise<void> {
  using pipe = opened;
  const buffer = new Uint8Array(2 ** 16);
  for (let length; (length = await pipe.read(buffer)) !== null;) await onBytes(buffer.slice(0, length));
}

/** Holds pieces back until they are released, and passes them on from then on. */
function heldBack<T>(
  onPiece: (piece: T) => void | Promise<void>,
): { readonly write: (piece: T) => Promise<void>; readonly release: () => Promise<void> } {
  const held: T[] = [];
  let passing: Promise<void> | undefined;
  const pass = async (pieces: readonly T[]): Promise<void> => {
    for (const piece of pieces) await onPiece(piece);
  };
  return {
    write: async (piece) => {
      if (passing) await passing.then(() => onPiece(piece));
      else held.push(piece);
    },
    release: () => passing = pass(held.splice(0)),
  };
}

function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw startFailed(cause);
  }
}
