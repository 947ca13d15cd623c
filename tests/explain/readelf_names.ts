/** Sections and symbols as `readelf -SsW` prints them. */

import { runTool } from "../tools.ts";

/** A line of the section headers. */
export interface SectionLine {
  readonly index: number;
  readonly name: string;
  readonly type: string;
  readonly address: bigint;
  readonly size: bigint;
  readonly flags: string;
}

/** A line of a symbol table. */
export interface SymbolLine {
  readonly index: number;
  readonly value: bigint;
  readonly size: bigint;
  readonly type: string;
  readonly binding: string;
  /** "UND", "ABS", "COM", or the index of a section. */
  readonly section: string;
  readonly name: string;
}

/** What readelf prints of a file. */
export interface Printed {
  readonly sections: readonly SectionLine[];
  /** By the name of the table's section. */
  readonly tables: ReadonlyMap<string, readonly SymbolLine[]>;
}

const SECTION =
  /^ {2}\[ *(\d+)\] (.*?) +([A-Z_0-9a-z+:<> ]+?) +([0-9a-f]{8,16}) ([0-9a-f]{6,}) ([0-9a-f]{6,}) ([0-9a-f]{2,}) ([A-Zxolp ]*?) +(\d+) +(\d+) +(\d+)$/;
const TABLE = /^Symbol table '(.*)' contains/;
const SYMBOL =
  /^ *(\d+): ([0-9a-f]{8,16}) +(0x[0-9a-f]+|\d+) +(\S+|<\S+ specific>: \d+) +(\S+|<\S+ specific>: \d+) +(DEFAULT|HIDDEN|INTERNAL|PROTECTED)(?: +\[.*?\])? +(\S+)(?: (.*))?$/;

/** Runs readelf. */
export async function readelfNames(path: string): Promise<Printed> {
  const sections: SectionLine[] = [];
  const tables = new Map<string, SymbolLine[]>();
  let table: SymbolLine[] = [];
  for (const line of (await runTool("readelf", ["-SsW", path])).split("\n")) {
    const section = SECTION.exec(line);
    const named = TABLE.exec(line)?.[1];
    const symbol = SYMBOL.exec(line);
    if (named !== undefined) tables.set(named, table = tables.get(named) ?? []);
    else if (section) {
      const [, index, name, type, address, , size, , flags] = section;
      sections.push({
        index: Number(index),
        name: name.trim(),
        type: type.trim(),
        address: BigInt(`0x${address}`),
        size: BigInt(`0x${size}`),
        flags,
      });
    } else if (symbol) {
      const [, index, value, size, type, binding, , ndx, name = ""] = symbol;
      table.push({
        index: Number(index),
        value: BigInt(`0x${value}`),
        size: BigInt(size),
        type,
        binding,
        section: ndx,
        name: name.replace(/@@?[^@]* \(\d+\)$|@@?[A-Z][\w.]*$/, ""),
      });
    }
  }
  return { sections, tables };
}

/** The sections that have addresses. */
export function allocated({ sections }: Printed): readonly SectionLine[] {
  return sections.filter(({ flags, type }) =>
    type !== "NULL" && flags.includes("A") && !(flags.includes("T") && type === "NOBITS")
  );
}

/** The symbols that name addresses, by the table that counts. */
export function addressSymbols({ tables }: Printed): readonly SymbolLine[] {
  for (const table of [".symtab", ".dynsym"]) {
    const found = (tables.get(table) ?? []).filter(({ section, type, name }) => {
      return /^(\d+|ABS)$/.test(section) && !["FILE", "SECTION", "TLS"].includes(type) && name !== "";
    });
    if (found.length > 0) return found;
  }
  return [];
}
