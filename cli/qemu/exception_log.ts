/**
 * Finds exceptions and interrupts in QEMU's log (`-d int,cpu_reset`).
 *
 * @module
 */

import type { Exception } from "../../explain/fault/exception.ts";
import { isLongMode } from "../../explain/fault/registers.ts";
import { parseRegisters } from "./registers.ts";

/** What the log contains so far. */
export interface ExceptionLog {
  /** Takes a piece of the log. */
  readonly write: (text: string) => void;
  /** The last exception raised by the processor, except for those on the way to another one's handler. */
  readonly last: () => Exception | undefined;
  /** The exception or interrupt that ended in a triple fault, if there was one. */
  readonly fatal: () => Exception | undefined;
  /**
   * The exception before that, if the fatal one came up at the same instruction as others before it, in the handler of
   * that one: it has the same vector, and RSP was at most a few frames below its own.
   */
  readonly before: () => Exception | undefined;
  /** Whether there was a triple fault. */
  readonly tripleFault: () => boolean;
  /** The last of QEMU's own messages. */
  readonly messages: () => readonly string[];
}

// "     0: v=0e e=0003 i=0 cpl=0 IP=0008:000000000032704c pc=… SP=… CR2=…": `i=1` means INT or the like
const ENTRY = /^ *\d+: v=([0-9a-f]{2}) e=([0-9a-f]{4}) i=([01]) /;
// "check_exception old: 0xe new 0x8": the second came up on the way to the handler of the first
const NESTED = /^check_exception old: 0x(?!ffffffff)/;
const CHECK = /^check_exception /;
const DEVICE = /^Servicing hardware INT=/;
const MESSAGE = /^(qemu|sh)[\w.-]*: /;

const MOST_MESSAGES = 8;

/** Lines of an entry: the first one and the registers. */
const ENTRY_LINES = 24;

const DF = 8;
const PF = 14;

// Intel SDM vol. 3, "Error Code": the exceptions that a bad descriptor raises, and the bit that means it is in the IDT
const BAD_ENTRY: ReadonlySet<number> = new Set([10, 11, 12, 13]);
const ERROR_IDT = 1 << 1;
const ERROR_EXTERNAL = 1 << 0;

/** How far below RSP the processor writes on the way to a handler, alignment included, in bytes. */
const FRAME_REACH = 64n;

/**
 * Reads the log as it arrives. It may be long, so only what matters is kept.
 *
 * @returns The log.
 */
export function exceptionLog(): ExceptionLog {
  let rest = "";
  let nested = false;
  let previous = "";
  let device = false;
  let triple = false;
  let entry: string[] = [];
  let root: Exception | undefined;
  let last: Exception | undefined;
  let before: Exception | undefined;
  const messages: string[] = [];
  const finish = (): void => {
    const found = entry.length > 0 ? exceptionOf(entry, device) : undefined;
    if (found && nested && found.vector === DF && root) {
      const isLast = last === root;
      root = { ...root, doubleFault: true };
      if (isLast) last = root;
    } else if (found && !nested && !(root && isOnTheWay(root, found))) {
      if (!(root && isSameInstruction(root, found))) before = root && isOfHandler(root, found) ? root : undefined;
      root = root && isBadEntry(root, found)
        ? { ...found, entry: root.vector }
        : root && isBadSelector(root, found)
        ? { ...found, during: root.vector }
        : found;
      if (found.origin === "processor") last = root;
    }
    if (entry.length > 0) nested = false;
    entry = [];
  };
  const take = (line: string): void => {
    if (ENTRY.test(line)) {
      finish();
      entry = [line];
      device = DEVICE.test(previous);
    } else if (CHECK.test(line)) {
      finish();
      nested = NESTED.test(line);
    } else if (line.startsWith("Triple fault")) {
      finish();
      triple = true;
    } else if (MESSAGE.test(line)) {
      messages.push(line);
      if (messages.length > MOST_MESSAGES) messages.shift();
    } else if (entry.length > 0 && entry.push(line) === ENTRY_LINES) {
      finish();
    }
    previous = line;
  };
  return {
    write: (text) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      lines.forEach(take);
    },
    last: () => {
      finish();
      return last;
    },
    before: () => triple ? before : undefined,
    fatal: () => triple ? root : undefined,
    tripleFault: () => triple,
    messages: () => MESSAGE.test(rest) ? [...messages, rest] : messages,
  };
}

function exceptionOf(lines: readonly string[], device: boolean): Exception | undefined {
  const [, vector, error, software] = ENTRY.exec(lines[0]) ?? [];
  const registers = parseRegisters(lines.slice(1).join("\n"));
  if (!isLongMode(registers)) return undefined;
  // Firmware in real mode takes interrupts that have no entry of their own: the line before may be of one of these.
  const origin = software === "1" ? "instruction" : device ? "device" : "processor";
  return { vector: parseInt(vector, 16), error: parseInt(error, 16), origin, registers, doubleFault: false };
}

/** Whether both are the same exception, of the same instruction. */
function isSameInstruction(first: Exception, second: Exception): boolean {
  return second.vector === first.vector && second.registers.get("RIP") === first.registers.get("RIP");
}

/** How far below the first exception's RSP the second's is at most, if it came up in its handler, in bytes. */
const HANDLER_REACH = 0x1000n;

/** Whether the second can have come up in the handler of the first. */
function isOfHandler(first: Exception, second: Exception): boolean {
  const [rsp, below] = [first, second].map(({ registers }) => registers.get("RSP") ?? 0n);
  return first.origin === "processor" && second.vector === first.vector && below < rsp && rsp - below <= HANDLER_REACH;
}

/** Whether the second came up at the same instruction as the first, before anything was pushed. */
function isAtOnce(first: Exception, second: Exception): boolean {
  return ["RIP", "RSP"].every((name) => second.registers.get(name) === first.registers.get(name));
}

/** Whether the second means that the first one's entry in the IDT cannot be used. */
function isBadEntry(first: Exception, second: Exception): boolean {
  return BAD_ENTRY.has(second.vector) && (second.error & ERROR_IDT) !== 0 && isAtOnce(first, second);
}

/** Whether the second means that the code segment that the first one's entry names cannot be used. */
function isBadSelector(first: Exception, second: Exception): boolean {
  return first.origin === "processor" && BAD_ENTRY.has(second.vector) && (second.error & ~ERROR_EXTERNAL) !== 0 &&
    (second.error & ERROR_IDT) === 0 && isAtOnce(first, second);
}

/**
 * Whether the second came up on the way to the handler of the first: because of a bad entry in the descriptor table, or
 * as a page fault in that table or on the stack.
 */
function isOnTheWay(first: Exception, second: Exception): boolean {
  if (first.origin === "processor" && isBadEntry(first, second)) return true;
  if (second.vector !== PF || !isAtOnce(first, second)) return false;
  const value = (name: string): bigint => second.registers.get(name) ?? 0n;
  const [cr2, idt, rsp] = [value("CR2"), value("IDT"), value("RSP")];
  return (cr2 >= idt && cr2 <= idt + value("IDT limit")) ||
    (cr2 < rsp && cr2 >= rsp - FRAME_REACH && first.vector !== PF);
}
