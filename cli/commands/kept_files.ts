/**
 * The files that a command reads, which none of its outputs may replace.
 *
 * @module
 */

import type { Arguments } from "../arguments/parse_arguments.ts";
import type { Source } from "../input/source.ts";
import { type FileIdentity, identityOf, type KeptFile } from "../output/same_file.ts";

/**
 * Lists the kernel's file and the modules of plugins.
 *
 * @param source The kernel's file.
 * @param args The arguments.
 * @returns The files.
 */
export function keptFiles(source: Source, { lists }: Arguments): readonly KeptFile[] {
  const modules = (lists.get("plugin") ?? []).map((module) => ({
    what: "the plugin's module",
    identity: () => identityOfModule(module),
  }));
  return [{ what: "the kernel file", identity: source.identity }, ...modules];
}

/** A module may be no file, but have a URL; importing it needs no permission to read it. */
async function identityOfModule(module: string): Promise<FileIdentity | undefined> {
  const path = module.startsWith("file:") ? new URL(module) : module;
  const isFile = module !== "" && Deno.permissions.querySync({ name: "read", path }).state === "granted";
  const info = isFile ? await Deno.stat(path).catch(() => undefined) : undefined;
  return info && identityOf(info);
}
