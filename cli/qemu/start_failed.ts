/**
 * The error of a QEMU that cannot be started.
 *
 * @module
 */

import { CliError, messageOf } from "../output/cli_error.ts";
import { neededFlag, permissionAdvice, permissionFlag } from "../output/permission_flag.ts";

/**
 * The error of a QEMU that cannot be started.
 *
 * @param cause Why.
 * @returns The error; if Deno lacks permissions, with the flags that give them.
 */
export function startFailed(cause: unknown): CliError {
  const needed = neededFlag(cause);
  const { why, ...advice } = needed === undefined ? { why: messageOf(cause) } : permissionAdvice(missingFlags(needed));
  return new CliError("qemu-failed", `Cannot start QEMU: ${why}`, { ...advice, cause });
}

/** Deno's permissions for a shell, for sockets (of which it can name no folder), and for the temporary folder. */
function missingFlags(needed: string): readonly string[] {
  const flags: string[] = [];
  if (lacks({ name: "run", command: "sh" })) flags.push("--allow-run=sh");
  if (lacks({ name: "net" })) flags.push("--allow-net");
  if (lacks({ name: "env", variable: "TMPDIR" })) return [...flags, needed]; // a shell knows the folder
  const folder = Deno.env.get("TMPDIR") || "/tmp";
  const paths = (["read", "write"] as const).filter((name) => lacks({ name, path: folder }));
  return [...flags, ...paths.map((name) => permissionFlag(name, folder))];
}

function lacks(permission: Deno.PermissionDescriptor): boolean {
  return Deno.permissions.querySync(permission).state !== "granted";
}
