/**
 * The state in which a processor enters a loaded kernel, for emulators and virtual machine monitors.
 *
 * @module
 */

import type { BootInfoAdded } from "../plugins/boot_info.ts";
import type { ContextSwitchAdded } from "../plugins/context_switch.ts";
import { CODE_SELECTOR, CR0, CR4, DATA_SELECTOR } from "../plugins/context_switch/trampoline.ts";
import type { KernelStackAdded } from "../plugins/kernel_stack.ts";

/** Registers at the kernel's first instruction. All others are 0, but for bit 1 of RFLAGS; interrupts are off. */
export interface CpuState {
  /** CR0: PG, WP, NE, ET, MP, PE. */
  readonly cr0: bigint;
  /** CR3: physical address of the level-4 table. */
  readonly cr3: bigint;
  /** CR4: OSXMMEXCPT, OSFXSR, PAE. */
  readonly cr4: bigint;
  /** MSR EFER: NXE, LMA, LME. */
  readonly efer: bigint;
  /** RIP: virtual address of the entry point. */
  readonly rip: bigint;
  /** RSP: 8 bytes below the stack's top, as behind a call; 0 without the plugin kernel-stack. */
  readonly rsp: bigint;
  /** RDI: virtual address of the boot information; 0 without the plugin boot-info. */
  readonly rdi: bigint;
  /** GDTR: address and offset of the last byte; 0 and 0 without the plugin context-switch. */
  readonly gdt: { readonly base: bigint; readonly limit: number };
  /** CS: selector of a 64-bit code segment of ring 0. */
  readonly cs: number;
  /** DS, ES, SS, FS and GS: selector of a writable data segment of ring 0, base 0. */
  readonly ds: number;
}

/** What the state of the processor follows from: a loaded kernel has all of it. */
export interface Enterable {
  /** Physical address of the level-4 table. */
  readonly level4Frame: number;
  /** Virtual address of the entry point. */
  readonly entryPoint: bigint;
  /** What plugins and stages found; kernel-stack, boot-info and context-switch are looked at, where they are there. */
  readonly results: object;
}

interface Found {
  readonly "kernel-stack"?: KernelStackAdded;
  readonly "boot-info"?: BootInfoAdded;
  readonly "context-switch"?: ContextSwitchAdded;
}

// Intel SDM vol. 4, IA32_EFER: LME (bit 8), LMA (10), NXE (11).
const EFER = 0xd00n;

/**
 * Says in which state the processor enters a kernel: the same that the trampoline of the plugin context-switch makes.
 *
 * @example
 * ```ts
 * import { loadKernel } from "@kload/kload";
 * import { cpuState } from "@kload/kload/boot/cpu-state";
 * import { kernelStack } from "@kload/kload/plugins/kernel-stack";
 * import { assertEquals } from "@std/assert";
 *
 * const file = await Deno.readFile("examples/hello/hello.elf");
 * const kernel = await loadKernel(file, { plugins: [kernelStack()] });
 * const { rip, rsp, cr3 } = cpuState(kernel);
 * assertEquals(rip, kernel.entryPoint);
 * assertEquals(rsp, kernel.results["kernel-stack"].kernelStack.top - 8n);
 * assertEquals(cr3, BigInt(kernel.level4Frame));
 * ```
 *
 * @param kernel A kernel that was loaded, with or without the plugins.
 * @returns The registers.
 */
export function cpuState({ level4Frame, entryPoint, results }: Enterable): CpuState {
  const found: Found = results;
  const stack = found["kernel-stack"]?.kernelStack;
  const { gdt, codeSelector, dataSelector } = found["context-switch"]?.contextSwitch ?? NO_PAGE;
  return {
    cr0: CR0,
    cr3: BigInt(level4Frame),
    cr4: CR4,
    efer: EFER,
    rip: entryPoint,
    rsp: stack ? stack.top - 8n : 0n,
    rdi: found["boot-info"]?.bootInfo.address ?? 0n,
    gdt,
    cs: codeSelector,
    ds: dataSelector,
  };
}

const NO_PAGE = { gdt: { base: 0n, limit: 0 }, codeSelector: CODE_SELECTOR, dataSelector: DATA_SELECTOR };
