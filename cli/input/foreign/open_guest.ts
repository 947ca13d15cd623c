/**
 * Opens the page tables of a running QEMU, through its stub for debuggers.
 *
 * @module
 */

import { CliError, messageOf } from "../../output/cli_error.ts";
import { neededFlag, permissionAdvice, permissionFlag } from "../../output/permission_flag.ts";
import { hex, printable } from "../../output/text.ts";
import type { ForeignFacts, ForeignOptions, ForeignTables, StubPlace } from "./foreign_tables.ts";
import { gdbRemote, StubError, within } from "./gdb_remote.ts";
import { takePages } from "./guest_tables.ts";
import { tablesIn, withoutPaging } from "./paging_registers.ts";
import { openQemuGuest, type QemuGuest } from "./qemu_guest.ts";

/** How long to wait for a connection and for each answer by default, in milliseconds. */
const PATIENCE = 5000;

/** How long to go on after an abort until it is known how to leave the guest, which a connection stops, in milliseconds. */
const GRACE = 1000;

/**
 * Copies the page tables of a guest, which is stopped meanwhile and then left as it was found.
 *
 * @param place Where QEMU's stub listens.
 * @param options Where the tables start and how many levels they have, if that is not to be asked of the guest.
 * @param signal Ends the work; the guest is left then, too.
 * @param patience How long to wait for a connection and for each answer, in milliseconds.
 * @returns The tables.
 * @throws {CliError} "source-failed" if they cannot be read.
 */
export async function openGuest(
  place: StubPlace,
  options: ForeignOptions,
  signal: AbortSignal,
  patience: number = PATIENCE,
): Promise<ForeignTables> {
  signal.throwIfAborted();
  const source = stubName(place);
  using later = delayed(signal, GRACE);
  try {
    using connection = await connect(place, later.signal, patience);
    const guest = await openQemuGuest(gdbRemote(connection, later.signal, patience), signal);
    let left: Awaited<ReturnType<QemuGuest["leave"]>> | undefined;
    try {
      const root = rootOf(guest, options);
      const { tables, count, isCut } = await takePages(
        { root: root.cr3, levels: root.levels },
        guest.page,
        options.others,
      );
      left = await guest.leave();
      if (!tables.pages.words(root.cr3)) {
        throw new StubError(`the level-${root.levels} table at ${hex(root.cr3)} is not in the guest's memory`);
      }
      const about: ForeignFacts = { source, kind: "guest", ...root, pagesRead: count, isCut, guest: left };
      return { tables, about, close: () => {} };
    } finally {
      if (left === undefined) await guest.leave().catch(() => {});
    }
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof CliError) throw cause;
    throw failed(source, place, cause);
  }
}

/** A signal that aborts some time after another, unless it is disposed of before. */
function delayed(signal: AbortSignal, delay: number): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const abort = (): void => {
    timer = setTimeout(() => controller.abort(signal.reason), delay);
  };
  signal.addEventListener("abort", abort, { once: true });
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
    },
  };
}

/** A guest that waits for a debugger, as that of `kload run --gdb` does, has not entered its kernel. */
const NOT_YET = "If its kernel has not been entered yet, let the guest go on first: continue, in gdb.";

/** Where the guest's tables start, unless that was said. */
function rootOf(
  { registers }: QemuGuest,
  { cr3, levels }: ForeignOptions,
): Pick<ForeignFacts, "cr3" | "cr3From" | "levels" | "levelsFrom"> {
  const why = withoutPaging(registers);
  if (cr3 === undefined && why !== undefined) throw new StubError(why, false, NOT_YET);
  const found = tablesIn(registers);
  return {
    cr3: cr3 ?? found.cr3,
    cr3From: cr3 === undefined ? "guest" : "flag",
    levels: levels ?? found.levels,
    levelsFrom: levels === undefined ? "guest" : "flag",
  };
}

/** Connects, unless that takes too long. */
async function connect(place: StubPlace, signal: AbortSignal, patience: number): Promise<Deno.Conn> {
  const connecting: Promise<Deno.Conn> = place.transport === "unix"
    ? Deno.connect({ transport: "unix", path: place.path })
    : Deno.connect({ hostname: place.hostname, port: place.port }).then((connection) => {
      connection.setNoDelay(true); // each packet is answered before the next
      return connection;
    });
  const late = () => new StubError(`there was no connection in ${patience / 1000} seconds`, true);
  try {
    return await within(() => connecting, signal, patience, late);
  } catch (error) {
    connecting.then((connection) => connection.close(), () => {});
    throw error;
  }
}

function stubName(place: StubPlace): string {
  if (place.transport === "unix") return place.path;
  return `${place.hostname.includes(":") ? `[${place.hostname}]` : place.hostname}:${place.port}`;
}

function failed(source: string, place: StubPlace, cause: unknown): CliError {
  const flag = neededFlag(cause);
  const flags = flag === undefined || flag === "--allow-all"
    ? []
    : place.transport === "tcp"
    ? [flag]
    : socketFlags(place.path);
  const { why, ...advice } = flag === undefined
    ? { why: messageOf(cause), hint: hintFor(place, cause) }
    : permissionAdvice(flags);
  const message = `Cannot read page tables of QEMU at ${printable(source)}: ${why}`;
  return new CliError("source-failed", message, { ...advice, detail: { source }, cause });
}

/** The permissions for a socket that Deno lacks: it names one at a time. */
function socketFlags(path: string): readonly string[] {
  const lacks = (descriptor: Deno.PermissionDescriptor) => Deno.permissions.querySync(descriptor).state !== "granted";
  return [
    ...(lacks({ name: "read", path }) ? [permissionFlag("read", path)] : []),
    ...(lacks({ name: "write", path }) ? [permissionFlag("write", path)] : []),
    ...(lacks({ name: "net" }) ? ["--allow-net"] : []),
  ];
}

function hintFor(place: StubPlace, cause: unknown): string | undefined {
  if (cause instanceof StubError) {
    return cause.isSilent ? "QEMU serves one debugger at a time: detach the other one." : cause.hint;
  }
  const how = place.transport === "unix" ? `unix:${place.path},server=on,wait=off` : `tcp::${place.port}`;
  return `Start QEMU with -gdb ${how}, or type gdbserver ${how} in its monitor.`;
}
