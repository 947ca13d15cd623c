/**
 * The loader's options, as they are spelled on the command line.
 *
 * @module
 */

/** The loader's options by the names that they have on the command line. */
const FLAG_OF: Readonly<Record<string, string>> = {
  kernelOffset: "--kernel-offset",
  level4Frame: "--level4-frame",
  maxMemory: "--max-memory",
  kernelBase: "--kernel-base",
};

/**
 * The same text with the flags' names in it, each said once.
 *
 * @param text A message of the loader's.
 * @returns Such as "Cannot use 0x1 as --kernel-offset".
 */
export function spellFlags(text: string): string {
  return text.replace(/\b[a-z]+4?[A-Z][a-z]+\b/g, (word) => FLAG_OF[word] ?? word).replace(/(--[a-z-]+) \(\1\)/g, "$1");
}
