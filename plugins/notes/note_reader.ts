/**
 * Note readers: each interprets the descriptors of one owner and type.
 *
 * @module
 */

import type { RawNote } from "../../core/elf/notes.ts";
import type { PluginContext } from "../../core/plugin/plugin_context.ts";

/** A note, with the program header that it was found in. */
export interface NotePlace extends RawNote {
  /** Index of the program header that it was found in. */
  readonly index: number;
}

/** Interprets the notes of one owner and type. */
export interface NoteReader<Value = unknown> {
  /** The owner's name, such as "Xen". */
  readonly owner: string;
  /** The type. */
  readonly type: number;
  /** The type's name, such as "XEN_ELFNOTE_PHYS32_ENTRY". */
  readonly name?: string;
  /** Reads a descriptor; `undefined` means that it is malformed, which is then reported. */
  readonly read: (descriptor: Uint8Array, context: PluginContext, note: NotePlace) => Value | undefined;
}
