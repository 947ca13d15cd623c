/**
 * Commands to copy.
 *
 * @module
 */

import type { Paint } from "./paint.ts";

/**
 * A command after a label. The command is on a line of its own and is never wrapped, so that it can be copied.
 *
 * @param label What the command does, such as "boot it with".
 * @param command The command, its words quoted for a shell.
 * @param paint The colors.
 * @returns Two lines, indented like the facts of a report.
 */
export function commandLines(label: string, command: string, paint: Paint): readonly string[] {
  return [`  ${paint.faint(label)}`, `    ${command}`];
}
