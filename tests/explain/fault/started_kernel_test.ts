import { assertEquals, assertMatch } from "@std/assert";
import { addFramebuffer } from "../../../boot/framebuffer.ts";
import { addIdentityMap } from "../../../boot/identity_map.ts";
import { addRamdisk } from "../../../boot/ramdisk.ts";
import { explainFault } from "../../../explain/fault/explain_fault.ts";
import type { FaultExplanation } from "../../../explain/fault/fault_explanation.ts";
import { describeAddress } from "../../../explain/fault/place.ts";
import type { Bootable } from "../../../cli/report/bootable.ts";
import { loadKernel } from "../../../mod.ts";
import { buildElf, type SegmentSpec } from "../../elf_builder.ts";
import { bootableGuest, DATA, DIRECT_MAP, STACK, TEXT } from "../../cli/qemu/guests.ts";

const OTHER_CR3 = 0x60_0000n;

const EFER_LMA = 0x400n;

/** What is said of an exception of which only some registers are known. */
function explain(
  vector: number,
  error: number,
  values: Readonly<Record<string, bigint>>,
  bootable: Bootable,
): FaultExplanation {
  const rest = { EFER: EFER_LMA, CR3: BigInt(bootable.kernel.level4Frame) };
  const registers = new Map(Object.entries({ ...rest, ...values }));
  const exception = { vector, error, origin: "processor", registers, doubleFault: true } as const;
  return explainFault({ end: "triple-fault", exception }, bootable);
}

/** What is said of the page of an access, and then its causes. */
function causeOf(
  error: number,
  address: bigint,
  bootable: Bootable,
  cr3 = BigInt(bootable.kernel.level4Frame),
): string {
  const { page, causes } = explain(14, error, { CR2: address, CR3: cr3, RSP: 8n }, bootable);
  return [page?.message, ...causes.map(({ message }) => message)].join(": ");
}

const CHANGED = "when the kernel was entered; the guest has changed them since";

const PHYSICAL = "the machine has memory at physical 0x1234, which the direct map has at 0xffff920000001234, not at " +
  "its physical address";

// Intel SDM vol. 3, "Page-Fault Error Code": 1 present, 2 write, 4 user, 8 reserved, 16 fetch, 32 protection key.
const CAUSES: readonly (readonly [error: number, address: bigint, ours: string, others: string])[] = [
  [
    0,
    0x1234n,
    `the page is not mapped: the walk ends at level 2: ${PHYSICAL}`,
    `the page is not mapped: ${PHYSICAL}`,
  ],
  [0, TEXT, `the page is no longer mapped: the page tables mapped the page ${CHANGED}`, "the page is not mapped"],
  [
    1,
    0x1234n,
    `the page is mapped, but does not permit the read: the page tables did not map the page ${CHANGED}`,
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
    `the page is mapped, but does not permit the write: the page tables allowed it ${CHANGED}`,
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
    `the page is mapped, but does not permit the fetch: the page tables allowed it ${CHANGED}`,
    "the page is mapped, but does not permit the fetch",
  ],
  [0x11, STACK, "the page is mapped, but not executable", "the page is mapped, but does not permit the fetch"],
  [
    5,
    DATA,
    "the page is mapped, but not USER_ACCESSIBLE",
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
  assertEquals(
    causeOf(3, TEXT, bootable),
    `the page is mapped, but does not permit the write: the page tables allowed it ${CHANGED}`,
  );
});

Deno.test("the stack is said to have overflowed only if RSP is at its end, too", async () => {
  const bootable = await bootableGuest("loop");
  const overflow = (rsp: bigint): string | undefined => {
    const { access, causes } = explain(14, 2, { CR2: STACK - 8n, RSP: rsp }, bootable);
    assertEquals(
      access?.description,
      "in the guard page below the kernel's stack (0xffff900000001000..0xffff900000005000)",
    );
    return causes.find(({ code }) => code === "stack-overflow")?.message;
  };
  assertEquals(overflow(STACK), "RSP is 0xffff900000001000: the stack of 16 KiB overflowed");
  assertEquals(overflow(STACK - 0x100n), "RSP is 0xffff900000000f00: the stack of 16 KiB overflowed");
  assertEquals(overflow(STACK + 0x100n), undefined);
});

Deno.test("the entry function is said to have returned only if RIP and RSP are what RET leaves", async () => {
  const bootable = await bootableGuest("loop");
  const { top } = bootable.stack;
  const returned = (error: number, rip: bigint, rsp: bigint): string | undefined => {
    const { causes } = explain(14, error, { RIP: rip, CR2: rip, RSP: rsp }, bootable);
    return causes.find(({ code }) => code === "entry-returned")?.message;
  };
  const expected = "RSP is 0xffff900000005000, the top of the kernel's stack: the entry function returned";
  assertEquals(returned(16, 0n, top), expected);
  assertEquals(returned(16, 0n, top - 8n), undefined);
  assertEquals(returned(16, 8n, top), undefined);
  assertEquals(returned(0, 0n, top), undefined);
});

const FULL = "the stack overflowed; the 48 bytes that the processor pushes reach to 0xffff900000000fe0, in the guard " +
  "page below the kernel's stack (0xffff900000001000..0xffff900000005000)";
const OTHER =
  "the 48 bytes that the processor pushes reach to 0xffff900000000fe0, in the guard page below the kernel's " +
  "stack (0xffff900000001000..0xffff900000005000), unless entry 14 of the IDT names another stack";
const NO_ENTRY = "the processor could not enter a handler through entry 14 of the IDT at " +
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
    const values = { "IDT": DATA, "IDT limit": 0x1ffn, "RSP": STACK + offset, "TR": tr, "CS": cs };
    assertEquals(explain(14, 2, values, bootable).handler?.message, expected);
  });
}

Deno.test("an IDT at address 0 is believed in if the kernel was loaded with the gate", async () => {
  const gate: SegmentSpec = { p_vaddr: 0n, offset: 0x2000, data: new Uint8Array(0x1000).fill(0x8e), p_flags: 6 };
  const kernel = await loadKernel(buildElf({ segments: [{ filesz: 0x10 }, gate], length: 0x3000 }));
  const bootable: Bootable = { ...await bootableGuest("loop"), kernel };
  const handler = (limit: bigint): string => {
    return explain(6, 0, { "IDT": 0n, "IDT limit": limit }, bootable).handler?.message ?? "";
  };
  assertMatch(handler(0x3ffn), /^(nothing was mapped below the stack pointer|the processor)/);
  assertMatch(handler(0x1fn), /^the IDT at 0x0 ends before entry 6/);
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
    [STACK - 0x1001n, `in no segment, 0x1001 bytes below the kernel's stack ${stack}`],
    [STACK - 0x10_0000n, `in no segment, 0x100000 bytes below the kernel's stack ${stack}`],
    [STACK - 0x10_0001n, "in no segment"],
    [rest.info.address + 8n, "in the boot information"],
    [BigInt(rest.entry.entry32), "in the context-switch page"],
    [ramdisk.virt + 4999n, "in the ramdisk"],
    [framebuffer.virt, "in the framebuffer"],
    [DIRECT_MAP + 0x1234n, "in the direct map, at physical 0x1234"],
    [0xb_8000n, "in the identity map"],
    [
      TEXT - 16n,
      "in no segment, 0x10 bytes below program header 0 (LOAD R-X 0xffffffff80000000..0xffffffff80000002)",
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

Deno.test("a fault on a physical address names what is there, and hints at --identity unless it was given", async () => {
  const bootable = await bootableGuest("execute-data");
  const found = (address: bigint, error: number, guest: Bootable) => {
    const { causes } = explain(14, error, { CR2: address, RSP: 8n }, guest);
    return causes.map(({ code, message, hint }) => [code, message.split(",")[0], hint?.split(", ")[0]]);
  };
  const meant = (address: string) => `To reach physical ${address}`;
  const cases: readonly (readonly [bigint, string, string, string])[] = [
    [0xb_8000n, "vga-memory", "physical 0xb8000 is in the VGA text buffer", "To reach the text buffer"],
    [0xa_0000n, "physical-address", "physical 0xa0000 is in video memory", meant("0xa0000")],
    [
      0xfee0_0020n,
      "physical-address",
      "physical 0xfee00020 is in the registers of the local APIC",
      meant("0xfee00020"),
    ],
    [0x9_ffffn, "physical-address", "the machine has memory at physical 0x9ffff", meant("0x9ffff")],
    [0x7f_fff8n, "physical-address", "the machine has memory at physical 0x7ffff8", meant("0x7ffff8")],
  ];
  for (const [address, ...expected] of cases) assertEquals(found(address, 2, bootable), [expected]);
  const identityMap = addIdentityMap(bootable.kernel, { size: 2 ** 20 });
  assertEquals(found(0xb_8000n, 2, { ...bootable, identityMap }).map(([code]) => code), ["tables-changed"]);
  // Small addresses, those after memory, fetches, and pages that are mapped.
  const other = await bootableGuest("execute-data");
  for (const [address, error] of [[0xff8n, 2], [0x80_0000n, 2], [0xb_8000n, 16], [0xb_8000n, 3]] as const) {
    assertEquals(found(address, error, other).filter(([code]) => code !== "tables-changed"), []);
  }
});
