/**
 * Program properties: the content of a note with owner "GNU" and type 5 (Linux Extensions to gABI, "Program Property";
 * x86-64 psABI, "Program Property").
 *
 * @module
 */

import { ELFCLASS64, EM_386, EM_X86_64 } from "./constants.ts";
import type { FileHeader } from "./file_header.ts";
import type { NoteFault } from "./notes.ts";
import { elfReader } from "./reader.ts";

/** Instruction set levels; each includes the ones before it. */
export type IsaLevel = "x86-64-baseline" | "x86-64-v2" | "x86-64-v3" | "x86-64-v4";

/** One property, as it is in the file. */
export interface GnuProperty {
  /** Its `pr_type`. */
  readonly type: number;
  /** Its data; a copy. */
  readonly data: Uint8Array;
}

/** The properties of a program. */
export interface GnuProperties {
  /** Whether all of its code was compiled for indirect branch tracking (IBT). */
  readonly ibt: boolean;
  /** Whether all of its code was compiled for shadow stacks (SHSTK). */
  readonly shstk: boolean;
  /** The level that it needs, if specified. */
  readonly isaNeeded?: IsaLevel;
  /** The level that it can make use of, if specified. */
  readonly isaUsed?: IsaLevel;
  /** The minimum size of its stack in bytes, if specified. */
  readonly stackSize?: bigint;
  /** All properties, including those above, in file order. */
  readonly properties: readonly GnuProperty[];
}

/** Properties, and the problems found in them. */
export interface GnuPropertyList {
  /** The properties. */
  readonly value: GnuProperties;
  /** What is wrong with them. */
  readonly faults: readonly NoteFault[];
}

/** `pr_type` and `pr_datasz`, four bytes each. */
const HEADER_SIZE = 8;

const GNU_PROPERTY_STACK_SIZE = 1;
const GNU_PROPERTY_X86_FEATURE_1_AND = 0xc0000002;
const GNU_PROPERTY_X86_ISA_1_NEEDED = 0xc0008002;
const GNU_PROPERTY_X86_ISA_1_USED = 0xc0010002;

const GNU_PROPERTY_X86_FEATURE_1_IBT = 1;
const GNU_PROPERTY_X86_FEATURE_1_SHSTK = 2;

/** GNU_PROPERTY_X86_ISA_1_BASELINE, _V2, _V3, _V4, from the highest down. */
const ISA_LEVELS: readonly (readonly [bit: number, level: IsaLevel])[] = [
  [8, "x86-64-v4"],
  [4, "x86-64-v3"],
  [2, "x86-64-v2"],
  [1, "x86-64-baseline"],
];

/**
 * Reads the properties of a program.
 *
 * @param descriptor The note's descriptor.
 * @param fileOffset Its offset in the file.
 * @param header The file's class, which determines the alignment of properties and the width of a stack size, and its
 * machine: processor-specific properties are only interpreted for x86.
 * @returns The properties up to the first that reaches past the end of the note, and what is wrong with them.
 */
export function readGnuProperties(
  descriptor: Uint8Array,
  fileOffset: number,
  { EI_CLASS, e_machine }: Pick<FileHeader, "EI_CLASS" | "e_machine">,
): GnuPropertyList {
  const reader = elfReader(descriptor, { subject: "the GNU properties", fileOffset });
  const wordSize = EI_CLASS === ELFCLASS64 ? 8 : 4;
  const properties: GnuProperty[] = [];
  const faults: NoteFault[] = [];
  const fault = (at: number, problem: string) => faults.push({ fileOffset: fileOffset + at, problem });
  const words = new Map<number, bigint>();
  const sizes = new Map([[GNU_PROPERTY_STACK_SIZE, wordSize]]);
  if (e_machine === EM_X86_64 || e_machine === EM_386) {
    for (const type of X86_WORDS) sizes.set(type, 4);
  }

  let last = -1;
  for (let at = 0; at < descriptor.length;) {
    if (at + HEADER_SIZE > descriptor.length) {
      fault(at, "the note ends inside a property's header");
      break;
    }
    const [type, size] = [reader.u32(at), reader.u32(at + 4)];
    const start = at + HEADER_SIZE;
    if (start + size > descriptor.length) {
      fault(at, `a property's data of ${size} bytes reaches past the note's end`);
      break;
    }
    if (type <= last) fault(at, "its properties are not in ascending order by type");
    last = type;
    const wanted = sizes.get(type);
    if (wanted !== undefined && size !== wanted) {
      fault(at, `property 0x${type.toString(16)} has ${size} bytes of data instead of ${wanted}`);
    } else if (wanted !== undefined) {
      words.set(type, wanted === 8 ? reader.u64(start) : BigInt(reader.u32(start)));
    }
    properties.push({ type, data: descriptor.slice(start, start + size) });
    at = Math.ceil((start + size) / wordSize) * wordSize;
  }
  return { value: interpret(words, properties), faults };
}

const X86_WORDS = [GNU_PROPERTY_X86_FEATURE_1_AND, GNU_PROPERTY_X86_ISA_1_NEEDED, GNU_PROPERTY_X86_ISA_1_USED];

function interpret(words: ReadonlyMap<number, bigint>, properties: readonly GnuProperty[]): GnuProperties {
  const has = (type: number, bit: number): boolean => ((words.get(type) ?? 0n) & BigInt(bit)) !== 0n;
  const level = (type: number): IsaLevel | undefined => ISA_LEVELS.find(([bit]) => has(type, bit))?.[1];
  const isaNeeded = level(GNU_PROPERTY_X86_ISA_1_NEEDED);
  const isaUsed = level(GNU_PROPERTY_X86_ISA_1_USED);
  const stackSize = words.get(GNU_PROPERTY_STACK_SIZE);
  return {
    ibt: has(GNU_PROPERTY_X86_FEATURE_1_AND, GNU_PROPERTY_X86_FEATURE_1_IBT),
    shstk: has(GNU_PROPERTY_X86_FEATURE_1_AND, GNU_PROPERTY_X86_FEATURE_1_SHSTK),
    ...(isaNeeded ? { isaNeeded } : {}),
    ...(isaUsed ? { isaUsed } : {}),
    ...(stackSize === undefined ? {} : { stackSize }),
    properties,
  };
}
