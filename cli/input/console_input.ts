/**
 * Standard input for a guest: a pipe, a file, or a terminal.
 *
 * @module
 */

import { escapeKeys } from "./escape_keys.ts";
import { isInForeground, takeTerminal } from "./terminal.ts";

/** What a guest gets. */
export interface ConsoleInput extends Disposable {
  /** Whether keys of a terminal reach the guest at once, so that no key but Ctrl-A X ends the run. */
  readonly raw: boolean;
  /** Whether it is a terminal. */
  readonly terminal: boolean;
  /** Resolves when the way out was typed. */
  readonly quit: Promise<void>;
  /** The bytes for the guest, up to the end of the input. */
  readonly pieces: () => AsyncGenerator<Uint8Array>;
}

/**
 * Opens standard input. Disposing of it gives a terminal back.
 *
 * @param raw Whether to take the keys of a terminal at once; otherwise it passes on lines, and Ctrl-C is a signal.
 * @returns The input; `undefined` if it is a terminal that this process may not read, since it is in the background.
 */
export async function openConsole(raw: boolean): Promise<ConsoleInput | undefined> {
  const terminal = Deno.stdin.isTerminal();
  if (terminal && !await isInForeground()) return undefined;
  const giveBack = terminal && raw ? taken() : undefined;
  const quit = Promise.withResolvers<void>();
  const keys = escapeKeys();
  return {
    raw: giveBack !== undefined,
    terminal,
    quit: quit.promise,
    pieces: async function* () {
      for await (const piece of standardInput()) {
        if (!giveBack) yield piece;
        else yield keys.take(piece);
        if (keys.quit) return quit.resolve();
      }
    },
    [Symbol.dispose]: () => giveBack?.(),
  };
}

function taken(): (() => void) | undefined {
  try {
    return takeTerminal();
  } catch {
    return undefined;
  }
}

async function* standardInput(): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(2 ** 16);
  for (let length; (length = await Deno.stdin.read(buffer)) !== null;) yield buffer.slice(0, length);
}
