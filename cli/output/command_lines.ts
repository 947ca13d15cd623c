/**
 * Commands to be copied.
 *
 * @module
 */

import type { Paint } from "./paint.ts";

/**
 * A command with what it is for. The command stands on a line of its own and is never wrapped: a line break would be
 * copied with it.
 *
 * @param label What the command does, such as "boot it with".
 * @param command The command, its words quoted for a shell.
 * @param paint The colours.
 * @returns Two lines, indented like the facts of a report.
 */
export function commandLines(label: string, command: string, paint: Paint): readonly string[] {
  return [`  ${paint.faint(label)}`, `    ${command}`];
}
