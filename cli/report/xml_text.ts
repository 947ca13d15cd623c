/**
 * Text in XML documents.
 *
 * @module
 */

import { printable } from "../output/text.ts";

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
};

/**
 * Makes untrusted text safe inside elements and attributes.
 *
 * @param text Any text.
 * @returns The text, escaped; control characters and others that XML does not have (XML 1.0, production 2) are shown as
 * JSON escapes.
 */
export function xmlText(text: string): string {
  return printable(text)
    .replace(/[\ufffe\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16)}`)
    .replace(/[&<>"']/g, (char) => ESCAPES[char]);
}
