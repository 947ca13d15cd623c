/**
 * Standard output and standard error, and what the switches ask of them.
 *
 * @module
 */

import { CliError, messageOf } from "./cli_error.ts";
import { type ColorChoice, colorEnvironment, usesColor } from "./color.ts";
import { pageOf } from "./page.ts";
import { type Paint, paintFor } from "./paint.ts";

/** Where a command prints, and how. */
export interface Output {
  /** Whether standard output gets one JSON object and nothing else. */
  readonly json: boolean;
  /** Whether to leave out the report and the progress line. */
  readonly quiet: boolean;
  /** Whether there is to be more: remarks of severity "info", and the stack of a plugin's error. */
  readonly verbose: boolean;
  /** Colors and width of standard output. */
  readonly paint: Paint;
  /** Colours and width of standard error. */
  readonly paintError: Paint;
  /** Prints to standard output. A reader that went away is no error; anything else is a `CliError` "output-failed". */
  readonly print: (text: string) => Promise<void>;
  /** Prints to standard error, if possible. */
  readonly printError: (text: string) => Promise<void>;
}

/** The flags about output. */
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
  return {
    json,
    quiet,
    verbose,
    paint: paintFor(usesColor(color, environment, Deno.stdout.isTerminal()), pageOf(Deno.stdout)),
    paintError: paintFor(usesColor(color, environment, Deno.stderr.isTerminal()), pageOf(Deno.stderr)),
    print: async (text) => {
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

async function writeAll(stream: { write(bytes: Uint8Array): Promise<number> }, text: string): Promise<void> {
  for (let bytes = new TextEncoder().encode(text); bytes.length > 0;) {
    bytes = bytes.subarray(await stream.write(bytes));
  }
}
