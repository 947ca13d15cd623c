/**
 * Values of flags that may be left out.
 *
 * @module
 */

/**
 * Reads the value of a flag, if it is given.
 *
 * @param values The values as they were typed, by the names of their flags.
 * @param flag The flag's name, without the dashes.
 * @param parse Reads a value, and refuses one that does not fit.
 * @returns What `parse` returns, or `undefined`.
 */
export function readValue<T>(
  values: ReadonlyMap<string, string>,
  flag: string,
  parse: (flag: string, text: string) => T,
): T | undefined {
  const text = values.get(flag);
  return text === undefined ? undefined : parse(flag, text);
}
