/**
 * The JSON output: one object, in which every bigint and address is a "0x…" string and bytes are hex. docs/json.md
 * describes every object, and docs/json.schema.json is the schema.
 *
 * @module
 */

import type { Diagnostic, Headers, LoadError, ProgramHeader, RuleSetName } from "../../mod.ts";
import { segmentTypeName } from "../../core/elf/constants.ts";
import { errorHint } from "../../core/errors.ts";
import { memorySha256 } from "../output/memory_pieces.ts";
import { hex, printable } from "../output/text.ts";
import { className, endianName, flagLetters, machineName, mappingLetters } from "./header_names.ts";
import type { Kernel } from "./kernel.ts";
import { plainValue } from "./plain_value.ts";
import type { Problem } from "./problem.ts";

/** Changes when a field is removed or changes its meaning, but not when one is added. */
const VERSION = 1;

/**
 * A loaded kernel.
 *
 * @param kernel The kernel.
 * @param about The name of the file, and the rule set that it was loaded by.
 * @param signal Ends the work with its reason.
 * @returns The object, and a line break.
 */
export async function kernelJson(
  kernel: Kernel,
  { name, rules }: { readonly name: string; readonly rules: RuleSetName },
  signal: AbortSignal,
): Promise<string> {
  const { fileHeader, programHeaders, entryPoint, virtualAddressOffset, tlsTemplate = null } = kernel;
  const mappings = Array.from(kernel.mappings(), (mapping) => {
    const { virt, phys, size } = mapping;
    return { virt, phys: hex(phys), size, flags: mappingLetters(mapping) };
  });
  return versionedJson({
    name,
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

/** What the default rules find in headers. */
export interface Findings {
  /** Why they refuse the file, if the headers show it. */
  readonly objection?: LoadError;
  /** What they report, as far as they could be applied. */
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * The headers of a file.
 *
 * @param name The name of the file.
 * @param headers The headers.
 * @param findings What the default rules find in them; `undefined` if they could not be applied.
 * @returns The object, and a line break.
 */
export function headersJson(
  name: string,
  { fileHeader, programHeaders, bytesRead }: Headers,
  findings?: Findings,
): string {
  return versionedJson({
    name,
    machine: machineName(fileHeader),
    class: className(fileHeader),
    endian: endianName(fileHeader),
    fileHeader,
    programHeaders: programHeaders.map(namedHeader),
    bytesRead,
    objection: findings?.objection ? objectionOf(findings.objection) : null,
    diagnostics: findings?.diagnostics ?? [],
  });
}

function objectionOf({ code, message, detail }: LoadError): object {
  return { code, message, detail, hint: errorHint(code, detail) };
}

function namedHeader(phdr: ProgramHeader): object {
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
  const { name, code, message, detail, cause, hint, command, stack, diagnostics } = problem;
  const advice = command === undefined ? hint : `${hint} ${command}`;
  return versionedJson({ name, error: { code, message, detail, cause, hint: advice, stack, diagnostics, acceptedBy } });
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
