/**
 * The processor's registers, as QEMU prints them.
 *
 * @module
 */

/** Registers by their names, such as "RIP" and "CR2". */
export type Registers = ReadonlyMap<string, bigint>;

/** Names of the general-purpose registers, in the order in which QEMU prints them. */
export const GENERAL: readonly string[] = [
  ...["RAX", "RBX", "RCX", "RDX", "RSI", "RDI", "RBP", "RSP"],
  ...["R8", "R9", "R10", "R11", "R12", "R13", "R14", "R15"],
];

const EFER_LMA = 1n << 10n;

/**
 * Parses the output of `info registers`, or an entry of QEMU's log.
 *
 * @param text The text.
 * @returns The registers. "IDT" and "IDT limit" are that table's base and limit; "HLT" is 1 if the processor is halted.
 */
export function parseRegisters(text: string): Registers {
  const registers = new Map<string, bigint>();
  for (const [, name, value] of text.matchAll(/\b([A-Z][A-Z0-9]{0,3})\s*=\s*([0-9a-f]+)/g)) {
    if (!registers.has(name)) registers.set(name, BigInt(`0x${value}`));
  }
  for (const [, name, limit] of text.matchAll(/\b([GI]DT)=\s*[0-9a-f]+ ([0-9a-f]+)/g)) {
    registers.set(`${name} limit`, BigInt(`0x${limit}`));
  }
  return registers;
}

/**
 * Parses the output of `info registers -a`.
 *
 * @param text The text.
 * @returns The registers of every processor, from the first on.
 */
export function parseProcessors(text: string): readonly Registers[] {
  return text.split(/^CPU#\d+\s*$/m).slice(1).map(parseRegisters);
}

/**
 * Whether the processor was in 64-bit mode, and so in the kernel or about to be.
 *
 * @param registers The registers.
 * @returns True if EFER.LMA is set.
 */
export function isLongMode(registers: Registers): boolean {
  return ((registers.get("EFER") ?? 0n) & EFER_LMA) !== 0n;
}
