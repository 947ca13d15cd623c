/**
 * The JSON object of `kload inspect`.
 *
 * @module
 */

import type { LoadError } from "../../mod.ts";
import { errorHint } from "../../core/errors.ts";
import type { ElfModel } from "../../core/file/file_model.ts";
import type { InspectedFile } from "./examined_file.ts";
import { className, endianName, machineName } from "../../core/elf/header_names.ts";
import { namedHeader, versionedJson } from "./json.ts";
import { formatAdvice } from "../output/format_advice.ts";
import { refusalOf } from "./refusal_of.ts";

/**
 * What a file is.
 *
 * @param file The file.
 * @param name The name of the file.
 * @param path Its path, if commands can use it.
 * @returns The object, and a line break.
 */
export function inspectJson(file: InspectedFile, name: string, path?: string): string {
  return versionedJson({ name, ...fileJson(file, path) });
}

function fileJson(file: InspectedFile, path: string | undefined): object {
  const { format, elf, protocols, interpreter, bytesRead, findings, inside, obstacle, unread } = file;
  const { hint, command } = refusalOf("not-elf", { message: "" }, file, path);
  return {
    format: format.name,
    description: format.description,
    hint: elf || inside || obstacle || hint === undefined
      ? undefined
      : command === undefined
      ? hint
      : `${hint} ${command}`,
    ...(elf && headersJson(elf)),
    interpreter,
    inside: inside && fileJson(inside, undefined),
    obstacle: obstacle && adviceOf(obstacle, path),
    protocols,
    bytesRead,
    unread: unread.length === 0 ? undefined : unread,
    objection: findings?.objection ? objectionOf(findings.objection, file, path) : null,
    diagnostics: findings?.diagnostics ?? [],
  };
}

function headersJson({ fileHeader, programHeaders }: ElfModel): object {
  return {
    machine: machineName(fileHeader),
    class: className(fileHeader),
    endian: endianName(fileHeader),
    fileHeader,
    programHeaders: programHeaders.map(namedHeader),
  };
}

function objectionOf({ code, message, detail }: LoadError, file: InspectedFile, path: string | undefined): object {
  const text = refusalOf(code, { message, hint: errorHint(code, detail) }, file, path);
  return { code, message: text.message, detail, hint: joined(text.hint, text.command) };
}

function adviceOf(
  { message, advice }: NonNullable<InspectedFile["obstacle"]>,
  path: string | undefined,
): object {
  const { hint, command } = advice ? formatAdvice(advice, path) : {};
  return { message, hint: joined(hint, command) };
}

function joined(hint: string | undefined, command: string | undefined): string | undefined {
  return command === undefined ? hint : `${hint} ${command}`;
}
