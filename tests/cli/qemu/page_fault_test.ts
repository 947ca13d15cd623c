import { assertEquals, assertMatch } from "@std/assert";
import { addFramebuffer } from "../../../boot/framebuffer.ts";
import { addIdentityMap } from "../../../boot/identity_map.ts";
import { addRamdisk } from "../../../boot/ramdisk.ts";
import { describeAddress } from "../../../cli/qemu/describe_address.ts";
import type { Exception } from "../../../cli/qemu/exception_log.ts";
import { explainMissingHandler } from "../../../cli/qemu/explain_missing_handler.ts";
import { explainPageFault } from "../../../cli/qemu/explain_page_fault.ts";
import type { Bootable } from "../../../cli/report/bootable.ts";
import { loadKernel } from "../../../mod.ts";
import { buildElf, type SegmentSpec } from "../../elf_builder.ts";
import { bootableGuest, DATA, DIRECT_MAP, STACK, TEXT } from "./guests.ts";

const OTHER_CR3 = 0x60_0000n;

/** What is said to be the cause of an access. */
function causeOf(
  error: number,
  address: bigint,
  bootable: Bootable,
  cr3 = BigInt(bootable.kernel.level4Frame),
): string {
  const registers = new Map([["CR2", address], ["CR3", cr3]]);
  return new Map(explainPageFault(error, registers, bootable)).get("cause") ?? "";
}

const CHANGED = "the guest has changed its page tables";

// Intel SDM vol. 3, "Page-Fault Error Code": 1 present, 2 write, 4 user, 8 reserved, 16 fetch, 32 protection key.
const CAUSES: readonly (readonly [error: number, address: bigint, ours: string, others: string])[] = [
  [0, 0x1234n, "the page is not mapped: the walk ends at level 2", "the page is not mapped"],
  [0, TEXT, `the page is no longer mapped: ${CHANGED}`, "the page is not mapped"],
  [
    1,
    0x1234n,
    `the page is mapped, but does not permit the read: ${CHANGED}`,
    "the page is mapped, but does not permit the read",
  ],
  [
    3,
    TEXT,
    "the page is mapped, but not writable: program header 0 does not set PF_W",
    "the page is mapped, but does not permit the write",
  ],
  [
    3,
    DATA,
    `the page is mapped, but does not permit the write: ${CHANGED}`,
    "the page is mapped, but does not permit the write",
  ],
  [
    0x11,
    DATA,
    "the page is mapped, but not executable: program header 1 does not set PF_X",
    "the page is mapped, but does not permit the fetch",
  ],
  [
    0x11,
    TEXT,
    `the page is mapped, but does not permit the fetch: ${CHANGED}`,
    "the page is mapped, but does not permit the fetch",
  ],
  [0x11, STACK, "the page is mapped, but not executable", "the page is mapped, but does not permit the fetch"],
  [
    5,
    DATA,
    "the page is mapped, but not for user mode",
    "the page is mapped, but does not permit the read in user mode",
  ],
  [
    9,
    DATA,
    "a page-table entry in the walk has reserved bits set",
    "a page-table entry in the walk has reserved bits set",
  ],
  [
    0x21,
    DATA,
    "the page is mapped, but its protection key forbids the access",
    "the page is mapped, but its protection key forbids the access",
  ],
];

for (const [error, address, ours, others] of CAUSES) {
  Deno.test(`a page fault with error code ${error} at 0x${address.toString(16)} has its cause`, async () => {
    const bootable = await bootableGuest("execute-data");
    assertEquals(causeOf(error, address, bootable), ours);
    assertEquals(causeOf(error, address, bootable, OTHER_CR3), others);
  });
}

Deno.test("a read-only page of a writable segment is not blamed on RELRO without the plugin, nor on the header", async () => {
  const bootable = await bootableGuest("write-relro");
  const { kernel } = bootable;
  const without: Bootable = { ...bootable, kernel: { ...kernel, results: {} } };
  assertEquals(causeOf(3, DATA, without), "the page is mapped, but not writable");
  kernel.pageTable.updateFlags(TEXT, 1n | 1n << 1n);
  assertEquals(causeOf(3, TEXT, bootable), `the page is mapped, but does not permit the write: ${CHANGED}`);
});

Deno.test("the guard page is called overflown only if RSP is there", async () => {
  const bootable = await bootableGuest("loop");
  const access = (rsp: bigint): string => {
    const registers = new Map([["CR2", STACK - 8n], ["RSP", rsp], ["CR3", BigInt(bootable.kernel.level4Frame)]]);
    return new Map(explainPageFault(2, registers, bootable)).get("access") ?? "";
  };
  const where = "write to 0xffff900000000ff8, in the guard page below the kernel's stack " +
    "(0xffff900000001000..0xffff900000005000)";
  assertEquals(access(STACK), `${where}; RSP is 0xffff900000001000: the stack overflowed`);
  assertEquals(access(STACK - 0x100n), `${where}; RSP is 0xffff900000000f00: the stack overflowed`);
  assertEquals(access(STACK + 0x100n), where);
});

Deno.test("the entry function is said to have returned only if RIP and RSP are what RET leaves", async () => {
  const bootable = await bootableGuest("loop");
  const { top } = bootable.stack;
  const access = (error: number, rip: bigint, rsp: bigint): string => {
    const registers = new Map([["RIP", rip], ["RSP", rsp], ["CR2", rip], ["CR3", BigInt(bootable.kernel.level4Frame)]]);
    return new Map(explainPageFault(error, registers, bootable)).get("access") ?? "";
  };
  const expected =
    "instruction fetch; RSP is 0xffff900000005000, the top of the kernel's stack: the entry function returned";
  assertEquals(access(16, 0n, top), expected);
  assertEquals(access(16, 0n, top - 8n), "instruction fetch");
  assertEquals(access(16, 8n, top), "instruction fetch");
  assertEquals(access(0, 0n, top), "read from 0x0, in no segment");
});

const FULL = "the stack overflowed; the 48 bytes that the processor pushes reach to 0xffff900000000fe0, in the guard " +
  "page below the kernel's stack (0xffff900000001000..0xffff900000005000)";
const OTHER =
  "the 48 bytes that the processor pushes reach to 0xffff900000000fe0, in the guard page below the kernel's " +
  "stack (0xffff900000001000..0xffff900000005000), unless entry 14 of the interrupt descriptor table names another stack";
const NO_ENTRY = "the processor could not enter a handler through entry 14 of the interrupt descriptor table at " +
  "0xffffffff80001000";

const PUSHES: readonly (readonly [what: string, offset: bigint, tr: bigint, cs: bigint, expected: string])[] = [
  ["a frame and an error code do not fit", 0x10n, 0n, 8n, `RSP is 0xffff900000001010: ${FULL}`],
  ["the stack is aligned first", 0x18n, 0n, 8n, `RSP is 0xffff900000001018: ${FULL}`],
  ["they fit", 0x30n, 0n, 8n, NO_ENTRY],
  ["there is a TSS", 0x10n, 0x28n, 8n, `RSP is 0xffff900000001010: ${OTHER}`],
  ["user mode has another stack", 0x10n, 0x28n, 0x33n, NO_ENTRY],
];

for (const [what, offset, tr, cs, expected] of PUSHES) {
  Deno.test(`a handler of a page fault near the end of the stack: ${what}`, async () => {
    const bootable = await bootableGuest("idt-without-gate");
    const rest = [["RSP", STACK + offset], ["TR", tr], ["CS", cs], [
      "CR3",
      BigInt(bootable.kernel.level4Frame),
    ]] as const;
    const registers = new Map([["IDT", DATA], ["IDT limit", 0x1ffn], ...rest]);
    const exception: Exception = { vector: 14, error: 2, origin: "processor", registers, doubleFault: true };
    assertEquals(explainMissingHandler(exception, bootable), expected);
  });
}

Deno.test("an interrupt descriptor table at address 0 is believed in if the kernel was loaded with the gate", async () => {
  const gate: SegmentSpec = { p_vaddr: 0n, offset: 0x2000, data: new Uint8Array(0x1000).fill(0x8e), p_flags: 6 };
  const kernel = await loadKernel(buildElf({ segments: [{ filesz: 0x10 }, gate], length: 0x3000 }));
  const bootable: Bootable = { ...await bootableGuest("loop"), kernel };
  const explain = (limit: bigint): string => {
    const registers = new Map([["IDT", 0n], ["IDT limit", limit], ["CR3", BigInt(kernel.level4Frame)]]);
    return explainMissingHandler({ vector: 6, error: 0, origin: "processor", registers, doubleFault: true }, bootable);
  };
  assertMatch(explain(0x3ffn), /^(nothing was mapped below the stack pointer|the processor)/);
  assertMatch(explain(0x1fn), /^the interrupt descriptor table at 0x0 ends before entry 6/);
});

Deno.test("an address is described by what was put there", async () => {
  const { kernel, ...rest } = await bootableGuest("loop");
  const ramdisk = addRamdisk(kernel, { bytes: new Uint8Array(5000) });
  const framebuffer = addFramebuffer(kernel, { phys: 0xfd00_0000, size: 0x3000 });
  const identityMap = addIdentityMap(kernel, { size: 2 ** 20 });
  const bootable: Bootable = { kernel, ...rest, ramdisk, framebuffer, identityMap };
  const stack = "(0xffff900000001000..0xffff900000005000)";
  const cases: readonly (readonly [bigint, string])[] = [
    [STACK, "in the kernel's stack"],
    [STACK + 0x3fffn, "in the kernel's stack"],
    [STACK + 0x4000n, `above the kernel's stack ${stack}`],
    [STACK - 1n, `in the guard page below the kernel's stack ${stack}`],
    [STACK - 0x1001n, `in no segment, 4,097 bytes below the kernel's stack ${stack}`],
    [STACK - 0x10_0000n, `in no segment, 1,048,576 bytes below the kernel's stack ${stack}`],
    [STACK - 0x10_0001n, "in no segment"],
    [rest.info.address + 8n, "in the boot information"],
    [BigInt(rest.entry.entry32), "in the context-switch page"],
    [ramdisk.virt + 4999n, "in the ramdisk"],
    [framebuffer.virt, "in the framebuffer"],
    [DIRECT_MAP + 0x1234n, "in the direct map, at physical 0x1234"],
    [0xb_8000n, "in the identity map"],
    [
      TEXT - 16n,
      "in no segment, 16 bytes below program header 0 (LOAD R-X 0xffffffff80000000..0xffffffff80000002)",
    ],
    [
      TEXT + 2n,
      "in no segment, right after the end of program header 0 (LOAD R-X 0xffffffff80000000..0xffffffff80000002)",
    ],
    [0x4000_0000n, "in no segment"],
    [1n << 47n, "which is not canonical"],
  ];
  for (const [address, expected] of cases) assertEquals(describeAddress(address, bootable), expected);
});

Deno.test("a fault on video memory hints at --identity, unless it was given", async () => {
  const bootable = await bootableGuest("execute-data");
  const hintOf = (address: bigint, error: number, guest: Bootable) => {
    const registers = new Map([["CR2", address], ["CR3", BigInt(guest.kernel.level4Frame)]]);
    return new Map(explainPageFault(error, registers, guest)).get("hint");
  };
  assertMatch(hintOf(0xb_8000n, 2, bootable) ?? "", /^if physical 0xb8000 is meant, run it with --identity/);
  for (const [address, error] of [[0x9_ffffn, 2], [0x10_0000n, 2], [0xb_8000n, 16], [0xb_8000n, 3]] as const) {
    assertEquals(hintOf(address, error, bootable), undefined);
  }
  const identityMap = addIdentityMap(bootable.kernel, { size: 2 ** 20 });
  assertEquals(hintOf(0xb_8000n, 2, { ...bootable, identityMap }), undefined);
});
