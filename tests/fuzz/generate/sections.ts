/** Section header tables, at the end of a file. */

import type { Random } from "../random.ts";
import type { FileSpec } from "./spec.ts";

const NAMES = "\0.symtab\0.strtab\0.shstrtab\0.debug_line\0.bss\0";

/** Adds a section header table with names, and content for some sections. */
export function addSections(spec: FileSpec, random: Random): void {
  const content = (size: number): number => {
    const offset = spec.length + random.below(8);
    spec.length = offset + size;
    return offset;
  };
  const row = (name: string, type: number, size: number, fields: { flags?: number; link?: number } = {}): number[] => {
    const offset = type === 8 ? 0 : content(size);
    const entry = type === 2 ? 24 : 0;
    return [NAMES.indexOf(name), type, fields.flags ?? 0, 0, offset, size, fields.link ?? 0, 0, 1, entry];
  };
  const rows = [[0, 0, 0, 0, 0, 0, 0, 0, 0, 0]];
  if (random.chance(0.8)) rows.push(row(".symtab", 2, 24 * random.below(200), { link: 2 }));
  if (random.chance(0.8)) rows.push(row(".strtab", 3, random.below(3000), { flags: random.chance(0.1) ? 2 : 0 }));
  if (random.chance(0.5)) rows.push(row(".bss", 8, random.below(100)));
  if (random.chance(0.5)) rows.push(row(".debug_line", 1, random.below(5000)));
  rows.push(row(".shstrtab", 3, NAMES.length));
  const names = rows[rows.length - 1][4];
  spec.blobs.push({ offset: names, bytes: new TextEncoder().encode(NAMES) });
  const table = spec.length + (8 - spec.length % 8) % 8;
  const bytes = new Uint8Array(64 * rows.length);
  const view = new DataView(bytes.buffer);
  rows.forEach(([name, type, flags, address, offset, size, link, info, align, entry], index) => {
    const at = index * 64;
    view.setUint32(at, name, true);
    view.setUint32(at + 4, type, true);
    [flags, address, offset, size].forEach((value, field) => view.setUint32(at + 8 + field * 8, value, true));
    view.setUint32(at + 40, link, true);
    view.setUint32(at + 44, info, true);
    view.setUint32(at + 48, align, true);
    view.setUint32(at + 56, entry, true);
  });
  spec.blobs.push({ offset: table, bytes });
  spec.length = table + bytes.length + random.below(3);
  Object.assign(spec.fields, {
    shoff: BigInt(table),
    shentsize: 64,
    shnum: rows.length,
    shstrndx: rows.length - 1,
  });
}
