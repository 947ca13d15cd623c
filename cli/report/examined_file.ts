/**
 * What a file was found to be.
 *
 * @module
 */

import type { ElfModel, FilePart } from "../../core/file/file_model.ts";
import type { FileFormat, FormatAdvice } from "../../formats/format.ts";
import type { Diagnostic, LoadError } from "../../mod.ts";
import type { Protocol } from "../../protocols/protocol.ts";

/** What a file was found to be. */
export interface ExaminedFile {
  /** Its format. */
  readonly format: FileFormat;
  /** Its ELF headers, if it is an ELF file with a whole file header. */
  readonly elf?: ElfModel;
  /** The boot protocols that it is made for. */
  readonly protocols: readonly Protocol[];
  /** The dynamic linker that it names, if it is a user program. */
  readonly interpreter?: string;
  /** The operating system that a note says it is a program for, such as "Linux 3.2.0". */
  readonly system?: string;
  /** The parts in which no boot protocol was looked for, because they are too large or too far away. */
  readonly unread: readonly FilePart[];
}

/** What the default rules find in headers. */
export interface Findings {
  /** Why they refuse the file, if the headers show it. */
  readonly objection?: LoadError;
  /** What they report, as far as they could be applied. */
  readonly diagnostics: readonly Diagnostic[];
}

/** A file, what the default rules find in it, and the file inside if it is compressed. */
export interface InspectedFile extends ExaminedFile {
  /** Number of bytes taken from it. */
  readonly bytesRead: number;
  /** What the default rules find in its headers; `undefined` if it is unpacked before they apply. */
  readonly findings?: Findings;
  /** The file inside, if it is compressed. */
  readonly inside?: InspectedFile;
  /** Why the file inside cannot be read, if it is compressed but cannot be unpacked. */
  readonly obstacle?: {
    /** What is wrong. */
    readonly message: string;
    /** What to do about it. */
    readonly advice?: FormatAdvice;
  };
}
