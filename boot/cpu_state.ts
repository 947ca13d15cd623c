/**
 * The state in which a processor enters a loaded kernel, for emulators and virtual machine monitors.
 *
 * @module
 */

import type { LoadedKernel } from "../core/loaded_kernel.ts";
import { checkKeys } from "../core/pipeline/settings.ts";
import type { BootInfo } from "./boot_info.ts";
import type { ContextSwitch } from "./context_switch.ts";
import { CODE_SELECTOR, CR0, CR4, DATA_SELECTOR } from "./context_switch/trampoline.ts";
import type { KernelStack } from "./kernel_stack.ts";
import { checkKernel, checkResult } from "./pages/options.ts";

/** Registers at the kernel's first instruction. All others are 0, except bit 1 of RFLAGS; interrupts are off. */
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
  /** RSP: 8 bytes below the stack's top, as after a call; 0 without a stack. */
  readonly rsp: bigint;
  /** RDI: virtual address of the boot information; 0 without it. */
  readonly rdi: bigint;
  /** GDTR: base address, and offset of the last byte; both 0 without the context switch. */
  readonly gdt: { readonly base: bigint; readonly limit: number };
  /** CS: selector of a 64-bit code segment of ring 0. */
  readonly cs: number;
  /** DS, ES, SS, FS and GS: selector of a writable data segment of ring 0, base 0. */
  readonly ds: number;
}

/** What to enter the kernel with. */
export interface CpuStateOptions {
  /** The stack, as `addKernelStack` returned it. */
  readonly stack?: KernelStack;
  /** The boot information, as `writeBootInfo` returned it. */
  readonly info?: BootInfo;
  /** The page that leads into the kernel, as `addContextSwitch` returned it. */
  readonly entry?: ContextSwitch;
}

// Intel SDM vol. 4, IA32_EFER: LME (bit 8), LMA (10), NXE (11).
const EFER = 0xd00n;

/**
 * Returns the state in which the processor enters a kernel: the state that the page of `addContextSwitch` sets up.
 *
 * @example
 * ```ts
 * import { loadKernel } from "@kload/kload";
 * import { writeBootInfo } from "@kload/kload/boot/boot-info";
 * import { addContextSwitch } from "@kload/kload/boot/context-switch";
 * import { cpuState } from "@kload/kload/boot/cpu-state";
 * import { addKernelStack } from "@kload/kload/boot/kernel-stack";
 * import { assertEquals } from "@std/assert";
 *
 * const kernel = await loadKernel(await Deno.readFile("examples/hello/hello.elf"));
 * const stack = addKernelStack(kernel);
 * const info = writeBootInfo(kernel, { stack });
 * const entry = addContextSwitch(kernel, { stack, info });
 * const { rip, rsp, rdi, cr3 } = cpuState(kernel, { stack, info, entry });
 * assertEquals([rip, rsp, rdi], [kernel.entryPoint, stack.top - 8n, info.address]);
 * assertEquals(cr3, BigInt(kernel.level4Frame));
 * ```
 *
 * @param kernel The kernel.
 * @param options Its stack, its boot information, and the page that leads into it.
 * @returns The registers.
 * @throws {TypeError} If an option is unknown or of the wrong kind.
 */
export function cpuState(
  kernel: Pick<LoadedKernel, "level4Frame" | "entryPoint">,
  options: CpuStateOptions = {},
): CpuState {
  checkKernel(kernel, ["level4Frame", "entryPoint"]);
  checkKeys(options, ["stack", "info", "entry"]);
  const { level4Frame, entryPoint } = kernel;
  const { stack, info, entry } = options;
  checkResult("stack", stack, "addKernelStack()");
  checkResult("info", info, "writeBootInfo()");
  checkResult("entry", entry, "addContextSwitch()");
  return {
    cr0: CR0,
    cr3: BigInt(level4Frame),
    cr4: CR4,
    efer: EFER,
    rip: entryPoint,
    rsp: stack ? stack.top - 8n : 0n,
    rdi: info?.address ?? 0n,
    gdt: entry?.gdt ?? { base: 0n, limit: 0 },
    cs: entry?.codeSelector ?? CODE_SELECTOR,
    ds: entry?.dataSelector ?? DATA_SELECTOR,
  };
}
