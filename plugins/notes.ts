/**
 * The plugin notes: reads the notes of a kernel (`PT_NOTE`), such as its build ID, its properties, and its entry point
 * for the PVH boot protocol (gABI, "Note Section").
 *
 * @module
 */

import { PT_NOTE } from "../core/elf/constants.ts";
import type { GnuProperties, GnuProperty, IsaLevel } from "../core/elf/gnu_property.ts";
import {
  type NoteAlignment,
  NT_GNU_BUILD_ID,
  NT_GNU_PROPERTY_TYPE_0,
  type RawNote,
  readNotes,
} from "../core/elf/notes.ts";
import type { Segment } from "../core/elf/program_header.ts";
import { checkKeys } from "../core/pipeline/settings.ts";
import type { Plugin } from "../core/plugin/plugin.ts";
import type { PluginContext } from "../core/plugin/plugin_context.ts";
import { diagnostic, reportMalformed } from "./notes/diagnostics.ts";
import { GNU_READERS } from "./notes/gnu_readers.ts";
import type { NotePlace, NoteReader } from "./notes/note_reader.ts";
import {
  type Phys32Reloc,
  XEN_ELFNOTE_PHYS32_ENTRY,
  XEN_ELFNOTE_PHYS32_RELOC,
  XEN_READERS,
} from "./notes/xen_readers.ts";

export type { GnuProperties, GnuProperty, IsaLevel, NoteAlignment, NotePlace, NoteReader, Phys32Reloc, RawNote };

/** The values that the built-in readers return. */
export type BuiltInValue = string | bigint | number | GnuProperties | Phys32Reloc;

/** A note, with the value that its reader returned. */
export interface Note<Value = BuiltInValue> extends NotePlace {
  /** Name of its type, if its reader has one. */
  readonly name?: string;
  /** The value that its reader returned, if there is a reader for it. */
  readonly value?: Value;
}

/** What the plugin notes found. */
export interface Notes<Value = BuiltInValue> {
  /** All notes, in the order of the program headers. */
  readonly notes: readonly Note<Value>[];
  /** The build ID in hex. */
  readonly buildId?: string;
  /** The properties of the program. */
  readonly properties?: GnuProperties;
  /** Physical address of the 32-bit entry point for the PVH boot protocol. */
  readonly pvhEntry?: number;
  /** Where a kernel that relocates itself may be loaded under that protocol. */
  readonly pvhReloc?: Phys32Reloc;
  /** Number of bytes of note segments that were read. */
  readonly bytesRead: number;
}

/** How notes are read. */
export interface NotesOptions<R extends readonly NoteReader[]> {
  /** Readers for notes that no built-in reader handles. */
  readonly readers?: R;
}

/** The values that the readers of a list return. */
export type ValueOf<R extends readonly NoteReader[]> = R extends readonly NoteReader<infer Value>[] ? Value : never;

/** The most bytes of notes to read; far more than any kernel has. */
const BYTES_MAX = 2 ** 16;

const BUILT_IN: readonly NoteReader<BuiltInValue>[] = [...GNU_READERS, ...XEN_READERS];

/**
 * Reads the notes of a kernel; custom readers handle notes of other owners.
 *
 * @example Read the built-in notes, and a custom one
 * ```ts
 * import { loadKernel } from "@kload/kload";
 * import { notes } from "@kload/kload/plugins/notes";
 * import { assertEquals } from "@std/assert";
 *
 * const file = await Deno.readFile("examples/hello/hello.elf");
 * const version = { owner: "Example", type: 1, read: (descriptor: Uint8Array) => descriptor[0] };
 * const kernel = await loadKernel(file, { plugins: [notes({ readers: [version] })] });
 * assertEquals(kernel.results.notes?.pvhEntry, undefined);
 * ```
 *
 * @param options Custom readers.
 * @returns The plugin.
 * @throws {TypeError} If two readers are for the same notes, or one is malformed.
 */
export function notes<const R extends readonly NoteReader[] = readonly []>(
  options: NotesOptions<R> = {},
): Plugin<"notes", Notes<BuiltInValue | ValueOf<R>>> {
  type Value = BuiltInValue | ValueOf<R>;
  checkKeys(options, ["readers"]);
  const readers = [...BUILT_IN, ...options.readers ?? []] as readonly NoteReader<Value>[];
  const byKey = new Map<string, NoteReader<Value>>();
  for (const reader of readers) {
    const { owner, type, read } = reader;
    if (typeof owner !== "string" || !Number.isInteger(type) || typeof read !== "function") {
      throw new TypeError("Cannot use a note reader: it needs an owner, a type, and a read function");
    }
    if (byKey.has(keyOf(reader))) {
      throw new TypeError(`Cannot use two readers for notes with owner "${owner}" and type ${type}`);
    }
    byKey.set(keyOf(reader), reader);
  }

  const read = (raw: RawNote, index: number, context: PluginContext): Note<Value> => {
    const note = { ...raw, index };
    const reader = byKey.get(keyOf(raw));
    if (!reader) return note;
    const value = reader.read(note.descriptor, context, note);
    const named = { ...note, ...(reader.name === undefined ? {} : { name: reader.name }) };
    if (value !== undefined) return { ...named, value };
    const problem = `a descriptor of ${raw.descriptor.length} bytes is not valid for its type (${
      reader.name ?? raw.type
    })`;
    reportMalformed(index, { fileOffset: raw.descriptorOffset, problem }, context.report);
    return named;
  };

  return {
    name: "notes",
    handlers: [{
      type: PT_NOTE,
      readsFile: true,
      handle: async (phdr, context, found) => {
        const bytesBefore = found?.bytesRead ?? 0;
        const bytes = (await context.fileBytes(phdr)).subarray(0, BYTES_MAX - bytesBefore);
        const { notes: raw, faults } = readNotes(bytes, Number(phdr.p_offset), phdr.p_align);
        const added = raw.map((note) => read(note, phdr.index, context));
        reportAlignment(phdr, added, context);
        if (BigInt(bytes.length) === phdr.p_filesz) {
          for (const fault of faults) reportMalformed(phdr.index, fault, context.report);
        } else if (bytesBefore < BYTES_MAX) reportRest(phdr, context);
        const bytesRead = bytesBefore + bytes.length;
        if (found && added.length === 0) return { ...found, bytesRead };
        return { ...valuesOf(added), ...found, notes: [...found?.notes ?? [], ...added], bytesRead };
      },
    }],
  };
}

function keyOf({ owner, type }: Pick<NoteReader, "owner" | "type">): string {
  return `${type} ${owner}`;
}

/** What the built-in readers found, the first of each kind. No custom reader can handle these. */
function valuesOf(added: readonly Note<unknown>[]): Omit<Notes, "notes" | "bytesRead"> {
  const first = (owner: string, type: number): unknown =>
    added.find((note) => note.type === type && note.owner === owner && note.value !== undefined)?.value;
  const buildId = first("GNU", NT_GNU_BUILD_ID) as string | undefined;
  const properties = first("GNU", NT_GNU_PROPERTY_TYPE_0) as GnuProperties | undefined;
  const pvhEntry = first("Xen", XEN_ELFNOTE_PHYS32_ENTRY) as number | undefined;
  const pvhReloc = first("Xen", XEN_ELFNOTE_PHYS32_RELOC) as Phys32Reloc | undefined;
  return {
    ...(buildId === undefined ? {} : { buildId }),
    ...(properties ? { properties } : {}),
    ...(pvhEntry === undefined ? {} : { pvhEntry }),
    ...(pvhReloc ? { pvhReloc } : {}),
  };
}

function reportAlignment(
  { index, p_align }: Segment,
  added: readonly NotePlace[],
  { report }: PluginContext,
): void {
  const expected = p_align <= 4n ? 4n : p_align;
  const used = new Set(added.map(({ alignment }) => alignment).filter((alignment) => BigInt(alignment) !== expected));
  if (used.size === 0) return;
  const message = `p_align is ${p_align}, but some notes are aligned to ${
    [...used].join(" and ")
  } bytes; all were read.`;
  report(diagnostic("note-alignment", { index, message }));
}

function reportRest({ index, p_filesz }: Segment, { report }: PluginContext): void {
  const message =
    `The segment has ${p_filesz} bytes of notes; only the first ${BYTES_MAX} bytes of all notes were read.`;
  report(diagnostic("notes-left-out", { index, message }));
}
