/**
 * Deno's permission flags.
 *
 * @module
 */

import { quoted } from "./shell_quote.ts";

/** How Deno says which permission it lacks; errors of a module's imports go on with their place. */
const LACKING =
  /^Requires (all|env|ffi|import|net|read|run|sys|write) access(?: to (?:"([^\n]*)"|<TMP>))?, run again with the --allow-/;

/** The temporary folder, as a shell takes it: the folder in it that holds the files of `kload run` is new each time. */
const TEMPORARY = '"${TMPDIR:-/tmp}"';
const RUN_FILE = /[\\/]kload-run-[^\\/]*[\\/]/;

/**
 * The flag that gives Deno a permission.
 *
 * @param permission Its name.
 * @param value The path or host that it is for.
 * @returns The flag as a shell takes it. One value cannot contain a comma, so such a value needs the whole permission.
 */
export function permissionFlag(permission: string, value: string): string {
  return value.includes(",") ? `--allow-${permission}` : `--allow-${permission}=${quoted(value)}`;
}

/**
 * The flag that gives Deno the permission that it lacks.
 *
 * @param error What was thrown, in Deno itself or by an `import()`.
 * @param path The path as the user typed it, if the permission is about one.
 * @returns The flag as a shell takes it, such as `--allow-read=kernel.elf`; `undefined` if the error is about anything
 * else.
 */
export function neededFlag(error: unknown, path?: string): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const [found, permission, value] = LACKING.exec(error.message) ?? [];
  if (found === undefined) return undefined;
  if (found.includes("<TMP>") || (value !== undefined && RUN_FILE.test(value) && permission !== "net")) {
    return `--allow-${permission}=${TEMPORARY}`;
  }
  const isAboutPath = permission === "read" || permission === "write";
  if (isAboutPath && path !== undefined) return permissionFlag(permission, path);
  // Only --allow-all covers device files, and no list of hosts can name a socket in a new folder.
  const isWhole = permission === "all" || value === undefined || value.startsWith("unix:");
  return isWhole ? `--allow-${permission}` : permissionFlag(permission, value);
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
      hint: "Give Deno all permissions, and no other permission flag:",
      command: "--allow-all",
    };
  }
  const all = [...new Set(flags)];
  const what = all.length === 1 ? "permission" : "permissions";
  // Next to a flag with values, Deno ignores the same flag without one.
  const isWhole = all.includes("--allow-read") || all.includes("--allow-write");
  const comma = isWhole ? "; none can be limited to a path with a comma" : "";
  return { why: `Deno lacks the ${what}${comma}`, hint: `Give Deno the ${what}:`, command: all.join(" ") };
}
