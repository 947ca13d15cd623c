/**
 * Deno's permission flags.
 *
 * @module
 */

import { quoted } from "./shell_quote.ts";

/** A permission of Deno. */
export type PermissionName = "net" | "read" | "write";

/**
 * The flag that gives Deno a permission.
 *
 * @param permission Its name.
 * @param value The path or host that it is for.
 * @returns The flag as a shell takes it. One value cannot contain a comma, so such a value needs the whole permission.
 */
export function permissionFlag(permission: PermissionName, value: string): string {
  return value.includes(",") ? `--allow-${permission}` : `--allow-${permission}=${quoted(value)}`;
}

/** What an error says about permissions that Deno lacks. */
export interface PermissionAdvice {
  /** The end of the message. */
  readonly why: string;
  /** The hint. */
  readonly hint: string;
  /** The flags, printed after the hint. */
  readonly command: string;
}

/**
 * The advice to give Deno permissions.
 *
 * @param flags The flags that are missing; none if Deno wants all permissions, as it does for some descriptors.
 * @returns The advice.
 */
export function permissionAdvice(flags: readonly string[]): PermissionAdvice {
  if (flags.length === 0) {
    return {
      why: "Deno lacks a permission",
      hint: "Give Deno all permissions, and no other flag:",
      command: "--allow-all",
    };
  }
  const all = [...new Set(flags)];
  const what = all.length === 1 ? "permission" : "permissions";
  // Next to a flag with values, Deno ignores the same flag without one.
  const isWhole = all.includes("--allow-read") || all.includes("--allow-write");
  const comma = isWhole ? ", which a list of paths cannot give for one with a comma" : "";
  return { why: `Deno lacks the ${what}${comma}`, hint: `Give Deno the ${what}:`, command: all.join(" ") };
}
