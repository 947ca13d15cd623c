/**
 * Plugins from the user's own modules, and what is wrong with those that cannot be used.
 *
 * @module
 */

import { resolve } from "@std/path/resolve";
import { toFileUrl } from "@std/path/to-file-url";
import { isKebabCase } from "../../core/pipeline/kebab_case.ts";
import type { AnyPlugin } from "../../mod.ts";
import { CliError, messageOf, usageError } from "../output/cli_error.ts";
import { neededFlag } from "../output/permission_flag.ts";
import { printable } from "../output/text.ts";
import { unresolvedImport } from "./unresolved_import.ts";

/** A plugin, and the module that it comes from. */
export interface ImportedPlugin {
  /** The module as it was typed: a path or a URL. */
  readonly module: string;
  /** The plugin. */
  readonly plugin: AnyPlugin;
}

/** What is wrong with a plugin, and what to write instead. */
interface Fault {
  readonly message: string;
  readonly hint: string;
}

const WRITE_OBJECT = "Write: export const plugin = { name: …, handlers: […] };";

/**
 * Imports a module and returns the plugin that it exports.
 *
 * @param module The module: a path or a URL.
 * @returns The plugin; its handlers and stages are not checked yet.
 * @throws {CliError} "plugin-failed" if the module cannot be imported, "usage" if it does not export a plugin.
 */
export async function importPlugin(module: string): Promise<ImportedPlugin> {
  const url = /^[a-z]{2,}:/.test(module) ? module : toFileUrl(resolve(module)).href;
  const found: Readonly<Record<string, unknown>> = await import(url).catch((cause) => {
    throw importError(module, cause);
  });
  const { plugin } = found;
  const fault = plugin === undefined ? missingExport(found) : faultOf(plugin, module);
  if (!fault) return { module, plugin: plugin as AnyPlugin };
  throw usageError(`Cannot use the plugin ${printable(module)}: ${fault.message}`, fault.hint, {
    flag: "plugin",
    value: module,
  });
}

/** The error of a module that throws, which has a stack worth showing, or that cannot be linked at all. */
function importError(module: string, cause: unknown): CliError {
  const what = `Cannot load the plugin ${printable(module)}`;
  const command = neededFlag(cause, pathIn(cause, module));
  if (command !== undefined) {
    const hint = "Give Deno the permission:";
    const detail = { flag: "plugin", value: module };
    return new CliError("plugin-failed", `${what}: Deno lacks the permission`, { hint, command, detail });
  }
  if (!isAboutModules(cause)) {
    return new CliError("plugin-failed", `${what}: ${messageOf(cause)}`, {
      detail: { flag: "plugin", value: module },
      cause,
    });
  }
  // deno-lint-ignore no-control-regex
  const [first, ...more] = cause.message.replaceAll(/\x1b\[[0-9;]*m/g, "").split("\n");
  const place = /^\s+at (\S+)$/.exec(more.at(-1) ?? "")?.[1];
  const at = place === undefined ? "" : `, at ${place}`;
  const unresolved = unresolvedImport(first);
  const why = unresolved ? `its import "${unresolved.specifier}" cannot be resolved` : first.replace(/\.$/, "");
  const detail = { flag: "plugin", value: module, ...(unresolved ? { import: unresolved.specifier } : {}) };
  return new CliError("plugin-failed", `${what}: ${why}${at}`, { detail, hint: unresolved?.hint });
}

/** The path as typed if the error is about the module itself, and not about one that it imports. */
function pathIn(cause: unknown, module: string): string | undefined {
  const isItself = cause instanceof Error && cause.message.startsWith(`Requires read access to "${resolve(module)}",`);
  return isItself ? module : undefined;
}

/** Whether the error is about modules and their imports: then the message names the place. */
function isAboutModules(cause: unknown): cause is Error {
  if (!(cause instanceof Error)) return false;
  if ((cause as Error & { readonly code?: unknown }).code === "ERR_MODULE_NOT_FOUND") return true;
  return cause instanceof SyntaxError && /^The requested module .* at \S+:\d+:\d+$/.test(cause.message);
}

function missingExport(found: Readonly<Record<string, unknown>>): Fault {
  const names = Object.keys(found);
  const message = "it has no export named plugin";
  if (names.includes("default")) {
    return { message, hint: "Use a named export instead of the default one: export const plugin = …;" };
  }
  const candidate = names.find((name) => isPluginLike(found[name]));
  if (candidate !== undefined) {
    return { message, hint: `Export it under that name: export { ${candidate} as plugin };` };
  }
  return { message, hint: WRITE_OBJECT };
}

function isPluginLike(value: unknown): boolean {
  return typeof value === "object" && value !== null && "name" in value && ("handlers" in value || "stages" in value);
}

function faultOf(plugin: unknown, module: string): Fault | undefined {
  if (typeof plugin === "function") {
    const maker = plugin.name === "plugin" || plugin.name === "" ? "mine" : plugin.name;
    const hint = `Export what the function returns: export const plugin = ${maker}();`;
    return { message: "plugin is a function, not a plugin", hint };
  }
  if (plugin instanceof Promise) {
    return { message: "plugin is a promise, not a plugin", hint: "Await it: export const plugin = await …;" };
  }
  if (Array.isArray(plugin)) {
    return { message: "plugin is an array", hint: "Export one plugin per module; --plugin can be repeated." };
  }
  if (typeof plugin !== "object" || plugin === null) {
    return {
      message: `plugin is ${plugin === null ? "null" : `a ${typeof plugin}`}, not an object`,
      hint: WRITE_OBJECT,
    };
  }
  const { name } = plugin as { readonly name?: unknown };
  if (isKebabCase(name)) return undefined;
  const suggestion = suggestedName(typeof name === "string" ? name : module);
  const hint = `Write: export const plugin = { name: "${suggestion}", … };`;
  if (typeof name !== "string") return { message: "it has no name", hint };
  return { message: `its name ${JSON.stringify(printable(name))} is not in kebab-case`, hint };
}

/** A name in kebab-case made from any name, or from a file name. */
function suggestedName(text: string): string {
  const stem = text.replace(/^.*[\\/]/, "").replace(/\.\w+$/, "");
  const words = stem.replaceAll(/([a-z0-9])([A-Z])/g, "$1-$2").toLowerCase().match(/[a-z0-9]+/g) ?? [];
  const name = words.join("-");
  return isKebabCase(name) ? name : "mine";
}
