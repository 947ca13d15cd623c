/**
 * What all boot protocols have in common: how a file is recognized as one for them.
 *
 * @module
 */

import type { FileModel, FilePart } from "../core/file/file_model.ts";

/** The name of a boot protocol. */
export type ProtocolName =
  | "bootloader"
  | "multiboot"
  | "multiboot2"
  | "pvh"
  | "linux"
  | "limine"
  | "stivale"
  | "stivale2"
  | "bootboot"
  | "hermit"
  | "uefi";

/** A boot protocol that a file is made for. Each protocol adds what its own headers say. */
export interface Protocol<Name extends ProtocolName = ProtocolName> {
  /** The protocol's name. */
  readonly name: Name;
  /** File offset of what it was recognized by, if that is at one place. */
  readonly offset?: number;
  /** What was recognized, in a clause such as "Multiboot 2: header at file offset 0x1000, entry 0x100040". */
  readonly summary: string;
}

/** Recognizes one boot protocol. */
export interface Recognizer<P extends Protocol = Protocol> {
  /** The parts of a file that it looks at. */
  readonly parts: readonly FilePart[];
  /** Whether the headers leave it possible, so that what else is needed is worth reading. Default: they do. */
  readonly isPossible?: (file: FileModel) => boolean;
  /** Looks for the protocol's headers in a file; `undefined` if there are none. */
  readonly recognize: (file: FileModel) => P | undefined;
}
