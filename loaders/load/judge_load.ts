/**
 * The verdict of a loader whose rules are those of a load: the file is loaded, and what comes of it is the verdict.
 *
 * @module
 */

import type { Diagnostic } from "../../core/diagnostics.ts";
import { EM_X86_64, PF_X, PT_LOAD } from "../../core/elf/constants.ts";
import { errorHint, LoadError } from "../../core/errors.ts";
import type { FileModel } from "../../core/file/file_model.ts";
import type { KeptFile } from "../../core/file/kept_file.ts";
import { hexAddr } from "../../core/hex.ts";
import type { KernelSource } from "../../core/intake/source.ts";
import { loadKernel, type LoadOptions } from "../../core/load_kernel.ts";
import type { PluginEntry } from "../../core/plugin/plugin.ts";
import type { Judgement } from "../loader.ts";
import type { Rule } from "../rule.ts";
import { fieldOffset } from "./field_offset.ts";
import { formatOf } from "./format_of.ts";
import { moduleHint, namedValue, notElf, type RefusalText } from "./refusal_text.ts";

/** How a loader loads. */
export interface LoadProfile {
  /** The options of the load. */
  readonly options: LoadOptions<readonly PluginEntry[]>;
  /** The file, of which more may be read to say what it is. */
  readonly file: KeptFile;
  /** What the loader prints about an error, if that is known; `message` is what kload says. */
  readonly wordsOf: (error: LoadError, message: string) => string | undefined;
}

/** A loaded kernel that starts with a page fault. */
export const ENTRY_NOT_EXECUTABLE: Omit<Rule<never>, "broken"> = {
  id: "entry-not-executable",
  outcome: "fails",
  about: "The entry point does not lie in an executable page of the loaded kernel.",
  why:
    "The loader jumps to the entry point with its own page tables in use. If the page is not mapped, or may not be " +
    "executed, the processor faults on the first instruction, and as the kernel has no handler yet, the machine resets.",
  mend: "Name the entry function in ENTRY(…) of the linker script, and put its section into a PT_LOAD with PF_X.",
  source: 'Intel SDM volume 3A, "Access Rights": instruction fetches from pages with XD set, or not present, fault.',
};

/** Errors that say nothing about the file. */
const NOT_VERDICTS: readonly string[] = ["source-failed", "response-not-ok"];

/**
 * Loads a file and says what came of it.
 *
 * @param model The file, with its headers read.
 * @param source The same file, to load it.
 * @param profile How to load it.
 * @returns The verdict.
 * @throws {LoadError} "source-failed" if the source fails.
 */
export async function judgeLoad(model: FileModel, source: KernelSource, profile: LoadProfile): Promise<Judgement> {
  let kernel;
  try {
    kernel = await loadKernel<readonly PluginEntry[]>(source, profile.options);
  } catch (error) {
    if (!(error instanceof LoadError) || NOT_VERDICTS.includes(error.code)) throw error;
    return await refusal(model, error, profile);
  }
  const { entryPoint } = kernel;
  for (const { virt, size, executable } of kernel.mappings()) {
    if (entryPoint < virt || entryPoint >= virt + BigInt(size)) continue;
    if (executable) return accepted(model, kernel.diagnostics);
    return unenterable(model, entryPoint, "is mapped, but not executable", kernel.virtualAddressOffset);
  }
  return unenterable(model, entryPoint, "is not mapped", kernel.virtualAddressOffset);
}

/** A kernel that is entered, though it may not be what its author built. */
function accepted({ elf }: FileModel, diagnostics: readonly Diagnostic[]): Judgement {
  const machine = elf?.fileHeader.e_machine ?? EM_X86_64;
  if (machine !== EM_X86_64) {
    const message = `e_machine is ${hexAddr(machine)}, not that of x86-64 (0x3e): this loader does not check it, and ` +
      "the processor will run the kernel's code as x86-64 code.";
    return { outcome: "boots", message };
  }
  const misplaced = diagnostics.find(({ code }) => code === "bytes-misplaced");
  if (!misplaced) return { outcome: "boots" };
  const { index, message } = misplaced;
  if (index === undefined) return { outcome: "boots", message };
  return { outcome: "boots", index, message: `Program header ${index}: ${message}` };
}

/** The errors of a load that does not fit into its memory. */
export const OUT_OF_MEMORY: readonly string[] = ["memory-too-small", "frames-exhausted"];

/**
 * A file as the source of a load.
 *
 * @param file The file.
 * @returns The whole file, if it is kept and need not be read again; otherwise a reader.
 */
export function sourceOf(file: KeptFile): KernelSource {
  return file.whole() ?? file.reader();
}

async function refusal(model: FileModel, error: LoadError, { file, wordsOf }: LoadProfile): Promise<Judgement> {
  const { code, detail } = error;
  const offset = fieldOffset(model, detail);
  const { message, hint, command } = await refusalText(model, error, file);
  const words = wordsOf(error, message);
  return {
    outcome: "refuses",
    rule: code,
    ...(words === undefined ? {} : { words }),
    ...(detail.index === undefined ? {} : { index: detail.index }),
    ...(offset === undefined ? {} : { offset }),
    message,
    ...(hint ? { hint } : {}),
    ...(command === undefined ? {} : { command }),
  };
}

async function refusalText({ elf }: FileModel, error: LoadError, file: KeptFile): Promise<RefusalText> {
  const { code, detail, message } = error;
  const text = { message, hint: errorHint(code, detail) };
  if (code === "not-elf") return notElf(text, await formatOf(file));
  if (!elf) return text;
  const { fileHeader, sections } = elf;
  const hint = code === "type-unsupported" ? moduleHint(fileHeader, sections) : undefined;
  return { message: namedValue(code, message, fileHeader), hint: hint ?? text.hint };
}

/** What to do about an entry point that is right for others. */
const ENTERED_PHYSICALLY =
  "An entry point like this is for loaders that enter the kernel with paging off or with an identity mapping. For this " +
  "one, link an entry function at a virtual address, and name it in ENTRY(…).";

function unenterable(model: FileModel, entry: bigint, state: string, base: bigint): Judgement {
  const offset = fieldOffset(model, { field: "e_entry" });
  const linked = BigInt.asUintN(64, entry - base);
  const physical = model.elf?.programHeaders.find(({ p_type, p_flags, p_paddr, p_vaddr, p_memsz }) =>
    p_type === PT_LOAD && (p_flags & PF_X) !== 0 && p_paddr !== p_vaddr && linked >= p_paddr &&
    linked < p_paddr + p_memsz
  );
  const clue = physical
    ? ` It lies in the p_paddr range of program header ${physical.index}, so it is a physical address.`
    : "";
  const index = physical ? { index: physical.index } : {};
  const message = `The page at the entry point ${hexAddr(entry)} ${state}, so the kernel faults on its first ` +
    `instruction.${clue}`;
  const { id, outcome, mend } = ENTRY_NOT_EXECUTABLE;
  return {
    outcome,
    rule: id,
    ...index,
    ...(offset === undefined ? {} : { offset }),
    message,
    hint: physical ? ENTERED_PHYSICALLY : mend,
  };
}
