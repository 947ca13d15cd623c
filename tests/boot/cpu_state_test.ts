/** The state of the processor; tests/plugins/context_switch_test.ts compares it with what QEMU has at the entry point. */

import { assertEquals } from "@std/assert";
import { cpuState } from "../../boot/cpu_state.ts";
import { loadKernel } from "../../mod.ts";
import { bootInfo } from "../../plugins/boot_info.ts";
import { contextSwitch } from "../../plugins/context_switch.ts";
import { kernelStack } from "../../plugins/kernel_stack.ts";
import { buildElf } from "../elf_builder.ts";

const FILE = buildElf({ segments: [{ p_vaddr: 0x40_0000n, filesz: 0x1800 }], header: { e_entry: 0x40_0010n } });

// What a processor has in 64-bit mode with paging, write protection, no-execute and SSE (Intel SDM vol. 3, chapter 2).
const MODE = { cr0: 0x8001_0033n, cr4: 0x620n, efer: 0xd00n, cs: 0x08, ds: 0x10 };

Deno.test("without plugins the mode, the tables and the entry point are known", async () => {
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

Deno.test("stack, boot information and descriptors come from the plugins", async () => {
  const plugins = [kernelStack(), bootInfo(), contextSwitch()] as const;
  const kernel = await loadKernel(FILE, { plugins });
  const { "kernel-stack": stack, "boot-info": info, "context-switch": page } = kernel.results;
  assertEquals(cpuState(kernel), {
    ...MODE,
    cr3: BigInt(kernel.level4Frame),
    rip: 0x40_0010n,
    rsp: stack.kernelStack.top - 8n,
    rdi: info.bootInfo.address,
    gdt: { base: BigInt(page.contextSwitch.page), limit: 23 },
  });
});

Deno.test("the stack pointer is 8 below a multiple of 16, and has a zero to return to", async () => {
  const kernel = await loadKernel(FILE, { plugins: [kernelStack({ size: 5000 })] });
  const { rsp } = cpuState(kernel);
  assertEquals(rsp % 16n, 8n);
  assertEquals(kernel.read(rsp, 8), new Uint8Array(8));
});
