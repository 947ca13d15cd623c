/**
 * Values of optional flags.
 *
 * @module
 */

/**
 * Reads the value of a flag, if it is given.
 *
 * @param values The values as typed, by flag name.
 * @param flag The flag's name, without the dashes.
 * @param parse Reads a value, and throws if it is not accepted.
 * @returns What `parse` returns; `undefined` without the flag.
 */
export function readValue<T>(
  values: ReadonlyMap<string, string>,
  flag: string,
  parse: (flag: string, text: string) => T,
): T | undefined {
  const text = values.get(flag);
  return text === undefined ? undefined : parse(flag, text);
}
