/**
 * What the codes in reports of `kload run` mean: how a guest ended, and the causes of faults.
 *
 * @module
 */

import type { CauseCode } from "../../explain/fault/cause.ts";

/** What a code means, and what to do about it. */
export interface RunCode {
  /** What happened, in a sentence. */
  readonly about: string;
  /** What to do about it. */
  readonly hint?: string;
}

/** How a guest can end: those of QMP, and kload's own. */
export const RUN_ENDS: Readonly<Record<string, RunCode>> = {
  "guest-reset": {
    about: "The guest triple-faulted, or reset the machine.",
    hint: "After a triple fault, the report has the exception, and why no handler ran for it.",
  },
  "guest-shutdown": {
    about: "The guest powered off without a verdict.",
    hint: "A kernel reports success by writing 0x10 to port 0xf4.",
  },
  "guest-panic": { about: "The guest reported a panic to QEMU (pvpanic)." },
  "guest-panicked": { about: "The guest reported a panic to QEMU (pvpanic), and is paused." },
  "halted": {
    about: "Every processor executed `hlt` with interrupts disabled, so nothing can wake one.",
    hint: "A kernel that is done writes 0x10 to port 0xf4; one that waits for interrupts executes `sti` before `hlt`.",
  },
  "timeout": {
    about: "The guest was still running when its time was over.",
    hint: "Give it more with --timeout, or read in the report what it was doing.",
  },
  "ended": {
    about: "QEMU ended by itself: the guest wrote a number other than 0x10 to port 0xf4, or QEMU failed.",
    hint: "The report has the number, or QEMU's message.",
  },
  "internal-error": { about: "QEMU stopped the guest because of an error of its own." },
  "io-error": { about: "QEMU stopped the guest because a disk could not be read or written." },
  "watchdog": { about: "A watchdog stopped the guest." },
  "host-signal": { about: "A signal ended QEMU." },
  "host-qmp-quit": { about: "QEMU's monitor was told to quit." },
  "host-ui": { about: "QEMU's window was closed." },
};

const STACK_HINT = "If the kernel needs that much stack, enlarge it with --stack-size.";
const HANDLER_HINT = "Fill the IDT before anything can raise an exception, and load it with `lidt`.";

/** The causes of faults, in the order of `CAUSE_CODES`. docs/json.md has the same codes. */
export const RUN_CAUSES: Readonly<Record<CauseCode, RunCode>> = {
  "relro-sealed": {
    about: "A write to a page that a `PT_GNU_RELRO` header made read-only.",
    hint: "Link the kernel with -z norelro, or load it without the plugin relro (--no-plugin relro).",
  },
  "header-not-writable": {
    about: "A write to a page whose program header does not set `PF_W`.",
    hint: "Put what is written into a section of a writable segment, such as .data.",
  },
  "header-not-executable": {
    about: "A fetch from a page whose program header does not set `PF_X`.",
    hint: "Code belongs in a section of an executable segment, such as .text.",
  },
  "tables-changed": { about: "An access that the page tables allowed when the kernel was entered, and no longer did." },
  "null-pointer": { about: "An access or a call through a register or word that is 0." },
  "limine-unanswered": {
    about: "A null response pointer of a kernel that makes requests of Limine, which kload does not answer.",
    hint: "Check the pointer before it is used, or boot the kernel with Limine.",
  },
  "vga-memory": {
    about: "An access to the VGA text buffer by its physical address, which is not mapped.",
    hint: "Run the kernel with --identity, or use --physical-memory and the offset in the boot information.",
  },
  "physical-address": {
    about: "An access to memory or a device by its physical address, which is not mapped.",
    hint: "Run the kernel with --identity, or use --physical-memory and the offset in the boot information.",
  },
  "stack-overflow": {
    about: "An access below the stack, with RSP there too, or a frame of a handler that reaches there.",
    hint: STACK_HINT,
  },
  "stack-overrun": {
    about: "An access past the top of the kernel's stack, as by an array on it that is too short for what is written.",
  },
  "stack-pointer": {
    about: "A push or pop where no stack is mapped.",
    hint: "Set RSP to the top of a mapped stack first.",
  },
  "entry-returned": {
    about: "A return of the entry function, which nothing called.",
    hint: "End it with a loop around `hlt`, or by writing 0x10 to port 0xf4.",
  },
  "not-canonical": { about: "An operand or a jump with an address that is not canonical." },
  "wild-jump": { about: "A fetch where nothing can be executed, and where the processor came from." },
  "entry-is-physical": {
    about: "An entry point in the `p_paddr` range of a segment, and unmapped: kload maps kernels by `p_vaddr`.",
    hint: "Let the entry point be a virtual address (`ENTRY` in the linker script).",
  },
  "entry-not-mapped": { about: "An entry point where nothing is mapped." },
  "entry-not-reached": { about: "An end before 64-bit mode, on the context-switch page." },
  "code-for-32-bit": {
    about: "Bytes that are another instruction in the 32-bit mode in which the kernel's protocol enters it.",
    hint: "Boot it with a loader of that protocol: kload check says which.",
  },
  "protocol-not-followed": {
    about: "A kernel for a boot protocol that kload does not follow.",
    hint: "kload check says which loaders will boot it.",
  },
  "user-program": { about: "A file that names a dynamic linker or an operating system." },
  "zero-filled-code": { about: "Zeros that were executed: 00 00 is the instruction `add [rax], al`." },
  "undefined-on-purpose": { about: "`ud2`, which compilers put where execution must not get to." },
  "breakpoint": { about: "`int3`, which is for a debugger or a handler to take." },
  "invalid-opcode": { about: "Bytes that are not a valid instruction in 64-bit mode." },
  "syscall-disabled": { about: "`syscall` without EFER.SCE.", hint: "Set EFER.SCE first." },
  "sse-disabled": {
    about: "An SSE instruction without CR4.OSFXSR, or with CR0.EM.",
    hint: "Set CR4.OSFXSR and clear CR0.EM first, or compile the kernel without SSE (-mgeneral-regs-only).",
  },
  "avx-disabled": {
    about: "An AVX instruction without CR4.OSXSAVE.",
    hint: "Set CR4.OSXSAVE and enable AVX in XCR0 first, or compile the kernel without AVX (-mno-avx).",
  },
  "fpu-disabled": { about: "An x87, MMX or SSE instruction with CR0.EM or CR0.TS.", hint: "Clear the bit first." },
  "feature-disabled": {
    about: "An instruction that needs a bit of CR4 or EFER that is not set, such as `xgetbv` without CR4.OSXSAVE.",
    hint: "Set the bit first.",
  },
  "misaligned-operand": {
    about: "An operand that its instruction needs aligned.",
    hint: "Align the data, and the stack to 16 bytes at every call.",
  },
  "divide-by-zero": { about: "A division by 0." },
  "quotient-too-large": { about: "A quotient that does not fit in its register." },
  "control-register-value": {
    about: "A value that CR0, CR3 or CR4 cannot hold. QEMU may stay at the instruction without an exception.",
    hint: "CR3 takes the physical address of the level-4 table; CR4 must keep its PAE bit.",
  },
  "not-permitted": { about: "An instruction that is only for privilege level 0, in user mode." },
  "selector-beyond-limit": { about: "A selector beyond the limit of the GDT." },
  "descriptor-empty": { about: "A selector of an empty entry of the GDT." },
  "descriptor-not-present": { about: "A selector of a segment that is not present." },
  "descriptor-unusable": { about: "A selector of a descriptor that cannot be used in this way." },
  "no-descriptor-table": { about: "No IDT was loaded.", hint: HANDLER_HINT },
  "descriptor-table-too-short": {
    about: "The IDT ends before the entry.",
    hint: "Its limit is its size less 1: 0xfff for all 256 entries.",
  },
  "descriptor-table-not-mapped": {
    about: "The IDT is not mapped at the address that was loaded.",
    hint: "`lidt` takes a virtual address.",
  },
  "gate-unusable": {
    about: "An entry of the IDT with a type, selector or address that the processor refuses.",
    hint: "It needs type 0xe or 0xf, and the selector of a 64-bit code segment.",
  },
  "gate-not-present": { about: "The entry of the IDT is empty or not present.", hint: HANDLER_HINT },
  "handler-raises-it": { about: "An exception that came up in its own handler." },
  "no-handler": { about: "No handler could be entered, for example because nothing is mapped below RSP." },
  "return-frame": {
    about: "An `iretq` with the error code still on the stack.",
    hint: "A handler of an exception with an error code must add 8 to RSP before `iretq`.",
  },
  "halted-for-good": { about: "`hlt` with interrupts disabled." },
};
