/** The state of the processor; context_switch_test.ts compares it with what QEMU has at the entry point. */

import { assertEquals, assertThrows } from "@std/assert";
import { writeBootInfo } from "../../boot/boot_info.ts";
import { addContextSwitch } from "../../boot/context_switch.ts";
import { cpuState } from "../../boot/cpu_state.ts";
import { addKernelStack } from "../../boot/kernel_stack.ts";
import { loadKernel } from "../../mod.ts";
import { buildElf } from "../elf_builder.ts";

const FILE = buildElf({ segments: [{ p_vaddr: 0x40_0000n, filesz: 0x1800 }], header: { e_entry: 0x40_0010n } });

// What a processor has in 64-bit mode with paging, write protection, no-execute and SSE (Intel SDM vol. 3, chapter 2).
const MODE = { cr0: 0x8001_0033n, cr4: 0x620n, efer: 0xd00n, cs: 0x08, ds: 0x10 };

Deno.test("of a kernel alone the mode, the tables and the entry point are known", async () => {
  const kernel = await loadKernel(FILE);
  assertEquals(cpuState(kernel), {
    ...MODE,
    cr3: BigInt(kernel.level4Frame),
    rip: 0x40_0010n,
    rsp: 0n,
    rdi: 0n,
    gdt: { base: 0n, limit: 0 },
  });
});

Deno.test("stack, boot information and descriptors are those that were added", async () => {
  const kernel = await loadKernel(FILE);
  const stack = addKernelStack(kernel);
  const info = writeBootInfo(kernel, { stack });
  const entry = addContextSwitch(kernel, { stack, info });
  assertEquals(cpuState(kernel, { stack, info, entry }), {
    ...MODE,
    cr3: BigInt(kernel.level4Frame),
    rip: 0x40_0010n,
    rsp: stack.top - 8n,
    rdi: info.address,
    gdt: { base: BigInt(entry.page), limit: 23 },
  });
});

Deno.test("the stack pointer is 8 below a multiple of 16, and has a zero to return to", async () => {
  const kernel = await loadKernel(FILE);
  const { rsp } = cpuState(kernel, { stack: addKernelStack(kernel, { size: 5000 }) });
  assertEquals(rsp % 16n, 8n);
  assertEquals(kernel.read(rsp, 8), new Uint8Array(8));
});

Deno.test("what was not added is refused", async () => {
  const kernel = await loadKernel(FILE);
  assertThrows(() => cpuState(kernel, { stack: 0x1000n as never }), TypeError, "pass what addKernelStack() returns");
  assertThrows(() => cpuState(kernel, { info: {} as never }), TypeError, "pass what writeBootInfo() returns");
  assertThrows(() => cpuState(kernel, { entry: [] as never }), TypeError, "pass what addContextSwitch() returns");
  assertThrows(() => cpuState(kernel, { bootInfo: 0 } as never), TypeError, 'the option "bootInfo"');
});
