/**
 * What programs read: one JSON object, in which every bigint and address is a "0x…" string and bytes are hex.
 *
 * @module
 */

import { encodeHex } from "@std/encoding/hex";
import {
  type Diagnostic,
  errorHint,
  type Headers,
  type LoadError,
  type RuleSetName,
  segmentTypeName,
} from "../../mod.ts";
import type { Problem } from "../output/cli_error.ts";
import type { Kernel } from "../commands/load_by_preset.ts";
import { memorySha256 } from "../output/memory_pieces.ts";
import { flagLetters, mappingLetters } from "./header_names.ts";
import { hex, printable } from "../output/text.ts";

/**
 * A loaded kernel.
 *
 * @param kernel The kernel.
 * @param signal Ends the work with its reason.
 * @returns The object, and a line break.
 */
export async function kernelJson(kernel: Kernel, signal: AbortSignal): Promise<string> {
  const { entryPoint, virtualAddressOffset, tlsTemplate = null, usedLevel4Entries } = kernel;
  const mappings = Array.from(kernel.mappings(), (mapping) => {
    const { virt, phys, size } = mapping;
    return { virt, phys: hex(phys), size, flags: mappingLetters(mapping) };
  });
  return stringify({
    entryPoint,
    virtualAddressOffset,
    tlsTemplate,
    usedLevel4Entries: [...usedLevel4Entries],
    level4Frame: hex(kernel.level4Frame),
    framesAllocated: kernel.framesAllocated,
    nextFrame: hex(kernel.nextFrame),
    memorySha256: await memorySha256(kernel, signal),
    mappings,
    diagnostics: kernel.diagnostics,
    bytesRead: kernel.bytesRead,
    results: kernel.results,
  });
}

/** What the default rules find in headers. */
export interface Findings {
  /** Why they refuse the file, where the headers show that. */
  readonly objection?: LoadError;
  /** What they have to say about it, as far as it was looked at. */
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * The headers of a file.
 *
 * @param headers The headers.
 * @param findings What the default rules find in them; `undefined` where they could not be asked.
 * @returns The object, and a line break.
 */
export function headersJson({ fileHeader, programHeaders, bytesRead }: Headers, findings?: Findings): string {
  const objection = findings?.objection;
  return stringify({
    fileHeader,
    programHeaders: programHeaders.map((phdr) => {
      return { ...phdr, type: segmentTypeName(phdr.p_type), flags: flagLetters(phdr.p_flags) };
    }),
    bytesRead,
    objection: objection
      ? {
        code: objection.code,
        message: objection.message,
        detail: objection.detail,
        hint: errorHint(objection.code),
      }
      : null,
    diagnostics: findings?.diagnostics ?? [],
  });
}

/**
 * An error.
 *
 * @param problem What went wrong.
 * @param acceptedBy The other rule sets that accept the file, where that is known.
 * @returns The object, and a line break.
 */
export function errorJson(
  { code, message, detail, cause, hint, stack }: Problem,
  acceptedBy?: readonly RuleSetName[],
): string {
  return stringify({ error: { code, message, detail, cause, hint, stack, acceptedBy } });
}

/**
 * An object, as one line.
 *
 * @param value The object; bigints and bytes in it become strings.
 * @returns JSON, and a line break.
 */
export function stringify(value: object): string {
  return printable(JSON.stringify(value, plainValue)) + "\n";
}

function plainValue(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return value < 0n ? `-${hex(-value)}` : hex(value);
  if (value instanceof Uint8Array) return encodeHex(value);
  if (value instanceof Map) return Object.fromEntries(value);
  if (value instanceof Set) return [...value];
  return value;
}
