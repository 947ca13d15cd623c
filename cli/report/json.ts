/**
 * What programs read: one JSON object, in which every bigint and address is a "0x…" string and bytes are hex. docs/json.md
 * describes every object, docs/json.schema.json is its schema.
 *
 * @module
 */

import { encodeHex } from "@std/encoding/hex";
import type { Diagnostic, Headers, LoadError, ProgramHeader, RuleSetName } from "../../mod.ts";
import { segmentTypeName } from "../../core/elf/constants.ts";
import { errorHint } from "../../core/errors.ts";
import { memorySha256 } from "../output/memory_pieces.ts";
import { hex, printable } from "../output/text.ts";
import { className, endianName, flagLetters, machineName, mappingLetters } from "./header_names.ts";
import type { Kernel } from "./kernel.ts";
import type { Problem } from "./problem.ts";

/** Changes when a field is removed or changes its meaning; not when one is added. */
const VERSION = 1;

/**
 * A loaded kernel.
 *
 * @param kernel The kernel.
 * @param about What to call the file, and the rule set that it was loaded by.
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
  /** Why they refuse the file, if the headers show that. */
  readonly objection?: LoadError;
  /** What they remark on, as far as they were applied. */
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * The headers of a file.
 *
 * @param name What to call the file.
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
 * @param acceptedBy The other rule sets by which the file loads rightly, if that is known.
 * @returns The object, and a line break.
 */
export function errorJson(problem: Problem, acceptedBy?: readonly RuleSetName[]): string {
  const { name, code, message, detail, cause, hint, command, stack, diagnostics } = problem;
  const advice = command === undefined ? hint : `${hint} ${command}`;
  return versionedJson({ name, error: { code, message, detail, cause, hint: advice, stack, diagnostics, acceptedBy } });
}

/**
 * An object with the version of the contract in front, as one line.
 *
 * @param value The object; bigints and bytes in it become strings.
 * @returns JSON, and a line break.
 */
export function versionedJson(value: object): string {
  return printable(JSON.stringify({ version: VERSION, ...value }, plainValue)) + "\n";
}

function plainValue(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return hex(value);
  if (value instanceof Uint8Array) return encodeHex(value);
  if (value instanceof Map) return Object.fromEntries(value);
  if (value instanceof Set) return [...value];
  return value;
}
