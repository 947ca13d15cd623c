/** Causes of exceptions that QEMU 7.2 does not raise, or that need more than a small kernel: by registers and code alone. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { disassembler } from "../../../cli/input/disassembler.ts";
import { explainFault } from "../../../explain/fault/explain_fault.ts";
import type { FaultExplanation } from "../../../explain/fault/fault_explanation.ts";
import { loadKernel } from "../../../mod.ts";
import { buildElf } from "../../elf_builder.ts";

const TEXT = 0xffff_ffff_8000_0000n;
const DATA = TEXT + 0x2000n;

interface Fault {
  readonly vector: number;
  readonly error?: number;
  readonly code?: readonly number[];
  readonly registers?: Readonly<Record<string, bigint>>;
  readonly during?: number;
}

/** Explains an exception at the first instruction of a kernel with these bytes of code. */
async function explain({ vector, error = 0, code = [0x90], registers = {}, during }: Fault): Promise<FaultExplanation> {
  const data = new Uint8Array(0x100);
  const segments = [
    { p_vaddr: TEXT, data: Uint8Array.from(code) },
    { p_vaddr: DATA, data, offset: 0x3000, p_flags: 6 },
  ];
  const kernel = await loadKernel(buildElf({ header: { e_entry: TEXT }, segments, length: 0x4000 }));
  const base = { RIP: TEXT, EFER: 0xd00n, CR0: 0x8001_0033n, CR4: 0x620n, CS: 8n, RSP: DATA + 0x80n };
  const values = new Map(Object.entries({ ...base, CR3: BigInt(kernel.level4Frame), ...registers }));
  const rest = { vector, error, origin: "processor", doubleFault: false } as const;
  const exception = { ...rest, registers: values, ...(during === undefined ? {} : { during }) };
  return explainFault({ end: "triple-fault", exception }, { kernel }, { disassembler: await disassembler() });
}

async function causesOf(fault: Fault): Promise<readonly string[]> {
  return (await explain(fault)).causes.map(({ code, message }) => `${code}: ${message}`);
}

const DATA_8 = "0xffffffff80002008";
const aligned = (mnemonic: string, to: number) =>
  `misaligned-operand: ${mnemonic} needs an address that is a multiple of ${to}, and the operand is at ${DATA_8}`;

// The exceptions of each instruction are those of the SDM vol. 2; the encodings are as GNU as makes them.
const CASES: readonly (readonly [what: string, fault: Fault, causes: readonly string[]])[] = [
  ["movaps at an odd address", {
    vector: 13,
    code: [0x0f, 0x28, 0x00], // movaps xmm0, [rax]
    registers: { RAX: DATA + 8n },
  }, [aligned("movaps", 16)]],
  ["addps of memory at an odd address", {
    vector: 13,
    code: [0x0f, 0x58, 0x00], // addps xmm0, [rax]
    registers: { RAX: DATA + 8n },
  }, [aligned("addps", 16)]],
  ["movups may be at any address", {
    vector: 13,
    code: [0x0f, 0x10, 0x00], // movups xmm0, [rax]
    registers: { RAX: DATA + 8n },
  }, []],
  ["movaps at an aligned address", {
    vector: 13,
    code: [0x0f, 0x28, 0x00],
    registers: { RAX: DATA },
  }, []],
  ["vmovaps of 32 bytes", {
    vector: 13,
    code: [0xc5, 0xfc, 0x28, 0x00], // vmovaps ymm0, [rax]
    registers: { RAX: DATA + 8n },
  }, [aligned("vmovaps", 32)]],
  ["vaddps may be at any address", {
    vector: 13,
    code: [0xc5, 0xf4, 0x58, 0x00], // vaddps ymm0, ymm1, [rax]
    registers: { RAX: DATA + 8n },
  }, []],
  ["cmpxchg16b", {
    vector: 13,
    code: [0x48, 0x0f, 0xc7, 0x08], // cmpxchg16b [rax]
    registers: { RAX: DATA + 8n },
  }, [aligned("cmpxchg16b", 16)]],
  ["a push with RSP out of range is a stack fault", {
    vector: 12,
    code: [0x50], // push rax
    registers: { RSP: 0x8000_0000_0000n + 8n },
  }, ["not-canonical: rsp is at 0x800000000000, which is not a canonical address"]],
  ["memory by way of GS", {
    vector: 13,
    code: [0x65, 0x48, 0x8b, 0x04, 0x25, 0x10, 0, 0, 0], // mov rax, gs:[0x10]
    registers: { "GS base": 0x8000_0000_0000n },
  }, ["not-canonical: gs:[0x10] is at 0x800000000010, which is not a canonical address"]],
  ["memory by way of a base that is not known", {
    vector: 13,
    code: [0x65, 0x48, 0x8b, 0x04, 0x25, 0x10, 0, 0, 0],
  }, []],
  ["hlt in user mode", {
    vector: 13,
    code: [0xf4],
    registers: { CS: 0x2bn },
  }, ["not-permitted: hlt requires privilege level 0, and the processor was at level 3"]],
  ["hlt in the kernel", { vector: 13, code: [0xf4] }, []],
  ["a jump to what is no address", {
    vector: 13,
    registers: { RIP: 0x1234_5678_90ab_cdefn },
  }, ["not-canonical: a jump to the non-canonical address 0x1234567890abcdef"]],
  ["SSE with CR0.EM", {
    vector: 6,
    code: [0x0f, 0x58, 0xc1], // addps xmm0, xmm1
    registers: { CR0: 0x8001_0037n },
  }, ["sse-disabled: addps is an SSE instruction, and CR0.EM is set"]],
  ["SSE with nothing against it", {
    vector: 6,
    code: [0x0f, 0x58, 0xc1],
  }, []],
  ["AVX with CR4.OSXSAVE", {
    vector: 6,
    code: [0xc5, 0xfc, 0x58, 0xc1], // vaddps ymm0, ymm0, ymm1
    registers: { CR4: 0x4_0620n },
  }, []],
  ["syscall with EFER.SCE", {
    vector: 6,
    code: [0x0f, 0x05],
    registers: { EFER: 0xd01n },
  }, []],
  ["a 16-bit division", {
    vector: 0,
    code: [0x66, 0xf7, 0xf1], // div cx
    registers: { RCX: 0xffff_0000n },
  }, ["divide-by-zero: the divisor cx is 0"]],
  ["a divide error of another instruction", { vector: 0, code: [0x90] }, []],
  ["CR0 with EM and TS", {
    vector: 7,
    code: [0xd9, 0xe8], // fld1
    registers: { CR0: 0x8001_003fn },
  }, ["fpu-disabled: CR0.TS is set, so x87, MMX and SSE instructions raise #NM"]],
  ["a selector of the LDT", {
    vector: 13,
    error: 0x14,
  }, ["descriptor-unusable: the descriptor of selector 0x14, in the LDT, cannot be used"]],
  ["an entry of the IDT", {
    vector: 13,
    error: 0x102,
  }, ["gate-unusable: entry 32 of the IDT cannot be used"]],
  ["a GDT that cannot be read", {
    vector: 13,
    error: 0x18,
    registers: { "GDT": 0x1234n, "GDT limit": 0xffn },
  }, ["descriptor-unusable: entry 3 of the GDT (selector 0x18) cannot be used; its memory could not be read"]],
  ["a GDT of one entry", {
    vector: 13,
    error: 0x8,
    registers: { "GDT": DATA, "GDT limit": 7n },
  }, [
    "selector-beyond-limit: entry 1 of the GDT (selector 0x8) is beyond its limit (0x7): the GDT at 0xffffffff80002000 " +
    "has entry 0 alone",
  ]],
  ["a descriptor as it was loaded", {
    vector: 13,
    error: 0x8,
    registers: { "GDT": DATA, "GDT limit": 0xfn },
  }, ["descriptor-empty: entry 1 of the GDT (selector 0x8) was empty when the kernel was loaded"]],
  ["an error from outside has no selector", { vector: 13, error: 1 }, []],
];

for (const [what, fault, causes] of CASES) {
  Deno.test(`the cause is found by registers and code: ${what}`, async () => {
    assertEquals(await causesOf(fault), causes);
  });
}

const PAGES: readonly (readonly [what: string, error: number, address: bigint, cr4: bigint, message: string])[] = [
  ["a fetch in user mode from a page of the kernel", 0x15, TEXT, 0n, "the page is mapped, but not USER_ACCESSIBLE"],
  ["a key", 0x21, DATA, 0n, "the page is mapped, but its protection key forbids the access"],
  ["reserved bits", 0x9, DATA, 0n, "a page-table entry in the walk has reserved bits set"],
  ["an address out of range", 0, 0x1234_0000_0000_0000n, 0n, "the address is not canonical"],
];

for (const [what, error, address, cr4, message] of PAGES) {
  Deno.test(`the page of an access has its problem: ${what}`, async () => {
    const { page, access } = await explain({ vector: 14, error, registers: { CR2: address, CR4: cr4 } });
    assertEquals([page?.message, access?.user], [message, (error & 4) !== 0]);
  });
}

Deno.test("SMEP and SMAP are named if the page is for user mode and they are on", async () => {
  const segments = [{ p_vaddr: TEXT, data: Uint8Array.of(0x90) }];
  const kernel = await loadKernel(buildElf({ header: { e_entry: TEXT }, segments }));
  const user = kernel.addressSpace.allocateFrames(1, "kernel-stack");
  kernel.addressSpace.map(0x40_0000n, user, 0x7n, { what: "a page for user mode" });
  const message = (error: number, CR4: bigint) => {
    const registers = new Map(Object.entries({ RIP: TEXT, EFER: 0xd00n, CR2: 0x40_0000n, CR4, RSP: 8n }));
    const exception = { vector: 14, error, origin: "processor", registers, doubleFault: false } as const;
    return explainFault({ end: "triple-fault", exception }, { kernel }).page?.message ?? "";
  };
  assertStringIncludes(message(0x11, 0x10_0000n), "CR4.SMEP keeps the kernel out of it");
  assertStringIncludes(message(0x1, 0x20_0000n), "CR4.SMAP keeps the kernel out of it");
  assertEquals(message(0x1, 0x10_0000n), "the page is mapped, but does not permit the read");
});

Deno.test("what the load reported is repeated only where it is about the same page or segment", async () => {
  const segments = [
    { p_vaddr: TEXT, data: new Uint8Array(0x20).fill(0x90), offset: 0x1000, p_flags: 5 },
    { p_vaddr: TEXT + 0x800n, data: new Uint8Array(0x20), offset: 0x1800, p_flags: 6 },
    { p_vaddr: DATA, data: new Uint8Array(0x20), offset: 0x3000, p_flags: 6 },
  ];
  const kernel = await loadKernel(buildElf({ header: { e_entry: TEXT }, segments, length: 0x4000 }));
  assertEquals(kernel.diagnostics.map(({ code }) => code), ["pages-merged"]);
  const related = (CR2: bigint, RIP = TEXT) => {
    const registers = new Map(Object.entries({ RIP, EFER: 0xd00n, CR2, RSP: 8n }));
    const exception = { vector: 14, error: 0, origin: "processor", registers, doubleFault: false } as const;
    return explainFault({ end: "triple-fault", exception }, { kernel }).diagnostics.map(({ code }) => code);
  };
  assertEquals(related(TEXT + 0x10n), ["pages-merged"]);
  assertEquals(related(0x1234n, TEXT), ["pages-merged"]);
  assertEquals(related(0x1234n, DATA), []);
});

Deno.test("a machine with a framebuffer in memory has no VGA text buffer, so that no flag maps it", async () => {
  const segments = [{ p_vaddr: TEXT, data: Uint8Array.of(0x90) }];
  const kernel = await loadKernel(buildElf({ header: { e_entry: TEXT }, segments }));
  const registers = new Map(Object.entries({ RIP: TEXT, EFER: 0xd00n, CR2: 0xb_8000n, RSP: 8n }));
  const exception = { vector: 14, error: 2, origin: "processor", registers, doubleFault: false } as const;
  const causesIn = (framebuffer?: { readonly virt: bigint; readonly size: number }) => {
    const { causes } = explainFault({ end: "triple-fault", exception }, {
      kernel,
      ...(framebuffer ? { framebuffer } : {}),
    });
    return causes.map(({ code, message, hint }) => [code, message, hint !== undefined]);
  };
  const found = "physical 0xb8000 is in the VGA text buffer";
  assertEquals(causesIn(), [["vga-memory", `${found}, and physical memory is not mapped at its own addresses`, true]]);
  assertEquals(causesIn({ virt: 0x1_0000_0000n, size: 0x1000 }), [
    ["vga-memory", `${found}, which a machine with --framebuffer does not have`, false],
  ]);
});
