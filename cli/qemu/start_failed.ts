/**
 * The error of a QEMU that cannot be started.
 *
 * @module
 */

import { CliError, messageOf } from "../output/cli_error.ts";
import { permissionAdvice, permissionFlag } from "../output/permission_flag.ts";

/**
 * The error of a QEMU that cannot be started.
 *
 * @param cause Why.
 * @returns The error; if Deno lacks permissions, with the flags that give them.
 */
export function startFailed(cause: unknown): CliError {
  const lacking = cause instanceof Deno.errors.NotCapable;
  const { why, ...advice } = lacking ? permissionAdvice(missingFlags()) : { why: messageOf(cause) };
  return new CliError("qemu-failed", `Cannot start QEMU: ${why}`, { ...advice, cause });
}

/** Deno's permissions for a shell, for sockets (of which it can name no folder), and for the temporary folder. */
function missingFlags(): readonly string[] {
  const flags: string[] = [];
  if (lacks({ name: "run", command: "sh" })) flags.push("--allow-run=sh");
  if (lacks({ name: "net" })) flags.push("--allow-net");
  const canAsk = !lacks({ name: "env", variable: "TMPDIR" });
  const folder = (canAsk && Deno.env.get("TMPDIR")) || "/tmp";
  const paths = (["read", "write"] as const).filter((name) => lacks({ name, path: folder }));
  flags.push(...paths.map((name) => permissionFlag(name, folder)));
  // Without it, the folder is a guess: the next error can say better.
  if (!canAsk && flags.length === 0) flags.push("--allow-env=TMPDIR");
  return flags;
}

function lacks(permission: Deno.PermissionDescriptor): boolean {
  return Deno.permissions.querySync(permission).state !== "granted";
}
