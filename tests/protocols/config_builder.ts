/** Builds configurations of rust-osdev/bootloader, and files with one more section. */

import { ELFCLASS64, RECORD_SIZES } from "../../core/elf/constants.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const UUID = "743ca961093646a0bb555c158915253d";

/** A configuration of some length, with the defaults of release 0.11.5. */
export function configBytes(
  { length = 124, kernelBase, stack = 0x14000n }: {
    readonly length?: number;
    readonly kernelBase?: bigint;
    readonly stack?: bigint;
  },
): Bytes {
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  bytes.set(Uint8Array.fromHex(UUID));
  [0, 11, 5].forEach((part, index) => view.setUint16(16 + 2 * index, part, true));
  view.setBigUint64(23, stack, true);
  if (kernelBase !== undefined) {
    bytes[40] = 1;
    view.setBigUint64(41, kernelBase, true);
  }
  return bytes;
}

/** Appends a section, names and a section header table to an ELF64 file that has none. */
export function withSection(
  elf: Bytes,
  name: string,
  content: Uint8Array,
): { readonly file: Bytes; readonly offset: number } {
  const { sectionHeader } = RECORD_SIZES[ELFCLASS64];
  const names = new TextEncoder().encode(`\0${name}\0.shstrtab\0`);
  const offset = elf.length;
  const namesAt = offset + content.length;
  const table = Math.ceil((namesAt + names.length) / 8) * 8;
  const file = new Uint8Array(table + 3 * sectionHeader);
  file.set(elf);
  file.set(content, offset);
  file.set(names, namesAt);
  const view = new DataView(file.buffer);
  const put = (index: number, sh_name: number, sh_type: number, at: number, size: number) => {
    const start = table + index * sectionHeader;
    view.setUint32(start, sh_name, true);
    view.setUint32(start + 4, sh_type, true);
    view.setBigUint64(start + 24, BigInt(at), true);
    view.setBigUint64(start + 32, BigInt(size), true);
  };
  put(1, 1, 1, offset, content.length);
  put(2, name.length + 2, 3, namesAt, names.length);
  view.setBigUint64(40, BigInt(table), true);
  view.setUint16(58, sectionHeader, true);
  view.setUint16(60, 3, true);
  view.setUint16(62, 2, true);
  return { file, offset };
}
