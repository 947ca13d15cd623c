/**
 * What was recognized of a file that was loaded.
 *
 * @module
 */

import type { FileFormat } from "../../formats/format.ts";
import type { Protocol } from "../../protocols/protocol.ts";

/** What was recognized of a file that was loaded. */
export interface Recognized {
  /** The containers that it was unpacked from, from the outermost on. */
  readonly layers: readonly FileFormat[];
  /** The boot protocols that the kernel is made for. */
  readonly protocols: readonly Protocol[];
  /** The dynamic linker that it names, if it is a user program. */
  readonly interpreter?: string;
  /** The operating system that a note says it is a program for, such as "Linux 3.2.0". */
  readonly system?: string;
}
