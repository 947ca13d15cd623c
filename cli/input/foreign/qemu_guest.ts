/**
 * A guest of QEMU, looked at through QEMU's stub for debuggers and left as it was found.
 *
 * @module
 */

import { PAGE_SIZE } from "../../../core/memory/addresses.ts";
import { decodeHex, encodeHex } from "@std/encoding/hex";
import { type GdbRemote, StubError } from "./gdb_remote.ts";
import type { PagingRegisters } from "./paging_registers.ts";

/** What becomes of the guest when it is left: it runs again, or is stopped as it was before. */
export type Leaving = "resumed" | "left stopped";

/** A guest that is stopped while it is looked at. */
export interface QemuGuest {
  /** The registers of the first processor. */
  readonly registers: PagingRegisters;
  /** Reads 4096 bytes at a multiple of 4096; `undefined` if there is no RAM or ROM. */
  readonly page: (frame: number) => Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Puts everything back, and lets the guest go on if it did before. */
  readonly leave: () => Promise<Leaving>;
}

/** The most bytes that QEMU answers at a time: MAX_PACKET_LENGTH in its gdbstub is 4096, two digits a byte. */
const MOST_BYTES = 2048;

/** The answer to whether memory is read by physical addresses. */
const MODE = /^[01]$/;

/** Memory of one kind comes in blocks of at least this size, but below 1 MiB. */
const BLOCK = 2 ** 16;

/**
 * Stops the guest, if it runs, and reads its registers.
 *
 * @param remote QEMU's stub. Connecting to it has stopped the guest, so its signal must give some time after an abort.
 * @param signal Ends all that is not needed to leave the guest.
 * @returns The guest.
 * @throws {StubError} If the stub is not QEMU's, or the guest is of another architecture. The guest is left then.
 */
export async function openQemuGuest(remote: GdbRemote, signal: AbortSignal): Promise<QemuGuest> {
  const { ask } = remote;
  // GDB documentation, "General Query Packets"; QEMU documentation, "GDB usage": physical memory mode.
  const features = await ask("qSupported:xmlRegisters=i386");
  const mode = await ask("qqemu.PhyMemMode");
  if (!MODE.test(mode)) throw new StubError("the stub there is not QEMU's, and cannot read physical memory");
  const runs = await ranBefore(remote);
  const leave = async (): Promise<Leaving> => {
    // It goes on when the debugger detaches, and stays as it is if the connection ends without that.
    const last = ["qqemu.PhyMemMode", `Qqemu.PhyMemMode:${mode}`, ...(runs ? ["D"] : [])];
    await remote.finish(last, (answer) => MODE.test(answer));
    return runs ? "resumed" : "left stopped";
  };
  try {
    const hurried = remote.under(signal);
    const registers = await readRegisters(hurried, features);
    const answer = await hurried.ask("Qqemu.PhyMemMode:1");
    if (answer !== "OK") throw new StubError("QEMU refuses to read physical memory");
    return { registers, page: pageReader(hurried), leave };
  } catch (error) {
    await leave().catch(() => {});
    throw error;
  }
}

/**
 * Whether the guest ran before the connection stopped it. QEMU before 8.1 says that it has stopped. Later ones do not,
 * and how a guest that was paused differs from one that ran cannot be seen: it is taken for one that ran.
 */
async function ranBefore(remote: GdbRemote): Promise<boolean> {
  if (remote.saidStopped()) return true;
  const status = await monitor(remote, "info status");
  const version = await monitor(remote, "info version");
  const [, major, minor] = /([0-9]+)\.([0-9]+)/.exec(version ?? "") ?? [];
  const isSilent = version === undefined || Number(major) * 100 + Number(minor) >= 801;
  // What stands still for a reason of its own, such as a panic, has it in parentheses.
  return isSilent && !/\(.*\)/.test(status ?? "");
}

/** The most characters of the packets that a command of the monitor is answered by. */
const MOST_PRINTED = 2 ** 18;

/** Has a command of QEMU's monitor executed; `undefined` if it has none. */
async function monitor({ ask, next }: GdbRemote, line: string): Promise<string | undefined> {
  const printed: string[] = [];
  let size = 0;
  for (let reply = await ask(`qRcmd,${encodeHex(line)}`);; reply = await next()) {
    if (reply === "OK") return new TextDecoder().decode(decodeHex(printed.join("")));
    if (!/^O([0-9a-f]{2})*$/.test(reply)) return undefined;
    size += reply.length;
    if (size > MOST_PRINTED) throw new StubError("QEMU's monitor answers without end");
    printed.push(reply.slice(1));
  }
}

/** Reads registers by their numbers in the target description (GDB documentation, "Target Descriptions"). */
async function readRegisters(remote: GdbRemote, features: string): Promise<PagingRegisters> {
  if (!/(^|;)qXfer:features:read\+/.test(features)) throw new StubError("QEMU does not describe its registers");
  const target = await readFeature(remote, "target.xml");
  const architecture = /<architecture>([^<]*)<\/architecture>/.exec(target)?.[1] ?? "unknown";
  if (architecture !== "i386:x86-64") {
    throw new StubError(`the guest's architecture is ${architecture}, not i386:x86-64`);
  }
  const numbers = new Map<string, number>();
  let number = 0;
  const parts = Array.from(target.matchAll(/<xi:include href="([^"<>]+)"\s*\/>/g), ([, href]) => href);
  if (parts.length > MOST_PIECES) throw new StubError("QEMU describes its registers in too many parts");
  for (const href of parts) {
    for (const [, attributes] of (await readFeature(remote, href)).matchAll(/<reg\s([^<>]*)>/g)) {
      number = Number(/regnum="([0-9]+)"/.exec(attributes)?.[1] ?? number);
      numbers.set(/name="([^"]*)"/.exec(attributes)?.[1] ?? "", number++);
    }
  }
  const read = async (name: string): Promise<bigint> => {
    const at = numbers.get(name);
    const reply = at === undefined ? "" : await remote.ask(`p${at.toString(16)}`);
    if (!/^([0-9a-f]{8}){1,2}$/.test(reply)) throw new StubError(`QEMU does not report the register ${name}`);
    return new DataView(decodeHex(reply.padEnd(16, "0")).buffer).getBigUint64(0, true);
  };
  return { cr0: await read("cr0"), cr3: await read("cr3"), cr4: await read("cr4"), efer: await read("efer") };
}

/** The most pieces that a description comes in. */
const MOST_PIECES = 64;

async function readFeature({ ask }: GdbRemote, name: string): Promise<string> {
  let text = "";
  for (let pieces = 0; pieces < MOST_PIECES; pieces++) {
    const reply = await ask(`qXfer:features:read:${name}:${text.length.toString(16)},ff0`);
    if (!/^[lm]/.test(reply)) break;
    text += reply.slice(1);
    if (reply.startsWith("l")) return withoutComments(text);
  }
  throw new StubError(`QEMU does not describe its registers: ${name} cannot be read`);
}

/** Removes comments in time that grows with the text alone, also if many begin and none ends. */
function withoutComments(text: string): string {
  const kept: string[] = [];
  for (let at = 0;;) {
    const start = text.indexOf("<!--", at);
    const end = start < 0 ? -1 : text.indexOf("-->", start + 4);
    kept.push(text.slice(at, end < 0 ? undefined : start));
    if (end < 0) return kept.join("");
    at = end + 3;
  }
}

/** Reads pages of RAM and ROM alone: reading a device's registers could change what it does. */
function pageReader(remote: GdbRemote): QemuGuest["page"] {
  const kinds = new Map<number, boolean>();
  const isMemory = async (frame: number): Promise<boolean> => {
    const block = frame < 2 ** 20 ? frame : frame - frame % BLOCK;
    const known = kinds.get(block);
    if (known !== undefined) return known;
    const said = await monitor(remote, `gpa2hva 0x${frame.toString(16)}`);
    const kind = said === undefined || said.startsWith("Host virtual address");
    kinds.set(block, kind);
    return kind;
  };
  return async (frame) => {
    if (!await isMemory(frame)) return undefined;
    const page = new Uint8Array(PAGE_SIZE);
    for (let done = 0; done < PAGE_SIZE; done += MOST_BYTES) {
      const reply = await remote.ask(`m${(frame + done).toString(16)},${MOST_BYTES.toString(16)}`);
      if (reply.length !== MOST_BYTES * 2 || !/^[0-9a-f]*$/.test(reply)) return undefined;
      page.set(decodeHex(reply), done);
    }
    return page;
  };
}
