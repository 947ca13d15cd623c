/**
 * Findings: what is remarkable about a kernel, whether or not a loader refuses it.
 *
 * @module
 */

import type { FileModel, FilePart } from "../core/file/file_model.ts";
import type { Protocol, ProtocolName } from "../protocols/protocol.ts";
import type { LoaderName } from "./loader.ts";
import type { Breach } from "./rule.ts";

/** How much a finding matters. */
export type Severity = "error" | "warning" | "info";

/** What rules of findings look at. */
export interface Inspected {
  /** The file. */
  readonly model: FileModel;
  /** The boot protocols that it is made for. */
  readonly protocols: readonly Protocol[];
  /** The loaders that it is meant for. */
  readonly intended: readonly LoaderName[];
  /** The machine's memory in bytes. */
  readonly memory: number;
}

/** One rule of findings. */
export interface FindingRule {
  /** Its name, which no rule of a loader has. */
  readonly id: string;
  /** How much it matters. */
  readonly severity: Severity;
  /** The parts of a file that it looks at. */
  readonly parts: readonly FilePart[];
  /**
   * The protocols without whose headers a file is asked about in vain: if a loader of one of them is named, and the
   * file is made for no protocol of the loaders that are named, the parts are read for this rule.
   */
  readonly neededBy?: readonly ProtocolName[];
  /** Finds every place where a file breaks it. */
  readonly find: (inspected: Inspected) => readonly Breach[];
  /** What the rule is: when a file breaks it, for a reader without a file. */
  readonly about: string;
  /** Why it matters. */
  readonly why: string;
  /** What to do about it. */
  readonly mend: string;
  /** Where it comes from: a specification, or the loaders that it breaks. */
  readonly source: string;
}
