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
export function keptFiles(source: Pick<Source, "identity">, { lists }: Pick<Arguments, "lists">): readonly KeptFile[] {
  const modules = (lists.get("plugin") ?? []).map((module) => ({
    what: "the plugin's module",
    identity: () => identityOfModule(module),
  }));
  return [{ what: "the kernel file", identity: source.identity }, ...modules];
}

/** A module may be a URL instead of a file: then there is nothing to protect, and Deno may lack permission to look. */
async function identityOfModule(module: string): Promise<FileIdentity | undefined> {
  const path = await pathOfModule(module);
  const isFile = path !== "" && Deno.permissions.querySync({ name: "read", path }).state === "granted";
  const info = isFile ? await Deno.stat(path).catch(() => undefined) : undefined;
  return info && identityOf(info);
}

/** A file can also be given by its URL. */
async function pathOfModule(module: string): Promise<string> {
  if (!/^file:/i.test(module) || !URL.canParse(module)) return module;
  const { fromFileUrl } = await import("@std/path/from-file-url");
  return fromFileUrl(module);
}
