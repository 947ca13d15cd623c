/**
 * The registers of a processor at one moment.
 *
 * @module
 */

/**
 * Registers by their names in capital letters: "RAX" to "R15", "RIP", "RFL" (the flags), "CR0", "CR2", "CR3", "CR4",
 * "EFER", the selectors "CS", "SS" and so on, "GDT" and "GDT limit", "IDT" and "IDT limit", and "HLT", which is 1 if
 * the processor is halted. Those that are not known are absent.
 */
export type Registers = ReadonlyMap<string, bigint>;

/** Names of the general-purpose registers, in the order of their numbers in QEMU's listings. */
export const GENERAL: readonly string[] = [
  ...["RAX", "RBX", "RCX", "RDX", "RSI", "RDI", "RBP", "RSP"],
  ...["R8", "R9", "R10", "R11", "R12", "R13", "R14", "R15"],
];

// Intel SDM vol. 3, "IA32_EFER" and "System Flags and Fields in the EFLAGS Register"
const EFER_LMA = 1n << 10n;
const INTERRUPT_FLAG = 1n << 9n;

/**
 * Whether a processor was in 64-bit mode, and so in the kernel or about to be.
 *
 * @param registers Its registers.
 * @returns True if EFER.LMA is set.
 */
export function isLongMode(registers: Registers): boolean {
  return ((registers.get("EFER") ?? 0n) & EFER_LMA) !== 0n;
}

/**
 * Whether a processor takes interrupts.
 *
 * @param registers Its registers.
 * @returns True if the interrupt flag is set.
 */
export function areInterruptsEnabled(registers: Registers): boolean {
  return ((registers.get("RFL") ?? 0n) & INTERRUPT_FLAG) !== 0n;
}
