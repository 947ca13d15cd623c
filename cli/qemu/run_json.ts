/**
 * The JSON of `kload run`.
 *
 * @module
 */

import type { FaultEvent, FaultExplanation } from "../../explain/fault/fault_explanation.ts";
import type { Source } from "../input/source.ts";
import type { ExceptionLog } from "./exception_log.ts";
import type { End } from "./run_report.ts";
import type { CapturedOutput } from "./serial_output.ts";
import type { Bootable } from "../report/bootable.ts";
import { fileFormat, versionedJson } from "../report/json.ts";
import type { Recognized } from "../report/recognized.ts";
import { plainWalk } from "../report/walk_json.ts";

/** A guest that was run, or not. */
export interface RunOfGuest {
  /** The kernel. */
  readonly bootable: Pick<Bootable, "kernel">;
  /** Its file. */
  readonly file: { readonly source: Pick<Source, "name">; readonly recognize: () => Promise<Recognized> };
  /** The exit status. */
  readonly status: number;
  /** How it ended; absent if it was not started. */
  readonly ended?: {
    /** How it ended. */
    readonly end: End;
    /** QEMU's log. */
    readonly log: ExceptionLog;
    /** Why it ended, if that was asked. */
    readonly explanation?: FaultExplanation;
    /** What the guest wrote to its first serial port. */
    readonly serial: CapturedOutput;
    /** What QEMU itself wrote to standard output. */
    readonly output: CapturedOutput;
  };
}

/**
 * How a guest ended.
 *
 * @param run The guest.
 * @returns The object, and a line break.
 */
export async function runJson({ bootable: { kernel }, file, status, ended }: RunOfGuest): Promise<string> {
  const recognized = await file.recognize();
  return versionedJson({
    name: file.source.name,
    format: fileFormat(recognized),
    protocols: recognized.protocols,
    status,
    end: ended?.end ?? null,
    serial: ended ? plainOutput(ended.serial) : null,
    output: ended && ended.output.written() > 0 ? plainOutput(ended.output) : undefined,
    messages: ended?.log.messages() ?? [],
    explanation: ended?.explanation ? plainExplanation(ended.explanation) : null,
    diagnostics: kernel.diagnostics,
  });
}

function plainOutput({ kept, written }: CapturedOutput): object {
  const bytes = kept();
  return { bytes: written(), text: new TextDecoder().decode(bytes), truncated: bytes.length < written() };
}

function plainExplanation({ before, ...explanation }: FaultExplanation): object {
  return { ...plainEvent(explanation), before: before && plainEvent(before) };
}

/** Names of registers, without what else QEMU prints in the same form. */
const REGISTER =
  /^([RE]([A-D]X|[SD]I|[SB]P|IP|FL)|R\d+|[CD]R\d|EFER|[C-GS]S( base)?|(GDT|IDT)( limit)?|(LDT|TR)( base)?|CPL|HLT)$/;

/** Physical addresses are numbers in the model. */
function plainEvent({ page, registers, ...event }: FaultEvent): object {
  return {
    ...event,
    page: page && { ...page, walk: page.walk && plainWalk(page.walk) },
    registers: Object.fromEntries(Object.entries(registers).filter(([name]) => REGISTER.test(name))),
  };
}
