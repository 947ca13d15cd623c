/**
 * A loader whose verdict on a file can be predicted.
 *
 * @module
 */

import type { FileModel, FilePart } from "../core/file/file_model.ts";
import type { KeptFile } from "../core/file/kept_file.ts";
import type { FormatName } from "../formats/format.ts";
import type { ProtocolName } from "../protocols/protocol.ts";
import type { Breach, Outcome, Rule } from "./rule.ts";

/** The name of a loader. */
export type LoaderName =
  | "kload"
  | "bootloader-0.10"
  | "bootloader-0.11"
  | "grub-multiboot"
  | "grub-multiboot2"
  | "qemu-kernel"
  | "limine-8"
  | "limine-12"
  | "firecracker"
  | "cloud-hypervisor"
  | "openvmm";

/** What a verdict depends on besides the file. */
export interface Circumstances {
  /** The machine's memory in bytes. */
  readonly memory: number;
  /** Where a position-independent kernel is placed, for loaders that let the user choose. */
  readonly kernelBase?: bigint;
  /** The most bytes to allocate for a load. */
  readonly maxMemory?: number;
  /** Ends the work with its reason. */
  readonly signal?: AbortSignal;
  /** Returns the compiled code of liblzma, as for `unpack()` of `@kload/kload/formats`. */
  readonly liblzma?: () => Promise<WebAssembly.Module>;
}

/** What a loader does with a file. */
export interface Judgement extends Partial<Breach> {
  /** What becomes of the file. */
  readonly outcome: Outcome;
  /** The rule that it breaks, unless it boots. */
  readonly rule?: string;
  /** What the loader prints. */
  readonly words?: string;
  /** The command that helps, after the hint. The word `FILE` in it stands for the file's path. */
  readonly command?: string;
}

/** How a loader takes compressed files. */
export interface Unpacking {
  /** The containers that it unpacks before it looks at a file. */
  readonly formats: readonly FormatName[];
  /** What that depends on, in a sentence; absent if it depends on nothing. */
  readonly note?: string;
}

/** A loader. */
export interface Loader {
  /** Its name. */
  readonly name: LoaderName;
  /** Its name in a sentence, such as "GRUB's multiboot2 command". */
  readonly title: string;
  /** The versions that its rules were read from, or seen in. */
  readonly versions: string;
  /** The boot protocols of files that are meant for it. */
  readonly protocols: readonly ProtocolName[];
  /** How it takes compressed files. Default: as they are. */
  readonly unpacks?: Unpacking;
  /** The parts of a file that it looks at. */
  readonly parts: readonly FilePart[];
  /** Its rules, for the documentation; empty if its verdict is that of a load. */
  readonly rules: readonly Omit<Rule<never>, "broken">[];
  /** Predicts what it does with a file. */
  readonly judge: (
    model: FileModel,
    circumstances: Circumstances,
    file: KeptFile,
  ) => Judgement | Promise<Judgement>;
}
