/**
 * The JSON output: one object, in which every bigint and address is a "0x…" string and bytes are hex. docs/json.md
 * describes every object, and docs/json.schema.json is the schema.
 *
 * @module
 */

import type { ProgramHeader, RuleSetName } from "../../mod.ts";
import { segmentTypeName } from "../../core/elf/constants.ts";
import type { FormatName } from "../../formats/format.ts";
import { memorySha256 } from "../output/memory_pieces.ts";
import { hex, printable } from "../output/text.ts";
import { flagLetters, mappingLetters } from "../../core/elf/permission_letters.ts";
import type { Kernel } from "./kernel.ts";
import { plainValue } from "./plain_value.ts";
import type { Problem } from "./problem.ts";
import type { Recognized } from "./recognized.ts";

/** Changes when a field is removed or changes its meaning, but not when one is added. */
const VERSION = 1;

/**
 * A loaded kernel.
 *
 * @param kernel The kernel.
 * @param about The name of the file, what was recognized of it, and the rule set that it was loaded by.
 * @param signal Ends the work with its reason.
 * @returns The object, and a line break.
 */
export async function kernelJson(
  kernel: Kernel,
  { name, recognized, rules }: {
    readonly name: string;
    readonly recognized: Recognized;
    readonly rules: RuleSetName;
  },
  signal: AbortSignal,
): Promise<string> {
  const { fileHeader, programHeaders, entryPoint, virtualAddressOffset, tlsTemplate = null } = kernel;
  const mappings = Array.from(kernel.mappings(), (mapping) => {
    const { virt, phys, size } = mapping;
    return { virt, phys: hex(phys), size, flags: mappingLetters(mapping) };
  });
  return versionedJson({
    name,
    format: fileFormat(recognized),
    protocols: recognized.protocols,
    rules,
    fileHeader,
    programHeaders: programHeaders.map(namedHeader),
    entryPoint,
    virtualAddressOffset,
    tlsTemplate,
    usedLevel4Entries: [...kernel.usedLevel4Entries],
    level4Frame: hex(kernel.level4Frame),
    framesAllocated: kernel.framesAllocated,
    nextFrame: hex(kernel.nextFrame),
    memorySha256: await memorySha256(kernel, signal),
    mappings,
    frames: kernel.frameRuns().map(({ owner, phys, size }) => ({ owner, phys: hex(phys), size })),
    diagnostics: kernel.diagnostics,
    bytesRead: kernel.bytesRead,
    results: kernel.results,
  });
}

/**
 * The format of a file that was loaded.
 *
 * @param recognized What was recognized of it.
 * @returns "elf", or what the kernel is compressed in.
 */
export function fileFormat({ layers }: Pick<Recognized, "layers">): FormatName {
  return layers[0]?.name ?? "elf";
}

/**
 * A program header, with its type and flags in words.
 *
 * @param phdr The header.
 * @returns The object.
 */
export function namedHeader(phdr: ProgramHeader): object {
  return { ...phdr, type: segmentTypeName(phdr.p_type), flags: flagLetters(phdr.p_flags) };
}

/**
 * An error.
 *
 * @param problem What went wrong.
 * @param acceptedBy The other rule sets that load the file correctly, if that is known.
 * @returns The object, and a line break.
 */
export function errorJson(problem: Problem, acceptedBy?: readonly RuleSetName[]): string {
  const { name, code, message, detail, format, cause, hint, command, stack, diagnostics } = problem;
  const advice = command === undefined ? hint : `${hint} ${command}`;
  return versionedJson({
    name,
    error: { code, message, detail, format, cause, hint: advice, stack, diagnostics, acceptedBy },
  });
}

/**
 * Serializes an object on one line, with the version of the contract in front.
 *
 * @param value The object; bigints and bytes in it become strings.
 * @returns JSON, and a line break.
 */
export function versionedJson(value: object): string {
  return printable(JSON.stringify(plainValue({ version: VERSION, ...value }))) + "\n";
}
