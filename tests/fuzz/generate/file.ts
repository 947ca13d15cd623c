/** Files: sound ones, damaged ones, and rubbish. */

import type { RuleSetName } from "../../../mod.ts";
import type { Random } from "../random.ts";
import { WEIGHTS } from "../weights.ts";
import { addDynamic } from "./dynamic.ts";
import {
  addInterp,
  addNotes,
  addOpenBsd,
  addPlain,
  addProperty,
  addRelro,
  addTls,
  type NoteExpected,
  TYPES,
} from "./extras.ts";
import { mutate } from "./mutate.ts";
import { roomOf } from "./room.ts";
import { addSections } from "./sections.ts";
import { loadHeaders } from "./segments.ts";
import { encode, type FileSpec, type HeaderSpec, SIZES } from "./spec.ts";
import { addUnwind, type UnwindExpected } from "./unwind.ts";

/** A file, with what is known of it because it was built so. */
export interface FuzzFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** How it came about, for reports. */
  readonly kind: "sound" | "damaged" | "flipped" | "rubbish";
  /** Whether it is position-independent, unless it was damaged. */
  readonly movable: boolean;
  /** Notes that must be found; only in a sound file. */
  readonly notes?: readonly NoteExpected[];
  /** The unwind table; only in a sound file. */
  readonly unwind?: UnwindExpected;
}

/** Creates the file of a case. */
export function generateFile(random: Random, rules: RuleSetName): FuzzFile {
  const kind = random.weighted([[70, "sound"], [24, "damaged"], [4, "flipped"], [2, "rubbish"]]);
  if (kind === "rubbish") return { bytes: rubbish(random), kind, movable: false };
  const movable = random.chance(0.5);
  const wide = rules === "default" || random.chance(0.9);
  const spec: FileSpec = {
    fields: fileFields(movable, wide),
    headers: loadHeaders(random, movable, rules),
    blobs: [],
    length: 0,
  };
  if (!wide) { for (const header of spec.headers) narrow(header); }
  const found = wide ? addRest(spec, random, rules, movable) : {};
  finish(spec, random);
  if (kind === "damaged") mutate(spec, random);
  const bytes = encode(spec, random);
  if (kind === "flipped") flip(bytes, random);
  return { bytes, kind, movable, ...(kind === "sound" ? found : {}) };
}

function fileFields(movable: boolean, wide: boolean): FileSpec["fields"] {
  const EI_CLASS = wide ? 2 : 1;
  const [ehsize, phentsize] = SIZES[EI_CLASS];
  return {
    EI_CLASS,
    EI_DATA: 1,
    EI_VERSION: 1,
    type: movable ? 3 : 2,
    machine: 62,
    entry: 0n,
    phoff: BigInt(ehsize),
    shoff: 0n,
    ehsize,
    phentsize,
    phnum: 0,
    shentsize: 0,
    shnum: 0,
    shstrndx: 0,
  };
}

/** A segment of a 32-bit file; only compatibility rules take one. */
function narrow(header: HeaderSpec): void {
  header.vaddr = BigInt.asUintN(31, header.vaddr);
  header.paddr = header.vaddr;
}

function addRest(
  spec: FileSpec,
  random: Random,
  rules: RuleSetName,
  movable: boolean,
): Pick<FuzzFile, "notes" | "unwind"> {
  const loads = [...spec.headers];
  const room = roomOf(loads, random);
  const notes = random.chance(0.2) ? addNotes(spec, room, random) : undefined;
  const unwind = random.chance(0.15) ? addUnwind(spec, room, random) : undefined;
  if (random.chance(0.15)) addProperty(spec, room, random);
  if (random.chance(0.06)) addInterp(spec, room);
  if (random.chance(0.2)) addTls(spec, room, random);
  if (random.chance(0.08)) addOpenBsd(spec, room, random);
  if (random.chance(movable ? 0.7 : 0.2)) addDynamic(spec, room, random, rules);
  if (random.chance(0.3)) addRelro(spec, loads, random);
  if (random.chance(0.35)) addPlain(spec, random, rules !== "default");
  if (random.chance(WEIGHTS.repeatedHeaders)) repeat(spec, random);
  return { ...(notes ? { notes } : {}), ...(unwind ? { unwind } : {}) };
}

/** Repeats a header many times, as it is or a little further on. */
function repeat(spec: FileSpec, random: Random): void {
  const types: readonly number[] = [2, TYPES.RELRO, TYPES.RANDOMIZE, TYPES.TLS];
  const model = spec.headers.find(({ type }) => types.includes(type));
  if (!model) return;
  const step = random.pick([0n, 0n, 1n, 8n]);
  const count = 1 + random.below(WEIGHTS.repeatedHeadersMost);
  for (let copy = 1; copy <= count; copy++) {
    spec.headers.push({ ...model, vaddr: model.vaddr + BigInt(copy) * step });
  }
}

/** Gives the file its length, its entry point, and a section table or a rest. */
function finish(spec: FileSpec, random: Random): void {
  const { fields, headers } = spec;
  fields.phnum = headers.length;
  const tableSize = headers.length * fields.phentsize;
  const ends = headers.map(({ offset, filesz }) => Number(offset + filesz));
  spec.length = Math.max(fields.ehsize + tableSize, ...ends);
  // A long table does not fit before the segments.
  if (headers.length > 24 || random.chance(0.1)) {
    fields.phoff = BigInt(Math.ceil(spec.length / 8) * 8);
    spec.length = Number(fields.phoff) + tableSize;
  }
  if (fields.EI_CLASS === 2 && random.chance(0.2)) addSections(spec, random);
  spec.length += random.weighted([[6, 1 + random.below(64)], [1, 0], [1, 4096]]);
  const load = random.pick(headers);
  const inside = load.vaddr + BigInt(random.below(64));
  fields.entry = random.weighted([[20, inside], [1, 0n], [0.3, 1n << 47n], [0.3, random.word()]]);
}

function flip(bytes: Uint8Array, random: Random): void {
  for (let left = 1 + random.below(6); left > 0; left--) {
    const end = random.chance(0.7) ? Math.min(bytes.length, 0x600) : bytes.length;
    bytes[random.below(end)] ^= 1 << random.below(8);
  }
}

function rubbish(random: Random): Uint8Array<ArrayBuffer> {
  const bytes = random.bytes(random.pick([0, 1, 3, 4, 15, 16, 52, 63, 64, 65, 120, random.below(3000)]));
  if (random.chance(0.7)) bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1].slice(0, bytes.length));
  return bytes;
}
