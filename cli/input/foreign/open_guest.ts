/**
 * Opens the page tables of a running QEMU, through its stub for debuggers.
 *
 * @module
 */

import { CliError, messageOf } from "../../output/cli_error.ts";
import { neededFlag, permissionAdvice } from "../../output/permission_flag.ts";
import { hex, printable } from "../../output/text.ts";
import type { ForeignFacts, ForeignOptions, ForeignTables, StubPlace } from "./foreign_tables.ts";
import { gdbRemote, StubError } from "./gdb_remote.ts";
import { takePages } from "./guest_tables.ts";
import { tablesIn, withoutPaging } from "./paging_registers.ts";
import { openQemuGuest, type QemuGuest } from "./qemu_guest.ts";

/** How long to wait for a connection and for each answer, in milliseconds. */
const PATIENCE = 5000;

/**
 * Takes the page tables of a guest. It stands still meanwhile, and is left as it was found.
 *
 * @param place Where QEMU's stub listens.
 * @param options Where the tables start and how many levels they have, if that is not to be asked of the guest.
 * @param signal Ends the work; the guest is left then, too.
 * @returns The tables.
 * @throws {CliError} "source-failed" if they cannot be read.
 */
export async function openGuest(
  place: StubPlace,
  options: ForeignOptions,
  signal: AbortSignal,
): Promise<ForeignTables> {
  const source = stubName(place);
  try {
    using connection = await connect(place, signal);
    const guest = await openQemuGuest(gdbRemote(connection, signal, PATIENCE));
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

/** Where the guest's tables start, unless that was said. */
function rootOf(
  { registers }: QemuGuest,
  { cr3, levels }: ForeignOptions,
): Pick<ForeignFacts, "cr3" | "cr3From" | "levels" | "levelsFrom"> {
  const why = withoutPaging(registers);
  if (cr3 === undefined && why !== undefined) throw new StubError(why);
  const found = tablesIn(registers);
  return {
    cr3: cr3 ?? found.cr3,
    cr3From: cr3 === undefined ? "guest" : "flag",
    levels: levels ?? found.levels,
    levelsFrom: levels === undefined ? "guest" : "flag",
  };
}

/** Connects, unless that takes too long. */
async function connect(place: StubPlace, signal: AbortSignal): Promise<Deno.Conn> {
  const connecting: Promise<Deno.Conn> = place.transport === "unix"
    ? Deno.connect({ transport: "unix", path: place.path })
    : Deno.connect({ hostname: place.hostname, port: place.port });
  const ended = Promise.withResolvers<never>();
  const abort = (): void => ended.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  const late = new StubError(`there was no connection in ${PATIENCE / 1000} seconds`, true);
  const timer = setTimeout(() => ended.reject(late), PATIENCE);
  try {
    return await Promise.race([connecting, ended.promise]);
  } catch (error) {
    connecting.then((connection) => connection.close(), () => {});
    throw error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  }
}

function stubName(place: StubPlace): string {
  if (place.transport === "unix") return place.path;
  return `${place.hostname.includes(":") ? `[${place.hostname}]` : place.hostname}:${place.port}`;
}

function failed(source: string, place: StubPlace, cause: unknown): CliError {
  const flag = neededFlag(cause, place.transport === "unix" ? place.path : undefined);
  const { why, ...advice } = flag === undefined
    ? { why: messageOf(cause), hint: hintFor(place, cause) }
    : permissionAdvice(flag === "--allow-all" ? [] : [flag]);
  const message = `Cannot read page tables of QEMU at ${printable(source)}: ${why}`;
  return new CliError("source-failed", message, { ...advice, detail: { source }, cause });
}

function hintFor(place: StubPlace, cause: unknown): string | undefined {
  if (cause instanceof StubError) {
    return cause.isSilent ? "QEMU speaks with one debugger at a time: detach the one that is there." : undefined;
  }
  const how = place.transport === "unix" ? `unix:${place.path},server=on,wait=off` : `tcp::${place.port}`;
  return `Start QEMU with -gdb ${how}, or type gdbserver ${how} in its monitor.`;
}
