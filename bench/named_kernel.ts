/** Builds a kernel with sections and symbols, for the workloads that explain it. */

import { distributionKernel, KERNEL_START, PAGE } from "./kernels.ts";

const SECTION_HEADER = 64;
const SYMBOL = 24;
const STT_OBJECT = 1;
const STT_FUNC = 2;

/** `sh_type`: bytes, symbols, and strings. */
const [PROGBITS, SYMTAB, STRTAB] = [1, 2, 3];
const SECTION_NAMES = ["", ".text", ".rodata", ".data", ".symtab", ".strtab", ".shstrtab"];

/** A kernel, and what its symbols are. */
export interface NamedKernel {
  readonly file: Uint8Array<ArrayBuffer>;
  /** The name of a function near the end of its table. */
  readonly name: string;
  /** An address in it. */
  readonly address: bigint;
}

/**
 * A kernel as large as a distribution's, with its symbols: half of them functions, in no order of addresses, with names
 * of 8 to 40 characters.
 */
export function namedKernel(count: number): NamedKernel {
  const kernel = distributionKernel();
  const bytesEach = Math.floor((kernel.length - PAGE) / 3);
  const strings = new Uint8Array(count * 41 + 1);
  const symbols = new Uint8Array((count + 1) * SYMBOL);
  const view = new DataView(symbols.buffer);
  const each = Math.floor(bytesEach / count) * 2;
  let [end, state] = [1, 1];
  let found = { name: "", address: 0n };
  for (let index = 1; index <= count; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    const isFunction = index % 2 === 0;
    const place = Math.imul(index >> 1, 40_503) % (count >> 1); // a step through all places that leaves none out
    const address = KERNEL_START + BigInt(PAGE + (isFunction ? 0 : 2 * bytesEach) + place * each);
    const name = `${isFunction ? "do" : "data"}_${index.toString(36)}_${"abcdefgh".repeat(4).slice(state >>> 27)}`;
    const { written } = new TextEncoder().encodeInto(name, strings.subarray(end));
    const at = index * SYMBOL;
    view.setUint32(at, end, true);
    view.setUint8(at + 4, ((index > count / 2 ? 1 : 0) << 4) | (isFunction ? STT_FUNC : STT_OBJECT));
    view.setUint16(at + 6, isFunction ? 1 : 3, true);
    view.setBigUint64(at + 8, address, true);
    view.setBigUint64(at + 16, BigInt(each - 16), true);
    end += written + 1;
    if (isFunction && index < count - 10) found = { name, address: address + 5n };
  }
  const names = new TextEncoder().encode(SECTION_NAMES.join("\0") + "\0");
  const symbolsAt = Math.ceil(kernel.length / 8) * 8;
  const stringsAt = symbolsAt + symbols.length;
  const namesAt = stringsAt + end;
  const headersAt = Math.ceil((namesAt + names.length) / 8) * 8;
  const file = new Uint8Array(headersAt + SECTION_NAMES.length * SECTION_HEADER);
  file.set(kernel);
  file.set(symbols, symbolsAt);
  file.set(strings.subarray(0, end), stringsAt);
  file.set(names, namesAt);
  const headers = new DataView(file.buffer, headersAt);
  let nameAt = 0;
  const write = (index: number, type: number, flags: number, offset: number, size: number, link = 0, entry = 0) => {
    const at = index * SECTION_HEADER;
    const address = flags === 0 ? 0n : KERNEL_START + BigInt(offset);
    nameAt += SECTION_NAMES[index - 1].length + 1;
    headers.setUint32(at, nameAt, true);
    headers.setUint32(at + 4, type, true);
    [flags, address, offset, size].forEach((value, i) => headers.setBigUint64(at + 8 + 8 * i, BigInt(value), true));
    headers.setUint32(at + 40, link, true);
    headers.setBigUint64(at + 56, BigInt(entry), true);
  };
  [6, 2, 3].forEach((flags, index) => write(index + 1, PROGBITS, flags, PAGE + index * bytesEach, bytesEach));
  write(4, SYMTAB, 0, symbolsAt, symbols.length, 5, SYMBOL);
  write(5, STRTAB, 0, stringsAt, end);
  write(6, STRTAB, 0, namesAt, names.length);
  const header = new DataView(file.buffer);
  header.setBigUint64(40, BigInt(headersAt), true); // e_shoff
  [SECTION_HEADER, SECTION_NAMES.length, 6].forEach((value, index) => header.setUint16(58 + 2 * index, value, true));
  return { file, ...found };
}
