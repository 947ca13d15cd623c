/**
 * Calls the functions of iced-x86, a disassembler that is compiled to WebAssembly.
 *
 * The package's own module reads its code from a file as soon as it is imported, which takes a permission in Deno, and
 * which browsers do not have. The functions and their arguments are those of iced-x86 1.21.0, so that version is
 * imported exactly.
 *
 * @module
 */

/** What is called. Pointers are numbers; results of more than one word are written to `result`. */
interface Exports {
  readonly memory: WebAssembly.Memory;
  readonly __wbindgen_add_to_stack_pointer: (bytes: number) => number;
  readonly __wbindgen_malloc: (size: number, align: number) => number;
  readonly __wbindgen_free: (pointer: number, size: number, align: number) => void;
  readonly decoder_new: (result: number, bits: number, bytes: number, length: number, options: number) => void;
  readonly decoder_set_ip: (decoder: number, address: bigint) => void;
  readonly decoder_decodeOut: (decoder: number, instruction: number) => void;
  readonly decoder_lastError: (decoder: number) => number;
  readonly decoder_set_position: (result: number, decoder: number, position: number) => void;
  readonly __wbg_decoder_free: (decoder: number) => void;
  readonly instruction_new: () => number;
  readonly instruction_length: (instruction: number) => number;
  readonly instruction_opCount: (instruction: number) => number;
  readonly instruction_opKind: (result: number, instruction: number, operand: number) => void;
  readonly instruction_opRegister: (result: number, instruction: number, operand: number) => void;
  readonly instruction_immediate: (result: number, instruction: number, operand: number) => void;
  readonly instruction_nearBranchTarget: (instruction: number) => bigint;
  readonly instruction_flowControl: (instruction: number) => number;
  readonly instruction_isIpRelMemoryOperand: (instruction: number) => number;
  readonly instruction_memorySegment: (instruction: number) => number;
  readonly instruction_memoryBase: (instruction: number) => number;
  readonly instruction_memoryIndex: (instruction: number) => number;
  readonly instruction_memoryDisplacement: (instruction: number) => bigint;
  readonly formatter_new: (result: number, syntax: number) => void;
  readonly formatter_set_hexPrefix: (formatter: number, text: number, length: number) => void;
  readonly formatter_set_hexSuffix: (formatter: number, text: number, length: number) => void;
  readonly formatter_set_uppercaseHex: (formatter: number, value: number) => void;
  readonly formatter_set_branchLeadingZeros: (formatter: number, value: number) => void;
  readonly formatter_set_addLeadingZeroToHexNumbers: (formatter: number, value: number) => void;
  readonly formatter_set_spaceAfterOperandSeparator: (formatter: number, value: number) => void;
  readonly formatter_set_showBranchSize: (formatter: number, value: number) => void;
  readonly formatter_format: (result: number, formatter: number, instruction: number) => void;
  readonly formatter_formatMnemonicOptions: (
    result: number,
    formatter: number,
    instruction: number,
    options: number,
  ) => void;
  readonly formatter_operandCount: (formatter: number, instruction: number) => number;
  readonly formatter_getInstructionOperand: (
    result: number,
    formatter: number,
    instruction: number,
    operand: number,
  ) => void;
  readonly formatter_formatOperand: (result: number, formatter: number, instruction: number, operand: number) => void;
  readonly formatter_formatRegister: (result: number, formatter: number, register: number) => void;
  readonly instructioninfofactory_new: () => number;
  readonly instructioninfofactory_info: (factory: number, instruction: number) => number;
  readonly instructioninfo_opAccess: (result: number, info: number, operand: number) => void;
  readonly instructioninfo_usedMemory: (info: number) => number;
  readonly __wbg_instructioninfo_free: (info: number) => void;
  readonly usedmemory_segment: (memory: number) => number;
  readonly usedmemory_base: (memory: number) => number;
  readonly usedmemory_index: (memory: number) => number;
  readonly usedmemory_scale: (memory: number) => number;
  readonly usedmemory_displacement: (memory: number) => bigint;
  readonly usedmemory_memorySize: (memory: number) => number;
  readonly usedmemory_access: (memory: number) => number;
  readonly __wbg_usedmemory_free: (memory: number) => void;
  readonly memorysizeext_size: (memorySize: number) => number;
}

/** iced-x86 at work. */
export interface Iced {
  /** Its functions. */
  readonly call: Exports;
  /** Calls a function that writes a string, and returns that. */
  readonly text: (write: (result: number) => void) => string;
  /** Calls a function that writes a number. */
  readonly word: (write: (result: number) => void) => number;
  /** Calls a function that writes a number or that there is none. */
  readonly maybe: (write: (result: number) => void) => number | undefined;
  /** Calls a function that writes nothing unless it fails. */
  readonly done: (write: (result: number) => void) => void;
  /** Calls a function that writes 64 bits; they are unsigned. */
  readonly quad: (write: (result: number) => void) => bigint;
  /** Copies bytes to where a function takes them over. */
  readonly pass: (bytes: Uint8Array) => readonly [pointer: number, length: number];
  /** Takes a list that a function has returned. */
  readonly list: (handle: number) => readonly number[];
}

const RESULT_BYTES = 16;

/** Handles up to this one are of constants, which are never given back. */
const LAST_CONSTANT = 131;

/**
 * Starts iced-x86.
 *
 * @param code The compiled code of iced-x86 1.21.0 (`iced_x86_bg.wasm`).
 * @returns Its functions.
 * @throws {Error} If it is other code.
 */
export async function startIced(code: WebAssembly.Module): Promise<Iced> {
  const values = new Map<number, unknown>();
  let last = LAST_CONSTANT;
  const keep = (value: unknown): number => {
    values.set(++last, value);
    return last;
  };
  const take = (handle: number): unknown => {
    const value = values.get(handle);
    values.delete(handle);
    return value;
  };
  const decoder = new TextDecoder();
  const stringAt = (pointer: number, length: number): string => {
    return decoder.decode(new Uint8Array(call.memory.buffer, pointer >>> 0, length));
  };
  const imports = {
    __wbindgen_object_drop_ref: take,
    __wbindgen_throw: (pointer: number, length: number): never => {
      throw new Error(stringAt(pointer, length));
    },
    __wbg_new_3a66822ed076951c: (pointer: number, length: number) => keep(new Error(stringAt(pointer, length))),
    __wbg_new_34c624469fb1d4fd: () => keep([]),
    __wbg_push_906164999551d793: (list: number, item: number) => {
      return (values.get(list) as unknown[]).push(values.get(item));
    },
    __wbg_usedregister_new: keep,
    __wbg_usedmemory_new: keep,
    __wbg_instruction_new: keep,
  };
  const instance = await WebAssembly.instantiate(code, { __wbindgen_placeholder__: imports }).catch(() => undefined);
  const call = instance?.exports as unknown as Exports;
  if (call?.decoder_new === undefined) throw new Error("cannot disassemble: this is not the code of iced-x86 1.21.0");
  const withResult = <T>(write: (result: number) => void, read: (words: DataView, result: number) => T): T => {
    const result = call.__wbindgen_add_to_stack_pointer(-RESULT_BYTES);
    try {
      write(result);
      return read(new DataView(call.memory.buffer), result);
    } finally {
      call.__wbindgen_add_to_stack_pointer(RESULT_BYTES);
    }
  };
  const refuse = (view: DataView, at: number): void => {
    if (view.getInt32(at + 4, true) !== 0) throw take(view.getInt32(at, true));
  };
  return {
    call,
    text: (write) => {
      return withResult(write, (view, at) => {
        const [pointer, length] = [view.getUint32(at, true), view.getUint32(at + 4, true)];
        const text = stringAt(pointer, length);
        call.__wbindgen_free(pointer, length, 1);
        return text;
      });
    },
    word: (write) => {
      return withResult(write, (view, at) => {
        refuse(view, at + 4);
        return view.getInt32(at, true);
      });
    },
    maybe: (write) => {
      return withResult(write, (view, at) => {
        refuse(view, at + 8);
        return view.getInt32(at, true) === 0 ? undefined : view.getInt32(at + 4, true);
      });
    },
    done: (write) => withResult(write, refuse),
    quad: (write) => {
      return withResult(write, (view, at) => {
        refuse(view, at + 8);
        return view.getBigUint64(at, true);
      });
    },
    pass: (bytes) => {
      const pointer = call.__wbindgen_malloc(bytes.length, 1) >>> 0;
      new Uint8Array(call.memory.buffer).set(bytes, pointer);
      return [pointer, bytes.length];
    },
    list: (handle) => take(handle) as readonly number[],
  };
}
