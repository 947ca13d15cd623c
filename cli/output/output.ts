/**
 * Standard output and standard error, set up as the flags ask.
 *
 * @module
 */

import { CliError, messageOf } from "./cli_error.ts";
import { type ColorChoice, colorEnvironment, usesColor } from "./color.ts";
import { pageOf } from "./page.ts";
import { type Paint, paintFor } from "./paint.ts";
import type { ProgressLine } from "./progress.ts";

/** Where a command prints, and how. */
export interface Output {
  /** Whether to print one JSON object, and nothing else, to standard output. */
  readonly json: boolean;
  /** Whether to print no report and no progress line. */
  readonly quiet: boolean;
  /** Whether to print more: remarks of severity "info", and the stack of a plugin's error. */
  readonly verbose: boolean;
  /** Colors and width of standard output. */
  readonly paint: Paint;
  /** Colors and width of standard error. */
  readonly paintError: Paint;
  /** Prints to standard output. A closed pipe is ignored; any other failure is a `CliError` "output-failed". */
  readonly print: (text: string) => Promise<void>;
  /** Prints to standard error, if possible. */
  readonly printError: (text: string) => Promise<void>;
}

/** The flags that control output. */
export interface OutputFlags extends Pick<Output, "json" | "quiet" | "verbose"> {
  /** When to print colors. */
  readonly color: ColorChoice;
}

/**
 * Opens the output as the flags ask.
 *
 * @param flags The flags.
 * @returns The output.
 */
export function openOutput({ json, quiet, verbose, color }: OutputFlags): Output {
  const environment = colorEnvironment();
  let printing = false;
  return {
    json,
    quiet,
    verbose,
    paint: paintFor(usesColor(color, environment, Deno.stdout.isTerminal()), pageOf(Deno.stdout)),
    paintError: paintFor(usesColor(color, environment, Deno.stderr.isTerminal()), pageOf(Deno.stderr)),
    print: async (text) => {
      if (json && printing) return; // an interruption while the object is printed must not add a second one
      printing = true;
      try {
        await writeAll(Deno.stdout, text);
      } catch (cause) {
        if (cause instanceof Deno.errors.BrokenPipe) return;
        throw new CliError("output-failed", `Cannot write to standard output: ${messageOf(cause)}`, { cause });
      }
    },
    printError: (text) => writeAll(Deno.stderr, text).catch(() => {}),
  };
}

/**
 * Starts the progress line of a command, which shows on a terminal only, and not with `--quiet`.
 *
 * @param output Where the command prints.
 * @param verb What is done with the bytes; "loading" by default.
 * @returns The line; the caller stops it.
 */
export async function progressLine({ quiet }: Output, verb?: string): Promise<ProgressLine> {
  if (quiet || !Deno.stderr.isTerminal()) return { update: () => {}, stop: () => {} };
  const { startProgress } = await import("./progress.ts");
  const encoder = new TextEncoder();
  return startProgress((text) => Deno.stderr.writeSync(encoder.encode(text)), verb);
}

async function writeAll(stream: { write(bytes: Uint8Array): Promise<number> }, text: string): Promise<void> {
  for (let bytes = new TextEncoder().encode(text); bytes.length > 0;) {
    bytes = bytes.subarray(await stream.write(bytes));
  }
}
