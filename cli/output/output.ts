/**
 * Standard output and standard error, and what the switches ask of them.
 *
 * @module
 */

import { CliError, messageOf } from "./cli_error.ts";
import { pageOf } from "./page.ts";
import { type Paint, paintFor } from "./paint.ts";

/** Where a command prints, and how. */
export interface Output {
  /** Whether standard output gets one JSON object and nothing else. */
  readonly json: boolean;
  /** Whether to leave out the report and the progress line. */
  readonly quiet: boolean;
  /** Whether the report has the remarks of severity "info" too. */
  readonly verbose: boolean;
  /** Colours and width of standard output. */
  readonly paint: Paint;
  /** Colours and width of standard error. */
  readonly paintError: Paint;
  /** Prints to standard output. A reader that went away is no error; anything else is a `CliError` "output-failed". */
  readonly print: (text: string) => Promise<void>;
  /** Prints to standard error, if possible. */
  readonly printError: (text: string) => Promise<void>;
}

/**
 * Opens the output as the switches ask. They are looked for before the arguments are checked, so that a wrong flag is
 * reported in JSON too.
 *
 * @param args All the arguments.
 * @returns The output.
 */
export function openOutput(args: readonly string[]): Output {
  const flags = args.slice(0, args.includes("--") ? args.indexOf("--") : args.length);
  const has = (name: string): boolean => {
    return flags.some((flag) => flag === `--${name}` || (/^-[jqv]+$/.test(flag) && flag.includes(name[0])));
  };
  const coloured = !flags.includes("--no-color");
  return {
    json: has("json"),
    quiet: has("quiet"),
    verbose: has("verbose"),
    paint: paintFor(coloured && Deno.stdout.isTerminal(), pageOf(Deno.stdout)),
    paintError: paintFor(coloured && Deno.stderr.isTerminal(), pageOf(Deno.stderr)),
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
