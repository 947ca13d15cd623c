/** Reports on guests whose logs QEMU wrote: tests/fixtures/qemu-logs, by capture.ts. What each guest does is in guests.ts. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { paintFor } from "../../../cli/output/paint.ts";
import { terminalPage } from "../../../cli/output/page.ts";
import { explainGuest, type FileReaders } from "../../../cli/qemu/explain_guest.ts";
import { exceptionLog } from "../../../cli/qemu/exception_log.ts";
import { parseRegisters } from "../../../cli/qemu/registers.ts";
import { type End, type Ending, runReport, statusOf } from "../../../cli/qemu/run_report.ts";
import type { Registers } from "../../../explain/fault/registers.ts";
import { bootableGuest, type GuestName, GUESTS } from "./guests.ts";

const FIXTURES = new URL("../../fixtures/qemu-logs/", import.meta.url);
const DIED: End = { kind: "stopped", reason: "guest-reset" };
const LATE: End = { kind: "timeout", seconds: 1.5 };
const WIDE = paintFor(false, terminalPage(400));

/** The report on a guest, and what the exit status is. */
async function reportOn(name: GuestName, end: End, paint = WIDE): Promise<string> {
  const log = exceptionLog();
  const text = await Deno.readTextFile(new URL(`${name}.log`, FIXTURES));
  for (const char of text.match(/[\s\S]{1,100}/g) ?? []) log.write(char); // it arrives in pieces
  const printed = await Deno.readTextFile(new URL(`${name}.registers`, FIXTURES)).catch(() => undefined);
  const registers = printed === undefined ? undefined : parseRegisters(printed);
  return reportOf(name, { end, ...(registers ? { registers } : {}), log }, paint);
}

/** A file of which nothing is known but what was loaded. */
const NO_FILE: FileReaders = {
  names: () => Promise.resolve(undefined),
  recognize: () => Promise.resolve({ protocols: [] }),
  disassembler: () => Promise.resolve(undefined),
};

async function reportOf(name: GuestName, ending: Ending & { readonly registers?: Registers }, paint = WIDE) {
  const { end, log } = ending;
  const stopped = end.kind === "ended" ? undefined : { ...ending, end };
  const explanation = stopped && await explainGuest(await bootableGuest(name), stopped, NO_FILE);
  return runReport({ end, log, ...(explanation ? { explanation } : {}) }, paint);
}

const TEXT_HEADER = "program header 0 (LOAD R-X 0xffffffff80000000..0xffffffff8000000d)";
const NO_IDT = "no IDT was loaded: its base is 0, which is not mapped";
const FIRST_IDTR = "no IDT was loaded: IDTR still has base 0 and limit 0x3ff";

/** The first line, and the facts by their labels. */
interface Expected {
  readonly end?: End;
  readonly head: string;
  readonly facts: Readonly<Record<string, string | RegExp>>;
}

const triple = (what: string): string => `run[guest-reset]: The guest triple-faulted after ${what}.`;
const PAGE_FAULT = triple("a page fault (#PF)");

const EXPECTED: Readonly<Record<GuestName, Expected>> = {
  "write-text": {
    head: PAGE_FAULT,
    facts: {
      instruction: `at 0xffffffff8000000a, in ${TEXT_HEADER}`,
      access: `write to 0xffffffff80000000, in ${TEXT_HEADER}`,
      page: "the page is mapped, but not writable",
      cause: "program header 0 does not set PF_W",
      "no handler": NO_IDT,
    },
  },
  // readelf: the segment has PF_W; it is the RELRO header that takes it away.
  "write-relro": {
    head: PAGE_FAULT,
    facts: {
      access: "write to 0xffffffff80001000, in program header 1 (LOAD RW- 0xffffffff80001000..0xffffffff80001010)",
      page: "the page is mapped, but not writable",
      cause:
        "program header 2 (GNU_RELRO R-- 0xffffffff80001000..0xffffffff80001010) made it read-only after relocation",
    },
  },
  "execute-data": {
    head: PAGE_FAULT,
    facts: {
      instruction: /^at 0xffffffff80001000, in program header 1 \(LOAD RW-/,
      access: "instruction fetch",
      page: "the page is mapped, but not executable",
      cause: "program header 1 does not set PF_X",
    },
  },
  "read-unmapped": {
    head: PAGE_FAULT,
    facts: {
      access: /^read from 0xffffffff80002008, in no segment, 0xff8 bytes after the end of program header 1 \(LOAD RW-/,
      page: "the page is not mapped: the walk ends at level 1",
    },
  },
  "jump-unmapped": {
    head: PAGE_FAULT,
    facts: {
      instruction: /^at 0xffffffff90000000, in no segment/,
      access: "instruction fetch",
      cause: "rax is 0xffffffff90000000, where the processor went",
      page: "the page is not mapped: the walk ends at level 2",
    },
  },
  "read-not-canonical": {
    head: triple("a general protection exception (#GP)"),
    facts: {
      cause: "RAX (0x1234567890abcdef) is not a canonical address, and the instruction could not be read",
    },
  },
  "jump-not-canonical": {
    head: triple("a general protection exception (#GP)"),
    facts: {
      instruction: "at 0x1234567890abcdef, which is not canonical",
      cause: "a jump to the non-canonical address 0x1234567890abcdef",
    },
  },
  "invalid-opcode": {
    head: triple("an invalid opcode (#UD)"),
    facts: {
      cause: "ud2 (0f 0b) always raises #UD: compilers put it where execution must not get to",
      "no handler": NO_IDT,
    },
  },
  "divide-by-zero": {
    head: triple("a divide error (#DE)"),
    facts: { instruction: /^at 0xffffffff80000002,/, "no handler": NO_IDT },
  },
  "stack-overflow": {
    head: PAGE_FAULT,
    facts: {
      access:
        "write to 0xffff900000000ff8, in the guard page below the kernel's stack (0xffff900000001000..0xffff900000005000)",
      cause: "RSP is 0xffff900000001000: the stack of 16 KiB overflowed",
      hint: "If the kernel needs a larger stack, use --stack-size 32K.",
      page: "the page is not mapped: the walk ends at level 1",
    },
  },
  "software-interrupt": {
    head: triple("a general protection exception (#GP)"),
    facts: { cause: "entry 128 of the IDT cannot be used", "no handler": NO_IDT },
  },
  // The limit is 6 * 16 - 1: #UD, which is vector 6, has no entry.
  "short-idt": {
    head: triple("an invalid opcode (#UD)"),
    facts: {
      "no handler": "the IDT at 0xffffffff80001000 ends before entry 6 (its limit is 0x5f)",
    },
  },
  "idt-without-gate": {
    head: triple("an invalid opcode (#UD)"),
    facts: {
      "no handler": "the processor could not enter a handler through entry 6 of the IDT at 0xffffffff80001000",
    },
  },
  "double-fault": {
    end: LATE,
    head: "run[timeout]: The guest did not finish within 1.5 s.",
    facts: {
      state: "running",
      instruction: /^at 0xffffffff8000000f, in program header 0/,
      "last exception": "an invalid opcode (#UD), which became a double fault (#DF)",
      "  instruction": /^at 0xffffffff8000000d, in program header 0/,
    },
  },
  "faulting-handler": {
    head: PAGE_FAULT,
    facts: {
      access: /^write to 0xffffffff90000000, in no segment/,
      page: "the page is not mapped: the walk ends at level 2",
      "no handler":
        "RSP is 0xffff900000001000: the stack overflowed; the 48 bytes that the processor pushes reach to 0xffff900000000fd0, in the guard page below the kernel's stack (0xffff900000001000..0xffff900000005000)",
    },
  },
  // 200,000 bytes below the top of the stack, which has 16,384, and the 8 bytes that the kernel is entered with.
  "large-frame": {
    head: PAGE_FAULT,
    facts: {
      access:
        "write to 0xffff8ffffffd42b8, in no segment, 0x2cd48 bytes below the kernel's stack (0xffff900000001000..0xffff900000005000)",
      cause: "RSP is 0xffff8ffffffd42b8: the stack of 16 KiB overflowed",
      // 200,008 bytes below the top: 256 KiB are the first power of two that holds them.
      hint: "If the kernel needs a larger stack, use --stack-size 256K.",
      page: /^the page is not mapped/,
    },
  },
  "mapped-zero": {
    head: triple("an invalid opcode (#UD)"),
    facts: { cause: /^ud2 \(0f 0b\) /, "no handler": FIRST_IDTR },
  },
  "return": {
    head: PAGE_FAULT,
    facts: {
      instruction: /^at 0x0, in no segment/,
      access: "instruction fetch",
      cause: "RSP is 0xffff900000005000, the top of the kernel's stack: the entry function returned",
      page: /^the page is not mapped/,
    },
  },
  "syscall": {
    head: triple("an invalid opcode (#UD)"),
    facts: {
      cause: "syscall (0f 05) is not enabled: EFER.SCE is not set",
      "no handler": NO_IDT,
    },
  },
  "breakpoint": {
    head: triple("a breakpoint (#BP), raised by an INT 3 instruction"),
    facts: { cause: /^int3 is a breakpoint/, "no handler": NO_IDT },
  },
  "device-interrupt": {
    head: triple("interrupt 8 from a device (IRQ 0, the timer, by the firmware's vectors)"),
    facts: { "no handler": NO_IDT },
  },
  "reset": { head: "run[guest-reset]: The guest reset the machine.", facts: {} },
  "loop": {
    end: LATE,
    head: "run[timeout]: The guest did not finish within 1.5 s.",
    facts: { state: "running", instruction: /^at 0xffffffff80000000, in program header 0/ },
  },
  "halt": {
    end: LATE,
    head: "run[timeout]: The guest did not finish within 1.5 s.",
    facts: {
      state: "halted for good: interrupts are disabled",
      instruction: /^at 0xffffffff80000002, in program header 0/,
    },
  },
  "own-tables": {
    head: PAGE_FAULT,
    facts: {
      page: "the page is mapped, but does not permit the write",
      "page tables": "the guest's own (CR3 is 0x600000), not those it was started with",
      "no handler": FIRST_IDTR,
    },
  },
  "unmap-data": {
    head: PAGE_FAULT,
    facts: {
      access: /^read from 0xffffffff80001000, in program header 1/,
      page: "the page is no longer mapped",
      cause: "the page tables mapped the page when the kernel was entered; the guest has changed them since",
    },
  },
};

for (const name of Object.keys(GUESTS) as GuestName[]) {
  const { end = DIED, head, facts } = EXPECTED[name];
  Deno.test(`the report on a guest: ${name}`, async () => {
    const [first, ...lines] = (await reportOn(name, end)).split("\n\n")[0].trimEnd().split("\n");
    assertEquals(first, head);
    const found = Object.fromEntries(lines.map((line) => {
      const [, label, text] = /^ {2}( {0,2}\S+(?: \S+)*) {2,}(.*)$/.exec(line) ?? [];
      return [label, text];
    }));
    for (const [label, expected] of Object.entries(facts)) {
      if (typeof expected === "string") assertEquals(found[label], expected, label);
      else assertMatch(found[label] ?? "", expected, label);
    }
    assertEquals("cause" in found, "cause" in facts || name === "idt-without-gate" || name === "short-idt", "cause");
  });
}

Deno.test("the registers of a report are those at the exception, not those after the reset", async () => {
  const report = await reportOn("write-text", DIED);
  assertMatch(report, /RIP {2}ffffffff8000000a .*CR2 {2}ffffffff80000000 {2}CR3 {2}0000000000200000/);
  assertMatch(report, /RAX {2}ffffffff80000000/);
});

for (const [columns, registers] of [[100, 4], [92, 4], [91, 2], [80, 2], [60, 2], [46, 2], [45, 1], [40, 1]]) {
  Deno.test(`the report is as wide as a terminal of ${columns} columns`, async () => {
    const report = await reportOn("device-interrupt", DIED, paintFor(false, terminalPage(columns)));
    const [facts, table] = report.split("\n\nRegisters\n");
    assertMatch(
      facts.replaceAll(/\s+/g, " "),
      /^run\[guest-reset\]: The guest triple-faulted after .*\. instruction /,
    );
    for (const line of [...facts.split("\n"), ...table.split("\n")]) {
      // A word is not broken, such as the two addresses of a range.
      assert(line.length <= columns || !line.trim().includes(" ") || /^ {2}\S+ +\S+$/.test(line), line);
    }
    const rows = table.trimEnd().split("\n").map((line) => line.match(/[0-9a-f]{16}\b/g)?.length ?? 0);
    assertEquals([Math.max(...rows), rows.reduce((sum, count) => sum + count)], [registers, 27]);
  });
}

Deno.test("the report is folded in a file, too", async () => {
  const report = await reportOn("device-interrupt", DIED, paintFor(false));
  assertMatch(report, /^run\[guest-reset\]: .*, the timer, by\n {2}the firmware's vectors\)\.\n/);
  assertMatch(report, /^ {2}RAX {2}[0-9a-f]{16} {2}RBX {2}[0-9a-f]{16} {2}RCX {2}[0-9a-f]{16} {2}RDX /m);
});

Deno.test("a status follows from how a guest ended", () => {
  assertEquals(statusOf({ kind: "ended", status: 33 }), 0);
  assertEquals(statusOf({ kind: "ended", status: 65 }), 65);
  assertEquals(statusOf({ kind: "ended", status: 0 }), 1);
  assertEquals(statusOf({ kind: "stopped", reason: "guest-reset" }), 3);
  assertEquals(statusOf({ kind: "stopped", reason: "guest-panic" }), 3);
  assertEquals(statusOf({ kind: "stopped", reason: "guest-shutdown" }), 1);
  assertEquals(statusOf(LATE), 124);
});

/** How QEMU ended, what it said, and what is reported. */
const ENDS: readonly (readonly [End, string, RegExp])[] = [
  [{ kind: "ended", status: 33 }, "", /^$/],
  [
    { kind: "ended", status: 65 },
    "",
    /^run\[ended\]: QEMU exited with status 65: the guest wrote 0x20 to port 0xf4 \(0x10 means success\)\.\n$/,
  ],
  [
    { kind: "ended", status: 137 },
    "",
    /the guest wrote 0x44 to port 0xf4 \(0x10 means success\), or it was killed by signal 9/,
  ],
  [{ kind: "ended", status: 134 }, "", /QEMU exited with status 134: it was killed by signal 6\./],
  [{ kind: "ended", status: 0 }, "", /^run\[ended\]: QEMU exited with status 0\.\n$/],
  [
    { kind: "ended", status: 1 },
    "qemu-system-x86_64: -nonsense: invalid option\n",
    /^run\[ended\]: QEMU exited with status 1\.\n {2}qemu-system-x86_64: -nonsense: invalid option\n$/,
  ],
  [{ kind: "stopped", reason: "guest-shutdown" }, "", /powered off without writing 0x10 to port 0xf4/],
  [{ kind: "stopped", reason: "guest-panic" }, "", /^run\[guest-panic\]: The guest reported a panic\./],
  [LATE, "", /did not finish within 1\.5 s\.\n {2}state {2}QEMU did not answer\n$/],
];

for (const [end, said, expected] of ENDS) {
  Deno.test(`the report on an end: ${JSON.stringify(end)}`, async () => {
    const log = exceptionLog();
    log.write(said);
    assertMatch(await reportOf("loop", { end, log }), expected);
  });
}
