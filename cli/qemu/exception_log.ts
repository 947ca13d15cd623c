/**
 * The exceptions and interrupts that QEMU's log (`-d int,cpu_reset`) tells of.
 *
 * @module
 */

import { isLongMode, parseRegisters, type Registers } from "./registers.ts";

/** An exception or interrupt that the guest took in 64-bit mode. */
export interface Exception {
  /** Its vector, 0 to 255. */
  readonly vector: number;
  /** Its error code; 0 where it has none. */
  readonly error: number;
  /** What raised it: the processor, an instruction such as INT, or a device. */
  readonly origin: "processor" | "instruction" | "device";
  /** The registers as they were. */
  readonly registers: Registers;
}

/** What the log has told so far. */
export interface ExceptionLog {
  /** Takes a piece of the log. */
  readonly write: (text: string) => void;
  /** The last exception of the processor. One that came up on the way to the handler of another is not counted. */
  readonly last: () => Exception | undefined;
  /** What ended in a triple fault, where the guest did. */
  readonly fatal: () => Exception | undefined;
  /** Whether there was a triple fault. */
  readonly tripleFault: () => boolean;
  /** The last lines that are QEMU's own messages. */
  readonly messages: () => readonly string[];
}

// "     0: v=0e e=0003 i=0 cpl=0 IP=0008:000000000032704c pc=… SP=… CR2=…": `i=1` is an instruction such as INT
const ENTRY = /^ *\d+: v=([0-9a-f]{2}) e=([0-9a-f]{4}) i=([01]) /;
// "check_exception old: 0xe new 0x8": the second came up on the way to the handler of the first
const NESTED = /^check_exception old: 0x(?!ffffffff)/;
const CHECK = /^check_exception /;
const DEVICE = /^Servicing hardware INT=/;
const MESSAGE = /^(qemu|sh)[\w.-]*: /;

const MOST_MESSAGES = 8;

/** Lines of an entry: the first one and the registers. */
const ENTRY_LINES = 24;

const PF = 14;

/** How far below RSP the processor writes on the way to a handler, with the stack's alignment, in bytes. */
const FRAME_REACH = 64n;

/**
 * Reads the log as it comes; it may be long, and only what matters is kept.
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
  const messages: string[] = [];
  const finish = (): void => {
    const found = entry.length > 0 ? exceptionOf(entry, device) : undefined;
    if (found && !nested && !(root && isOnTheWay(root, found))) {
      root = found;
      if (found.origin === "processor") last = found;
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
    fatal: () => triple ? root : undefined,
    tripleFault: () => triple,
    messages: () => MESSAGE.test(rest) ? [...messages, rest] : messages,
  };
}

function exceptionOf(lines: readonly string[], device: boolean): Exception | undefined {
  const [, vector, error, software] = ENTRY.exec(lines[0]) ?? [];
  const registers = parseRegisters(lines.slice(1).join("\n"));
  if (!isLongMode(registers)) return undefined;
  const origin = device ? "device" : software === "1" ? "instruction" : "processor";
  return { vector: parseInt(vector, 16), error: parseInt(error, 16), origin, registers };
}

/** Whether the second is a page fault in the descriptor table or on the stack, on the way to the first one's handler. */
function isOnTheWay(first: Exception, { vector, registers }: Exception): boolean {
  const value = (name: string): bigint => registers.get(name) ?? 0n;
  const same = ["RIP", "RSP"].every((name) => value(name) === first.registers.get(name));
  if (vector !== PF || !same) return false;
  const [cr2, idt, rsp] = [value("CR2"), value("IDT"), value("RSP")];
  return (cr2 >= idt && cr2 <= idt + value("IDT limit")) ||
    (cr2 < rsp && cr2 >= rsp - FRAME_REACH && first.vector !== PF);
}
