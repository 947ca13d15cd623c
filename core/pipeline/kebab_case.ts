/**
 * Names of stages and plugins.
 *
 * @module
 */

/**
 * Whether a name is in kebab-case, as names of stages and plugins are.
 *
 * @param name The name.
 * @returns True for lower-case words and digits joined by hyphens.
 */
export function isKebabCase(name: unknown): boolean {
  return typeof name === "string" && /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name);
}
