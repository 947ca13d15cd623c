/**
 * A decoded instruction: its text, its operands, and the memory that it uses.
 *
 * @module
 */

/** What happens to an operand or to memory; "none" for one that is only an address, such as that of `lea`. */
export type Access = "none" | "read" | "write" | "read-write";

/** An operand that is written in the instruction. */
export interface Operand {
  /** As in the instruction's text, such as "[rax+rcx*8+0x10]". */
  readonly text: string;
  /** What it is; "branch" is the target of a near jump or call, "far" a selector and an offset. */
  readonly kind: "register" | "memory" | "immediate" | "branch" | "far";
  /** What happens to it. */
  readonly access: Access;
  /** The register's name, such as "rax", if it is one. */
  readonly register?: string;
  /** The value of an immediate operand, sign-extended to 64 bits as the instruction does, or the target of a branch. */
  readonly value?: bigint;
}

/** Memory that an instruction reads or writes, or would if its condition held. */
export interface MemoryUse {
  /** Name of the segment register, such as "ds", "ss" or "gs"; absent if the processor ignores it. */
  readonly segment?: string;
  /** Name of the base register; absent of an address that no register is added to, and of one relative to RIP. */
  readonly base?: string;
  /** Name of the index register. */
  readonly index?: string;
  /** What the index is multiplied by. */
  readonly scale: number;
  /** What is added, signed, of 64 bits; the whole address if there are no registers. */
  readonly displacement: bigint;
  /** Number of bytes; 0 if that is not fixed by the instruction. */
  readonly size: number;
  /** What happens to it. */
  readonly access: Access;
  /** Whether it is not among the operands, such as what `push` writes to. */
  readonly implicit: boolean;
}

/**
 * Where the processor goes on: at the next instruction, always elsewhere ("jump"), maybe elsewhere ("branch"), and so
 * on. "undefined" raises #UD by definition; "invalid" is not an instruction; "cut" goes on past the bytes given.
 */
export type Flow =
  | "next"
  | "jump"
  | "branch"
  | "call"
  | "return"
  | "interrupt"
  | "syscall"
  | "halt"
  | "undefined"
  | "invalid"
  | "cut";

/** One instruction. */
export interface Instruction {
  /** Its address. */
  readonly address: bigint;
  /** Number of bytes; 1 for what is not an instruction, and all bytes that are left for one that is cut off. */
  readonly length: number;
  /** In Intel's syntax, such as "mov [rax], rcx"; "(bad)" or "(cut off)" if it is none. */
  readonly text: string;
  /** Its name, without prefixes, such as "mov"; empty if it is none. */
  readonly mnemonic: string;
  /** The operands that are written in it, the destination first. */
  readonly operands: readonly Operand[];
  /** The memory that it uses, the stack included. */
  readonly memory: readonly MemoryUse[];
  /** Where the processor goes on. */
  readonly flow: Flow;
  /** The address that a near jump or call names, if it does. */
  readonly target?: bigint;
  /** The address of an operand in memory, if it depends on no register but RIP. */
  readonly reference?: bigint;
}

/** Decodes instructions. */
export interface Disassembler {
  /**
   * Decodes instructions one by one, as they are asked for, up to the end of the bytes.
   *
   * @param bytes The bytes.
   * @param address The address of the first of them.
   * @param bits The mode of the processor: 64 if not given.
   */
  readonly instructions: (bytes: Uint8Array, address: bigint, bits?: 16 | 32 | 64) => Iterable<Instruction>;
  /**
   * Returns the lengths of the instructions, one by one, which takes a fraction of the time.
   *
   * @param bytes The bytes.
   * @param bits The mode of the processor: 64 if not given.
   */
  readonly lengths: (bytes: Uint8Array, bits?: 16 | 32 | 64) => Iterable<number>;
}
