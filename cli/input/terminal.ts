/**
 * The terminal that standard input is.
 *
 * @module
 */

import { onExit } from "../output/on_exit.ts";

const posix = Deno.build.os !== "windows";

/** Prints the process group of this process and the terminal's foreground process group, as Linux or as ps has them. */
const GROUPS = 'cat "/proc/$PPID/stat" 2>/dev/null || ps -o pgid= -o tpgid= -p "$PPID"';

/**
 * Whether this process may read its terminal: one in the background would be stopped for it.
 *
 * @returns False if it is in the background; true if that is not known.
 */
export async function isInForeground(): Promise<boolean> {
  if (!posix) return true;
  try {
    const { stdout } = await new Deno.Command("sh", { args: ["-c", GROUPS], stdin: "null", stderr: "null" }).output();
    return isForeground(new TextDecoder().decode(stdout));
  } catch {
    return true;
  }
}

/**
 * Reads what Linux or ps says of a process's groups.
 *
 * @param text The process's `stat` in Linux's /proc, or its group and its terminal's foreground group.
 * @returns Whether they are the same; true if the text has neither form.
 */
export function isForeground(text: string): boolean {
  // proc(5): "pid (comm) state ppid pgrp session tty_nr tpgid …", where comm may contain anything
  const fields = text.slice(text.lastIndexOf(")") + 1).trim().split(/\s+/);
  const [group, foreground] = text.includes(")") ? [fields[2], fields[5]] : fields;
  return foreground === undefined || group === foreground;
}

/**
 * Takes the terminal: keys arrive at once, are not echoed, and raise no signals.
 *
 * @returns Gives the terminal back; also done if the process exits before that.
 * @throws {Error} If the terminal does not let it.
 */
export function takeTerminal(): () => void {
  Deno.stdin.setRaw(true);
  let isTaken = true;
  const giveBack = (): void => {
    if (!isTaken) return;
    isTaken = false;
    try {
      Deno.stdin.setRaw(false);
    } catch {
      // the terminal is gone
    }
  };
  // A shell takes the terminal back while its job is stopped.
  const retake = (): void => void isInForeground().then((isThere) => isTaken && isThere && Deno.stdin.setRaw(true));
  const callOff = onExit(giveBack);
  if (posix) Deno.addSignalListener("SIGCONT", retake);
  return () => {
    giveBack();
    callOff();
    if (posix) Deno.removeSignalListener("SIGCONT", retake);
  };
}
