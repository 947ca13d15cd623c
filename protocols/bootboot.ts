/**
 * BOOTBOOT: a kernel for it is a 64-bit ELF file (or PE image) in the higher half with symbols at addresses that the
 * protocol fixes, under which the loader maps what it passes on.
 *
 * @module
 */

import { ELFCLASS64, RECORD_SIZES, SHN_UNDEF, SHT_SYMTAB } from "../core/elf/constants.ts";
import { readSymbol } from "../core/elf/symbols.ts";
import type { SectionHeader } from "../core/elf/section_header.ts";
import { type ElfModel, type FileModel, readerAt } from "../core/file/file_model.ts";
import { hexAddr } from "../core/hex.ts";
import type { Protocol, Recognizer } from "./protocol.ts";

/** A kernel for BOOTBOOT. */
export interface BootbootProtocol extends Protocol<"bootboot"> {
  /** The address that each of the protocol's symbols has in the kernel. */
  readonly symbols: Readonly<Partial<Record<BootbootSymbol, bigint>>>;
}

/** The names of the protocol's symbols: device memory, framebuffer, boot information, and environment. */
export type BootbootSymbol = "mmio" | "fb" | "bootboot" | "environment";

const NAMES: readonly BootbootSymbol[] = ["mmio", "fb", "bootboot", "environment"];

/** A kernel has these two at least: what the loader passes on lies there. */
const NEEDED: readonly BootbootSymbol[] = ["bootboot", "environment"];

/** The top 1 GiB of the address space: all of them have to lie there, and the kernel does too. */
const LOWEST = 0xffff_ffff_c000_0000n;

/** The most symbols to look at. */
const SYMBOLS_MAX = 2 ** 20;

/** The names as they are in a string table. */
const ENCODED: readonly (readonly [name: BootbootSymbol, bytes: Uint8Array])[] = NAMES.map((name) => {
  return [name, new TextEncoder().encode(`${name}\0`)];
});

/** Recognizes kernels for BOOTBOOT. */
export const bootboot: Recognizer<BootbootProtocol> = {
  parts: ["symbols"],
  isPossible: ({ elf }) => elf?.programHeaders.some(({ p_vaddr, p_memsz }) => p_vaddr + p_memsz > LOWEST) === true,
  recognize: (model) => {
    const { elf } = model;
    const table = elf?.sections.find(({ sh_type }) => sh_type === SHT_SYMTAB);
    if (!elf || !table || !elf.wide) return undefined;
    const symbols = findSymbols(model, elf, table);
    if (!NEEDED.every((name) => (symbols[name] ?? 0n) >= LOWEST)) return undefined;
    const list = NAMES.filter((name) => symbols[name] !== undefined)
      .map((name) => `${name} at ${hexAddr(symbols[name]!)}`);
    return { name: "bootboot", symbols, summary: `BOOTBOOT: symbols ${list.join(", ")}` };
  },
};

/** Where the linker put the protocol's symbols. */
function findSymbols(model: FileModel, elf: ElfModel, table: SectionHeader): BootbootProtocol["symbols"] {
  const strings = elf.sections[table.sh_link];
  if (!strings) return {};
  const names = model.bytes(Number(strings.sh_offset), Number(strings.sh_size));
  const reader = readerAt(model, "the symbol table", Number(table.sh_offset), Number(table.sh_size));
  const { symbol: size } = RECORD_SIZES[ELFCLASS64];
  const count = Math.min(SYMBOLS_MAX, Math.floor(reader.length / size));
  const found: Partial<Record<BootbootSymbol, bigint>> = {};
  for (let index = 0; index < count; index++) {
    const name = nameAt(names, reader.u32(index * size)); // st_name; most symbols have another
    if (name === undefined) continue;
    const { st_shndx, st_value } = readSymbol(reader, index * size, ELFCLASS64);
    if (st_shndx !== SHN_UNDEF) found[name] ??= st_value;
  }
  return found;
}

function nameAt(names: Uint8Array, start: number): BootbootSymbol | undefined {
  const first = names[start];
  return ENCODED.find(([, bytes]) => bytes[0] === first && bytes.every((byte, at) => names[start + at] === byte))?.[0];
}
