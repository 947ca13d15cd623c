/**
 * The sockets and named pipes in the folder of a run, by which kload and QEMU reach each other.
 *
 * @module
 */

import { CliError } from "../output/cli_error.ts";
import { printable } from "../output/text.ts";

/** The paths of the sockets and pipes. */
export interface Sockets {
  /** kload's, for QMP. */
  readonly qmp: string;
  /** The named pipes for the first serial port, without ".in" and ".out": as fast as QEMU's standard output. */
  readonly serial: string;
  /** QEMU's, for a debugger. */
  readonly gdb: string;
}

/** The longest path of a socket in bytes that all systems take: sun_path has 104 or 108, with a zero at its end. */
const LONGEST = 103;

/**
 * The paths of the sockets.
 *
 * @param folder The folder.
 * @param attempt Which attempt they are for: the system may be slow to remove sockets that were closed.
 * @returns The paths.
 * @throws {CliError} "qemu-failed" if they are too long for sockets.
 */
export function socketsIn(folder: string, attempt: 1 | 2 = 1): Sockets {
  const sockets = {
    qmp: `${folder}/qmp${attempt}.sock`,
    serial: `${folder}/tty${attempt}`,
    gdb: `${folder}/gdb.sock`,
  };
  const tooLong = [sockets.qmp, sockets.gdb].find((path) => new TextEncoder().encode(path).length > LONGEST);
  if (tooLong === undefined) return sockets;
  const why = `the path of its socket, ${printable(tooLong)}, is longer than ${LONGEST} bytes`;
  const hint = "The environment variable TMPDIR can name a folder with a shorter path.";
  throw new CliError("qemu-failed", `Cannot start QEMU: ${why}`, { hint });
}

/**
 * The named pipes of a serial port.
 *
 * @param path Their path in QEMU's arguments.
 * @returns The paths of the pipe for its input and of the one for its output.
 */
export function serialPipes(path: string): { readonly input: string; readonly output: string } {
  return { input: `${path}.in`, output: `${path}.out` };
}

/** Waits for one connection. */
export interface Awaited extends Disposable {
  /** The connection; resolves to `undefined` if the socket is closed first. */
  readonly connection: Promise<Deno.Conn | undefined>;
}

/**
 * Opens a socket for one connection.
 *
 * @param path Its path, which is removed when it is closed.
 * @returns The socket, which the caller disposes of.
 * @throws {Error} If it cannot be opened.
 */
export function awaitConnection(path: string): Awaited {
  const listener = Deno.listen({ transport: "unix", path });
  return { connection: listener.accept().catch(() => undefined), [Symbol.dispose]: () => listener.close() };
}
