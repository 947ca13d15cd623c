/**
 * Values of plugins that cannot be read: getters, proxies and `toJSON` are code of the plugin, which may throw.
 *
 * @module
 */

import { messageOf } from "../output/cli_error.ts";

/**
 * Reads a value of a plugin.
 *
 * @param read Reads it.
 * @returns What `read` returns; "[throws: message]" if it throws.
 */
export function readable<Value>(read: () => Value): Value | string {
  try {
    return read();
  } catch (error) {
    return `[throws: ${textOf(error)}]`;
  }
}

/** Whatever was thrown may throw again when it is read. */
function textOf(error: unknown): string {
  try {
    return messageOf(error);
  } catch {
    return "an unreadable error";
  }
}
