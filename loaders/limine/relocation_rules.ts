/**
 * Limine's rules on the dynamic table and the relocations of a kernel. It relocates one segment after the other, right
 * after it has copied it, and reads the dynamic table when it comes to the first.
 *
 * @module
 */

import { hexAddr } from "../../core/hex.ts";
import type { Rule } from "../rule.ts";
import type { DynamicFault } from "./dynamic_table.ts";
import { LINK_STATIC } from "./mends.ts";
import type { RelocationFault } from "./relocations.ts";
import type { LimineView } from "./view.ts";

/** A rule on the dynamic table, which no rule on the first segment comes before. */
function dynamicRule(kind: DynamicFault["kind"]): Rule<LimineView>["broken"] {
  return (view) => {
    const [first] = view.loads;
    if (!view.dynamic || first.p_filesz > first.p_memsz) return undefined;
    const isOutside = first.p_offset + first.p_filesz > BigInt(view.model.length);
    const { fault } = view.dynamicTable();
    if (fault?.kind !== kind || (view.version.isChecked && isOutside)) return undefined;
    const { words, found, offset } = fault;
    const { index } = view.dynamic;
    const message = `The dynamic table, program header ${index}, ${found}.`;
    return { index, ...(offset === undefined ? {} : { offset }), words, message };
  };
}

/** The kernel needs a library. */
export const neededLibrary: Rule<LimineView> = {
  id: "needed-library",
  outcome: "refuses",
  words: "elf: ELF file attempts to load a dynamically linked library",
  broken: dynamicRule("library"),
  about: "The dynamic table has a DT_NEEDED entry: the file needs a shared library.",
  why: "A kernel has no dynamic linker that could load one. User programs have such entries.",
  mend: "Link without libraries: `-nostdlib -static-pie`.",
  source: "Limine, common/lib/elf.c: elf64_apply_relocations",
};

/** The dynamic table gives records the wrong size. */
export const dynamicEntrySize: Rule<LimineView> = {
  id: "dynamic-entry-size",
  outcome: "refuses",
  broken: dynamicRule("entry-size"),
  about:
    "DT_SYMENT is below 24, DT_RELRENT is not 8, or DT_RELAENT is below 24, where there are such records. Limine " +
    "12 also refuses a table that is not a whole number of records.",
  why: "Limine would read records that overlap.",
  mend: "Link the kernel again for x86-64: its linkers write 24 for DT_SYMENT and DT_RELAENT, and 8 for DT_RELRENT.",
  source: "Limine, common/lib/elf.c: elf64_apply_relocations",
};

/** The relocations of the procedure linkage table have no addends. */
export const implicitAddends: Rule<LimineView> = {
  id: "implicit-addends",
  outcome: "refuses",
  words: "elf: dt_pltrel != DT_RELA",
  broken: dynamicRule("implicit-addends"),
  about: "DT_PLTRELSZ is not 0, and DT_PLTREL is not DT_RELA (7).",
  why: "x86-64 has relocations with addends only.",
  mend: "Link the kernel again for x86-64, and do not edit its dynamic table.",
  source: "Limine, common/lib/elf.c: elf64_apply_relocations",
};

/** The relocations of the procedure linkage table have no size, and Limine never comes to their end. */
export const endlessRelocations: Rule<LimineView> = {
  id: "relocations-endless",
  outcome: "fails",
  broken: (view) => {
    const [first] = view.loads;
    if (!view.dynamic || first.p_filesz > first.p_memsz) return undefined;
    const { pltSize, relaEntry } = view.dynamicTable();
    if (pltSize === 0n || relaEntry !== 0n) return undefined;
    const { index } = view.dynamic;
    const message = `The dynamic table, program header ${index}, has ${hexAddr(pltSize)} for DT_PLTRELSZ, but no ` +
      "DT_RELAENT: Limine steps through these relocations 0 bytes at a time, forever.";
    return { index, message };
  },
  about: "DT_PLTRELSZ is not 0, and DT_RELAENT is 0 or missing.",
  why: "Limine takes DT_RELAENT for the size of those relocations too. Limine 12 refuses such a file.",
  mend:
    `Compile with \`-fvisibility=hidden\`, so that no call goes through the procedure linkage table; or ${LINK_STATIC}.`,
  source: "Limine 8, common/lib/elf.c: elf64_apply_relocations; seen in Limine 8.2.0",
};

/** The dynamic table is not in the file. */
export const dynamicOutside: Rule<LimineView> = {
  id: "dynamic-outside-file",
  outcome: "refuses",
  words: "elf: Failed to apply relocations",
  broken: dynamicRule("outside-file"),
  about: "The dynamic table ends past the end of the file.",
  why: "The file is cut off, or its headers are wrong.",
  mend: "Build or copy the file again: it is incomplete.",
  source: "Limine, common/lib/elf.c: elf64_apply_relocations",
};

/** An address in the dynamic table is not in the file. */
export const dynamicUnmapped: Rule<LimineView> = {
  id: "dynamic-address-unmapped",
  outcome: "refuses",
  broken: dynamicRule("unmapped"),
  about: "DT_RELA, DT_RELR, DT_SYMTAB, DT_STRTAB or DT_JMPREL is an address in no segment's file bytes, or the table " +
    "there does not fit in the file.",
  why: "Limine reads these tables in the file, and so needs a segment that holds them.",
  mend: "Place .rela.dyn, .relr.dyn, .dynsym and .dynstr in a PT_LOAD: name them in the linker script.",
  source: "Limine, common/lib/elf.c: elf64_translate_vaddr",
};

/** A rule on relocations. */
function relocationRule(
  kind: RelocationFault["kind"],
  found: (fault: RelocationFault) => string,
): Rule<LimineView>["broken"] {
  return (view) => {
    const fault = view.relocationFault();
    if (fault?.kind !== kind) return undefined;
    const { load: { index }, offset, words, address } = fault;
    const message = `The relocation of ${hexAddr(address)}, in program header ${index}, ${found(fault)}.`;
    return { index, offset, words, message };
  };
}

/** A relocation has an unknown type. */
export const relocationType: Rule<LimineView> = {
  id: "relocation-unsupported",
  outcome: "refuses",
  broken: relocationRule("type", ({ type }) => `is of type ${hexAddr(type)}`),
  about: "A relocation is of a type other than R_X86_64_NONE (0), 64 (1), GLOB_DAT (6), JUMP_SLOT (7) and RELATIVE " +
    "(8). One whose target lies in no segment is skipped.",
  why: "These are all that Limine applies; thread-local storage and indirect functions need a dynamic linker.",
  mend: "Build without what needs it: no `thread_local` with a dynamic model, no ifunc, no copy relocations. " +
    "`readelf -r` shows the relocation.",
  source: "Limine, common/lib/elf.c: elf64_apply_relocations",
};

/** A relocation has an undefined symbol. */
export const undefinedSymbol: Rule<LimineView> = {
  id: "symbol-undefined",
  outcome: "refuses",
  broken: relocationRule("undefined", ({ symbol, name }) => {
    return `refers to symbol ${symbol}${name === undefined ? "" : ` (${name})`}, which is undefined and not weak`;
  }),
  about: "A relocation refers to a symbol that is undefined and not weak.",
  why: "There is no dynamic linker or library that could define it.",
  mend: `Link with \`-z defs\`, which reports undefined symbols, and define them. Or ${LINK_STATIC}.`,
  source: "Limine, common/lib/elf.c: elf64_apply_relocations",
};

/** A relocation has a symbol that is not there. */
export const missingSymbol: Rule<LimineView> = {
  id: "symbol-missing",
  outcome: "refuses",
  broken: relocationRule(
    "no-symbol",
    ({ symbol }) => `refers to symbol ${symbol}, which the symbol table does not have`,
  ),
  about: "A relocation refers to a symbol past the end of the symbol table's segment, or there is no symbol table.",
  why: "The address to store is that of the symbol.",
  mend: "Keep .dynsym in a PT_LOAD, and link the kernel again.",
  source: "Limine, common/lib/elf.c: elf64_apply_relocations",
};
