/**
 * Deno's permission flags.
 *
 * @module
 */

import { quoted } from "./shell_quote.ts";

/**
 * The flag that gives Deno a permission.
 *
 * @param permission Its name.
 * @param value The path or host that it is for.
 * @returns The flag as a shell takes it. One value cannot contain a comma, so such a value needs the whole permission.
 */
export function permissionFlag(permission: "net" | "read" | "write", value: string): string {
  return value.includes(",") ? `--allow-${permission}` : `--allow-${permission}=${quoted(value)}`;
}
