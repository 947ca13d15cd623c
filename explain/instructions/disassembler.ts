/**
 * Decodes instructions with iced-x86.
 *
 * @module
 */

import { type Iced, startIced } from "./iced.ts";
import type { Access, Disassembler, Flow, Instruction, MemoryUse, Operand } from "./instruction.ts";

const INTEL_SYNTAX = 1;
const NO_PREFIXES = 1;

/** `DecoderError`: the bytes end within the instruction. */
const NO_MORE_BYTES = 2;

/** `OpKind`: the kinds of operands, in ascending ranges. */
const KIND_REGISTER = 0;
const KIND_LAST_NEAR = 3;
const KIND_LAST_FAR = 5;
const KIND_LAST_IMMEDIATE = 14;
/** `OpKind.Memory`; those before it are the fixed addresses of string instructions. */
const KIND_MEMORY = 24;

/** By `OpAccess`. */
const ACCESS: readonly Access[] = ["none", "read", "read", "write", "write", "read-write", "read-write", "none"];

/** By `FlowControl`. */
const FLOW: readonly Flow[] = [
  ...["next", "jump", "jump", "branch", "return", "call", "call", "interrupt", "branch", "undefined"] as const,
];

/** Instructions that leave the sequence in a way of their own. */
const FLOW_BY_NAME: Readonly<Record<string, Flow>> = {
  hlt: "halt",
  syscall: "syscall",
  sysenter: "syscall",
};

/**
 * Starts a disassembler.
 *
 * @example
 * ```js
 * import { openDisassembler } from "@kload/kload/explain";
 * import { assertEquals } from "@std/assert";
 *
 * const code = await import.source("npm:iced-x86@1.21.0/iced_x86_bg.wasm"); // or WebAssembly.compile() of that file
 * const { instructions } = await openDisassembler(code);
 * const [first] = instructions(Uint8Array.of(0x48, 0x89, 0x08), 0xffff_ffff_8000_0000n);
 * assertEquals([first.text, first.length, first.flow], ["mov [rax], rcx", 3, "next"]);
 * assertEquals(first.memory.map(({ base, size, access }) => [base, size, access]), [["rax", 8, "write"]]);
 * ```
 *
 * @param code The compiled code of iced-x86 1.21.0, of which the package has the file `iced_x86_bg.wasm`.
 * @returns The disassembler.
 * @throws {Error} If it is other code.
 */
export async function openDisassembler(code: WebAssembly.Module): Promise<Disassembler> {
  const iced = await startIced(code);
  const { call } = iced;
  const formatter = iced.word((result) => call.formatter_new(result, INTEL_SYNTAX));
  call.formatter_set_hexPrefix(formatter, ...iced.pass(new TextEncoder().encode("0x")));
  call.formatter_set_hexSuffix(formatter, ...iced.pass(new Uint8Array()));
  call.formatter_set_uppercaseHex(formatter, 0);
  call.formatter_set_branchLeadingZeros(formatter, 0);
  call.formatter_set_addLeadingZeroToHexNumbers(formatter, 0);
  call.formatter_set_spaceAfterOperandSeparator(formatter, 1);
  call.formatter_set_showBranchSize(formatter, 0);
  const machine: Machine = {
    iced,
    formatter,
    scratch: call.instruction_new(),
    factory: call.instructioninfofactory_new(),
  };
  return {
    instructions: function* (bytes, address, bits = 64) {
      const start = BigInt.asIntN(64, address);
      for (const { at, length, failure } of decode(machine, bytes, start, bits)) {
        const here = BigInt.asUintN(64, address + BigInt(at));
        yield failure === undefined
          ? instructionAt(machine, here, bytes.slice(at, at + length), bits)
          : { ...NONE, ...failure, address: here, length };
      }
    },
    lengths: function* (bytes, bits = 64) {
      for (const { length } of decode(machine, bytes, 0n, bits)) yield length;
    },
  };
}

/** What is used for every instruction. */
interface Machine {
  readonly iced: Iced;
  readonly formatter: number;
  /** The instruction that was decoded last. */
  readonly scratch: number;
  readonly factory: number;
}

/** Where an instruction is in the bytes, and what there is if it is none. */
interface Decoded {
  readonly at: number;
  readonly length: number;
  readonly failure?: Pick<Instruction, "text" | "flow">;
}

const CUT = { text: "(cut off)", flow: "cut" } as const;
const BAD = { text: "(bad)", flow: "invalid" } as const;
const NONE = { mnemonic: "", operands: [], memory: [] } as const;

/** Decodes one instruction after the other; the consumer looks at each before it asks for the next. */
function* decode({ iced, scratch }: Machine, bytes: Uint8Array, start: bigint, bits: number): Iterable<Decoded> {
  const { call } = iced;
  const decoder = iced.word((result) => call.decoder_new(result, bits, ...iced.pass(bytes), 0));
  const goTo = (at: number): void => {
    iced.done((result) => call.decoder_set_position(result, decoder, at));
    call.decoder_set_ip(decoder, BigInt.asIntN(64, start + BigInt(at)));
  };
  goTo(0);
  try {
    for (let at = 0; at < bytes.length;) {
      call.decoder_decodeOut(decoder, scratch);
      const error = call.decoder_lastError(decoder);
      if (error === 0) {
        const length = call.instruction_length(scratch);
        yield { at, length };
        at += length;
        continue;
      }
      if (error === NO_MORE_BYTES) return yield { at, length: bytes.length - at, failure: CUT };
      yield { at, length: 1, failure: BAD };
      goTo(++at);
    }
  } finally {
    call.__wbg_decoder_free(decoder);
  }
}

/** What the processor does with the instruction that was decoded last. */
function instructionAt(machine: Machine, address: bigint, code: Uint8Array, bits: number): Instruction {
  const { iced: { call, text }, formatter, scratch } = machine;
  const mnemonic = text((result) => call.formatter_formatMnemonicOptions(result, formatter, scratch, NO_PREFIXES));
  const [target, reference] = [targetOf(machine), referenceOf(machine)];
  let operands: readonly Operand[] | undefined;
  let memory: readonly MemoryUse[] | undefined;
  return {
    address,
    length: code.length,
    text: text((result) => call.formatter_format(result, formatter, scratch)),
    mnemonic,
    // Whoever only lists instructions does not need these, whose tables take longer to set up than all else.
    get operands() {
      return operands ??= withInfo(machine, code, address, bits, operandsOf);
    },
    get memory() {
      return memory ??= withInfo(machine, code, address, bits, memoryOf);
    },
    flow: FLOW_BY_NAME[mnemonic] ?? FLOW[call.instruction_flowControl(scratch)],
    ...(target === undefined ? {} : { target }),
    ...(reference === undefined ? {} : { reference }),
  };
}

/** Decodes an instruction again, as another may have been decoded since, and looks up what it uses. */
function withInfo<T>(
  machine: Machine,
  code: Uint8Array,
  address: bigint,
  bits: number,
  read: (machine: Machine, info: number) => T,
): T {
  const { iced: { call }, scratch, factory } = machine;
  const [, ...more] = decode(machine, code, address, bits);
  if (more.length > 0) throw new Error("an instruction became several");
  const info = call.instructioninfofactory_info(factory, scratch);
  const found = read(machine, info);
  call.__wbg_instructioninfo_free(info);
  return found;
}

function targetOf({ iced: { call, word }, scratch }: Machine): bigint | undefined {
  if (call.instruction_opCount(scratch) === 0) return undefined;
  const kind = kindOf(word((result) => call.instruction_opKind(result, scratch, 0)));
  return kind === "branch" ? BigInt.asUintN(64, call.instruction_nearBranchTarget(scratch)) : undefined;
}

/** The address of an operand in memory, if no register and no segment with a base of its own is added to it. */
function referenceOf({ iced, formatter, scratch }: Machine): bigint | undefined {
  const { call, word } = iced;
  const count = call.instruction_opCount(scratch);
  const isKind = (at: number): boolean =>
    word((result) => call.instruction_opKind(result, scratch, at)) === KIND_MEMORY;
  if (!Array.from({ length: count }, (_, at) => at).some(isKind)) return undefined;
  const isRelative = call.instruction_isIpRelMemoryOperand(scratch) !== 0;
  if (!isRelative && call.instruction_memoryBase(scratch) !== 0) return undefined;
  if (call.instruction_memoryIndex(scratch) !== 0) return undefined;
  if (/^[fg]s$/.test(nameOf(iced, formatter, call.instruction_memorySegment(scratch)))) return undefined;
  return BigInt.asUintN(64, call.instruction_memoryDisplacement(scratch));
}

/** The operands as they are written, without those of the text that the instruction does not have, such as a fixed 1. */
function operandsOf(machine: Machine, info: number): readonly Operand[] {
  const { iced, formatter, scratch } = machine;
  const { call, text, word } = iced;
  const found: Operand[] = [];
  for (let written = 0; written < call.formatter_operandCount(formatter, scratch); written++) {
    const at = iced.maybe((result) => call.formatter_getInstructionOperand(result, formatter, scratch, written));
    if (at === undefined) continue;
    const kind = kindOf(word((result) => call.instruction_opKind(result, scratch, at)));
    found.push({
      text: text((result) => call.formatter_formatOperand(result, formatter, scratch, written)),
      kind,
      access: ACCESS[word((result) => call.instructioninfo_opAccess(result, info, at))],
      ...valueOf(machine, at, kind),
    });
  }
  return found;
}

function kindOf(kind: number): Operand["kind"] {
  if (kind === KIND_REGISTER) return "register";
  if (kind <= KIND_LAST_NEAR) return "branch";
  if (kind <= KIND_LAST_FAR) return "far";
  return kind <= KIND_LAST_IMMEDIATE ? "immediate" : "memory";
}

function valueOf(
  { iced, formatter, scratch }: Machine,
  at: number,
  kind: Operand["kind"],
): Pick<Operand, "register" | "value"> {
  const { call, word, quad } = iced;
  switch (kind) {
    case "register":
      return { register: nameOf(iced, formatter, word((result) => call.instruction_opRegister(result, scratch, at))) };
    case "immediate":
      return { value: quad((result) => call.instruction_immediate(result, scratch, at)) };
    case "branch":
      return { value: BigInt.asUintN(64, call.instruction_nearBranchTarget(scratch)) };
    default:
      return {};
  }
}

function nameOf({ call, text }: Iced, formatter: number, register: number): string {
  return text((result) => call.formatter_formatRegister(result, formatter, register));
}

function memoryOf({ iced, formatter, scratch }: Machine, info: number): readonly MemoryUse[] {
  const { call } = iced;
  return iced.list(call.instructioninfo_usedMemory(info)).map((use) => {
    const name = (register: number): string => nameOf(iced, formatter, register);
    const segment = call.usedmemory_segment(use);
    const base = call.usedmemory_base(use);
    const index = call.usedmemory_index(use);
    const displacement = call.usedmemory_displacement(use);
    const access = ACCESS[call.usedmemory_access(use)];
    const found: MemoryUse = {
      ...(segment === 0 ? {} : { segment: name(segment) }),
      ...(base === 0 ? {} : { base: name(base) }),
      ...(index === 0 ? {} : { index: name(index) }),
      scale: call.usedmemory_scale(use),
      displacement: BigInt.asIntN(64, displacement),
      size: call.memorysizeext_size(call.usedmemory_memorySize(use)),
      access,
      implicit: !isWritten(iced, scratch, base, index, displacement),
    };
    call.__wbg_usedmemory_free(use);
    return found;
  });
}

/** Whether memory is one of the operands, rather than, say, the stack of a `push`. */
function isWritten({ call, word }: Iced, scratch: number, base: number, index: number, displacement: bigint): boolean {
  const wanted = call.instruction_isIpRelMemoryOperand(scratch) === 0 ? call.instruction_memoryBase(scratch) : 0;
  const isOperand = wanted === base && call.instruction_memoryIndex(scratch) === index &&
    call.instruction_memoryDisplacement(scratch) === displacement;
  for (let at = 0; at < call.instruction_opCount(scratch); at++) {
    const kind = word((result) => call.instruction_opKind(result, scratch, at));
    if (kind > KIND_LAST_IMMEDIATE && (kind < KIND_MEMORY || isOperand)) return true;
  }
  return false;
}
