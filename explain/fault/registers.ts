/**
 * The registers of a processor at one moment.
 *
 * @module
 */

/**
 * Registers by their names in capital letters: "RAX" to "R15", "RIP", "RFL" (the flags), "CR0", "CR2", "CR3", "CR4",
 * "EFER", the selectors "CS", "SS" and so on, "FS base" and "GS base", "TR" and "TR base", "GDT" and "GDT limit", "IDT"
 * and "IDT limit", and "HLT", which is 1 if the processor is halted. Those that are not known are absent.
 */
export type Registers = ReadonlyMap<string, bigint>;

/** Names of the general-purpose registers, in the order of QEMU's listings. */
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
  const flags = registers.get("RFL") ?? registers.get("EFL") ?? 0n; // the latter outside 64-bit mode
  return (flags & INTERRUPT_FLAG) !== 0n;
}

/**
 * Whether a processor was halted, and takes no interrupt that could go on.
 *
 * @param registers Its registers.
 * @returns True if HLT was executed with the interrupt flag clear.
 */
export function isHaltedForGood(registers: Registers): boolean {
  return registers.get("HLT") === 1n && !areInterruptsEnabled(registers);
}

/** A register that is a part of a larger one. */
interface RegisterPart {
  readonly whole: string;
  /** Number of bytes. */
  readonly size: 1 | 2 | 4 | 8;
  /** Number of its lowest bit. */
  readonly low: 0 | 8;
}

const PARTS: ReadonlyMap<string, RegisterPart> = new Map(GENERAL.flatMap((whole) => partsOf(whole)));

function partsOf(whole: string): readonly (readonly [string, RegisterPart])[] {
  const [name, part] = [whole.toLowerCase(), (size: 1 | 2 | 4 | 8, low: 0 | 8 = 0) => ({ whole, size, low })] as const;
  if (/\d/.test(name)) {
    return [[name, part(8)], [`${name}d`, part(4)], [`${name}w`, part(2)], [`${name}b`, part(1)], [
      `${name}l`,
      part(1),
    ]];
  }
  const short = name.slice(1); // such as "ax" and "si"
  const [letter] = short;
  const low = short.endsWith("x") ? `${letter}l` : `${short}l`;
  const high = short.endsWith("x") ? [[`${letter}h`, part(1, 8)] as const] : [];
  return [[name, part(8)], [`e${short}`, part(4)], [short, part(2)], [low, part(1)], ...high];
}

/**
 * The size of a general-purpose register, or of a part of one.
 *
 * @param name Its name in small letters, such as "eax".
 * @returns Number of bytes; `undefined` if it is none of these.
 */
export function registerSize(name: string): number | undefined {
  return PARTS.get(name)?.size;
}

/**
 * The value of a register that an instruction names.
 *
 * @param registers The registers.
 * @param name Its name in small letters, such as "rax", "eax", "ah" and "cr3".
 * @returns Its value, and its size in bytes; `undefined` if it is not known.
 */
export function registerValue(
  registers: Registers,
  name: string,
): { readonly value: bigint; readonly size: number } | undefined {
  const part = PARTS.get(name);
  const whole = registers.get(part?.whole ?? name.toUpperCase());
  if (whole === undefined) return undefined;
  if (!part) return { value: whole, size: 8 };
  return { value: BigInt.asUintN(part.size * 8, whole >> BigInt(part.low)), size: part.size };
}
